"""Decoders in one file, for runtimes other than TensorFlow: ONNX and LiteRT.

Latents (and labels) go in, pictures in the model's range come out; random numbers and uint8
are the caller's.
"""

import dataclasses
import importlib
import warnings

import numpy as np
import tensorflow as tf

from genkeras import atomic
from genkeras.serving import metadata, publishing_check, signatures
from genkeras.serving.quiet import quiet_converters
from genkeras.training.errors import RunError

FILE_NAMES = {"onnx": "model.onnx", "litert": "model.tflite"}
_NEEDED = {"onnx": ("tf2onnx", "onnx", "onnxruntime"), "litert": ()}


def require(export_format):
    """Checks that what a format needs is installed.

    Raises:
        RunError: If it is not; the message says how to install it.
    """
    for module in _NEEDED.get(export_format, ()):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise RunError(
                f"--format={export_format} needs {module}, which cannot be imported ({error}): "
                f"pip install {' '.join(_NEEDED[export_format])}"
            ) from error


def write(folder, export_format, model, describe):
    """Writes a decoder and its metadata, and checks what it draws.

    Args:
        folder: Path of an empty folder.
        export_format: String. A key of `FILE_NAMES`.
        model: Model of a run.
        describe: Function of described signatures that returns the metadata.

    Returns:
        Dict of `float` to the largest difference from the trained model.

    Raises:
        RunError: If it draws otherwise than the trained model.
    """
    function, specs = signatures.decoder(model)
    concrete = function.get_concrete_function(**specs)
    convert, load = _FORMATS[export_format]
    path = folder / FILE_NAMES[export_format]
    with quiet_converters():
        content = convert(function, concrete, specs)
    atomic.write_bytes(path, content)
    facts = describe(signatures.describe({signatures.DEFAULT: concrete}))
    atomic.write_json(folder / metadata.FILE_NAME, facts)
    decode = load(path)
    examples = [
        dataclasses.replace(example, outputs={"images_float": example.outputs["images_float"]})
        for example in publishing_check.examples(model, [signatures.DEFAULT])
    ]
    answers = [{"images_float": decode(example.inputs)} for example in examples]
    return {"float": publishing_check.compare(answers, examples)["float"]}


def _to_onnx(function, concrete, specs):
    import tf2onnx

    proto, _ = tf2onnx.convert.from_function(function, input_signature=list(specs.values()))
    for tensor in (*proto.graph.input, *proto.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    return proto.SerializeToString()


def _load_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["images_float"], inputs)[0]


def _to_litert(function, concrete, specs):
    owner = tf.Module()
    owner.weights = list(concrete.variables)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner).convert()


def _load_litert(path):
    with warnings.catch_warnings():
        # TensorFlow names the package `ai-edge-litert` as the successor of its interpreter.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner(signatures.DEFAULT)
    return lambda inputs: np.array(run(**inputs)["images_float"])


_FORMATS = {"onnx": (_to_onnx, _load_onnx), "litert": (_to_litert, _load_litert)}
