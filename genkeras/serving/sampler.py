"""A version of a sampler, loaded and ready to answer. Needs TensorFlow, but not Keras."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from genkeras.serving import graph_check, metadata, prediction_log

# What is answered and shown needs these.
_FACTS = ("classes", "dataset", "epochs", "image_shape", "latent_dim", "prior", "title")
_WARM_UP = pathlib.Path("assets.extra", "tf_serving_warmup_requests")


class SamplerError(Exception):
    """A folder cannot be served; the message says why."""


@dataclasses.dataclass(frozen=True)
class TensorFacts:
    """An input or an output.

    Args:
        dtype: NumPy's type; `object` for bytes.
        shape: Tuple of one row's shape, without the batch axis.
    """

    dtype: np.dtype
    shape: tuple


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a signature takes and gives: dicts of names to `TensorFacts`."""

    inputs: dict
    outputs: dict


class Sampler:
    """A loaded version of a sampler.

    Args:
        path: Path of the folder of the version.
        name: String.
        version: Integer.

    Attributes:
        facts: Dict from `metadata.read`.
        signatures: Dict of names to `Signature`s.
        signature_defs: JSON-able dict of names to `SignatureDef`s, as TensorFlow Serving
            writes them.

    Raises:
        SamplerError: If it is no sampler of ours, is damaged, or does more than compute.
    """

    def __init__(self, path, name, version):
        self.name, self.version = name, version
        try:
            self.facts = metadata.read(path)
        except (OSError, ValueError) as error:
            raise SamplerError(
                f"its assets/{metadata.FILE_NAME} cannot be read, so it was not made by "
                f"apps.export ({error})"
            ) from error
        missing = [key for key in _FACTS if key not in self.facts]
        if missing:
            raise SamplerError(f"its assets/{metadata.FILE_NAME} has no {', '.join(missing)}")
        try:
            content = pathlib.Path(path, "saved_model.pb").read_bytes()
            graph_check.check(content)
            self.signature_defs = _signature_defs(content)
            # Held, because its variables live as long as it does.
            self._loaded = tf.saved_model.load(str(path))
            for function in self._loaded.signatures.values():
                graph_check.check_signature(function)
            self.signatures = {
                key: _signature(key, function) for key, function in self._loaded.signatures.items()
            }
            self._warm_up(path)
        # A damaged file can fail in any way, and must not stop the server.
        except Exception as error:
            raise SamplerError(_first_line(error)) from error

    @property
    def conditional(self):
        return self.facts["classes"] is not None

    def run(self, signature, inputs):
        """Answers.

        Args:
            signature: String.
            inputs: Dict of arrays of the input's types and shapes.

        Returns:
            Dict of arrays.

        Raises:
            tf.errors.OpError: If a value is not as the signature wants it.
        """
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        outputs = self._loaded.signatures[signature](**tensors)
        return {name: output.numpy() for name, output in outputs.items()}

    def _warm_up(self, path):
        """Answers what it was checked with: the first client need not wait for the kernels."""
        if (path / _WARM_UP).exists():
            for signature, inputs in prediction_log.read(path / _WARM_UP):
                self._loaded.signatures[signature](**inputs)


def _signature(key, function):
    inputs = function.structured_input_signature[1]
    if not inputs:
        raise SamplerError(f"its signature {key} has no inputs")
    for name, spec in [*inputs.items(), *function.structured_outputs.items()]:
        if not spec.shape.rank or spec.shape[0] is not None or None in spec.shape[1:]:
            raise SamplerError(
                f"{name} of its signature {key} has shape {spec.shape}: expected a first axis, "
                "that of the rows, which is free, and others which are not"
            )
    return Signature(
        {name: _facts(spec) for name, spec in inputs.items()},
        {name: _facts(output) for name, output in function.structured_outputs.items()},
    )


def _facts(spec):
    return TensorFacts(np.dtype(spec.dtype.as_numpy_dtype), tuple(spec.shape[1:]))


def _signature_defs(content):
    (meta_graph, *_) = SavedModel.FromString(content).meta_graphs
    return {
        name: json_format.MessageToDict(
            signature,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        for name, signature in meta_graph.signature_def.items()
    }


def _first_line(error):
    return str(error).strip().partition("\n")[0] or type(error).__name__
