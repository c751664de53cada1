"""Samplers that stand alone, made from runs."""

import contextlib
import logging
import pathlib
import shlex
import tempfile

import tensorflow as tf

from genkeras import atomic
from genkeras.data.registry import directory_name
from genkeras.serving import (
    metadata,
    prediction_log,
    publishing_check,
    single_file,
    tensor_functions,
    versions,
)
from genkeras.serving import signatures as serving_signatures
from genkeras.serving.quiet import quiet_converters
from genkeras.training import config as configuration
from genkeras.training import experiment, state
from genkeras.training.errors import RunError
from genkeras.training.file_errors import told_as_python_does
from genkeras.training.history import History

# Format -> the file that every version of a sampler holds.
FORMATS = {"saved_model": "saved_model.pb", **single_file.FILE_NAMES}
WARM_UP = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
_log = logging.getLogger("genkeras")


def export_run(
    run_dir,
    output=None,
    name=None,
    version=None,
    format="saved_model",
    best=False,
    scores=None,
    decoder_only=False,
):
    """Makes a sampler of a run: `<output>/<name>/<version>/`.

    It is published, by a rename, after it was loaded and has drawn what the run's model draws;
    a SavedModel in a process of its own, without Keras and genkeras.

    Args:
        run_dir: Path of a run directory.
        output: Path of the folder of samplers. Defaults to `<run_dir>/export`.
        name: String. Defaults to `<model>_<dataset>`, with the format behind it for ONNX and
            LiteRT.
        version: Integer. Defaults to the next one.
        format: String. A key of `FORMATS`.
        best: Boolean. Whether to take the state that `--keep_best` kept.
        scores: Dict of scores' names to numbers for the metadata; those of the run's history
            where `None`.
        decoder_only: Boolean. Whether a SavedModel is without the encoder of an autoencoder.

    Returns:
        Path of the version.

    Raises:
        RunError: If the run, the output or the format cannot be used, or the sampler differs
            from the model.
    """
    if format not in FORMATS:
        raise RunError(f"--format={format} is unknown: use one of {', '.join(FORMATS)}.")
    single_file.require(format)
    run_dir = pathlib.Path(run_dir).expanduser()
    config = configuration.load(run_dir)
    if name is None:
        name = _default_name(config) + ("" if format == "saved_model" else f"_{format}")
    output = run_dir / "export" if output is None else pathlib.Path(output).expanduser()
    versions.check(output, name, FORMATS[format], version)
    config, model = experiment.load(run_dir, best=best)
    # A training may have stored another state by now: weights and history are of one.
    loaded = state.load_best(run_dir) if best else state.load_newest(run_dir)
    if loaded is None:
        raise RunError(f"The state was moved away from {run_dir} meanwhile: export it once more.")
    state.restore(model, loaded[0])
    history, state_sha256 = History.from_meta(loaded[1]), state.digest(loaded[0])

    def describe(signatures):
        return metadata.describe(
            config,
            model,
            signatures,
            prior=tensor_functions.of_model(model).prior,
            name=name,
            export_format=format,
            history=history,
            state_sha256=state_sha256,
            best=best,
            scores=scores,
        )

    def write(folder):
        if format == "saved_model":
            functions = serving_signatures.concrete_functions(
                model, config.image_shape, decoder_only
            )
            found = _write_saved_model(folder, model, functions, describe)
        else:
            found = single_file.write(folder, format, model, describe)
        _log.info(
            "The sampler draws what the model draws, to %.1e%s",
            found["float"],
            f" and {found['uint8']:.0f} of 255 levels" if "uint8" in found else "",
        )

    with told_as_python_does(output / name):
        return versions.publish(output / name, write, version)


def export_newest(run_dir):
    """Makes a sampler of the newest state of a run, in `<run_dir>/export`.

    Args:
        run_dir: Path of a run directory.

    Returns:
        Pair: the path of the version, and whether it was made now. It was not if the newest
        version is of this state.

    Raises:
        RunError: As for `export_run`.
    """
    run_dir = pathlib.Path(run_dir).expanduser()
    there = versions.find(run_dir / "export" / _default_name(configuration.load(run_dir)))
    loaded = state.load_newest(run_dir)
    if there and loaded:
        newest = list(there.values())[-1]
        # What cannot be read, or was made before samplers named their state, is of another.
        with contextlib.suppress(OSError, ValueError):
            if metadata.read(newest).get("state_sha256") == state.digest(loaded[0]):
                return newest, False
    return export_run(run_dir), True


def commands(path):
    """Returns command lines that try a sampler, a list of strings.

    Args:
        path: Path of a version.
    """
    facts = metadata.read(path)
    if facts["format"] != "saved_model":
        return []
    folder = shlex.quote(str(path))
    inputs = "seeds=[0,1,2,3]" + (";labels=[0,1,0,1]" if facts["classes"] else "")
    return [
        f"saved_model_cli show --dir={folder} --all",
        f"saved_model_cli run --dir={folder} --tag_set=serve --signature_def=sample "
        f"--input_exprs={shlex.quote(inputs)} --outdir=samples",
    ]


def _write_saved_model(folder, model, functions, describe):
    facts = describe(serving_signatures.describe(functions))
    sampler = tf.Module(name="sampler")
    # Those of the training program that no signature reads stay behind.
    sampler.weights = list(
        {id(v): v for function in functions.values() for v in function.variables}.values()
    )
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary, metadata.FILE_NAME)
        atomic.write_json(path, facts)
        sampler.metadata = tf.saved_model.Asset(str(path))
        with quiet_converters():
            tf.saved_model.save(sampler, str(folder), signatures=functions)
    examples = publishing_check.examples(model, functions)
    (folder / WARM_UP).parent.mkdir()
    requests = [(example.signature, example.inputs) for example in examples]
    prediction_log.write(folder / WARM_UP, facts["name"], requests)
    return publishing_check.check_in_fresh_process(folder, examples)


def _default_name(config):
    return f"{config.model}_{directory_name(config.dataset)}"
