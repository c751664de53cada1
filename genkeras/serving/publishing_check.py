"""Whether an exported sampler draws what the trained model draws, before it is published."""

import dataclasses
import io
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf
from PIL import Image

from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.serving import tensor_functions
from genkeras.training.errors import RunError

# A sampler may differ by rounding: other kernels, other batches.
FLOAT_TOLERANCE = 1e-5
LEVEL_TOLERANCE = 1
SECONDS = 900
# One row, and rows of a batch; a seed may have 63 bits.
_SEEDS = ((0,), (1, 2**31, 2**63 - 1))
_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Example:
    """A request and what the trained model answers.

    Args:
        signature: String. Name of a signature.
        inputs: Dict of arrays.
        outputs: Dict of arrays; PNG files as the pictures they show.
    """

    signature: str
    inputs: dict
    outputs: dict


def examples(model, names):
    """Asks the trained model, one picture at a time, through its own methods.

    Args:
        model: Model of a run.
        names: Iterable of signatures' names.

    Returns:
        List of `Example`s.

    Raises:
        genkeras.data.dataset.DataError: If the model has diverged.
    """
    found = []
    # What the sampler is held against is computed on the device that it is checked on.
    with tf.device("CPU:0"):
        for seeds in _SEEDS:
            of_seeds = _of_seeds(model, seeds)
            found += [Example(name, *of_seeds[name]) for name in names]
    return found


def check_in_fresh_process(folder, expected):
    """Replays the warm-up requests of a sampler without Keras and genkeras.

    Args:
        folder: Path of the SavedModel.
        expected: List of `Example`s, in the order of its warm-up requests.

    Returns:
        Dict of `float` and `uint8` to the largest difference.

    Raises:
        RunError: If it does not load or answers otherwise than the trained model.
    """
    with tempfile.TemporaryDirectory() as temporary:
        results = pathlib.Path(temporary, "results.npz")
        _replay(folder, results)
        with np.load(results, allow_pickle=False) as archive:
            answers = {name: archive[name] for name in archive.files}
    return compare(
        [
            {name: _answer(answers, f"{index}/{name}", len(value)) for name, value in outputs}
            for index, outputs in enumerate(example.outputs.items() for example in expected)
        ],
        expected,
    )


def compare(answers, expected):
    """Refuses answers that differ from the trained model's by more than rounding.

    Args:
        answers: List of dicts of outputs.
        expected: List of `Example`s.

    Returns:
        Dict of `float` and `uint8` to the largest difference. Floats beyond 1, which only
        codes have, count by the largest of their array.

    Raises:
        RunError: If a difference is above `FLOAT_TOLERANCE` or `LEVEL_TOLERANCE`.
    """
    largest = {"float": 0.0, "uint8": 0.0}
    for outputs, example in zip(answers, expected, strict=True):
        for name, right in example.outputs.items():
            answer = outputs[name]
            where = f"The output {name} of the signature {example.signature}"
            if (answer.shape, answer.dtype) != (right.shape, right.dtype):
                raise RunError(
                    f"{where} is {answer.dtype} {answer.shape}, but the trained model's is "
                    f"{right.dtype} {right.shape}: the sampler is not published."
                )
            kind = "uint8" if right.dtype == np.uint8 else "float"
            difference = float(np.abs(answer.astype(np.float64) - right).max())
            if kind == "float":
                difference /= max(1.0, float(np.abs(right).max()))
            allowed = LEVEL_TOLERANCE if kind == "uint8" else FLOAT_TOLERANCE
            # Written so that NaN is refused.
            if not difference <= allowed:
                raise RunError(
                    f"{where} differs from the trained model's by {difference:.3g}, more than "
                    f"{allowed:g}: the sampler is not published."
                )
            largest[kind] = max(largest[kind], difference)
    return largest


def _of_seeds(model, seeds):
    """Returns a dict of a signature's name to inputs and right outputs, for each seed a row."""
    rows = {}
    if getattr(model, "num_classes", None):
        rows["labels"] = np.arange(len(seeds), dtype=np.int64) % model.num_classes
    functions = tensor_functions.of_model(model)
    latents = np.concatenate(
        [functions.draw_latents(tf.constant(seed, tf.int64)).numpy() for seed in seeds]
    )
    images_float = np.concatenate(
        [
            model.sample(1, seed=seed, **{key: value[[row]] for key, value in rows.items()})
            for row, seed in enumerate(seeds)
        ]
    )
    images = to_uint8(images_float, model.value_range)
    pictures = {"images": images, "images_float": images_float}
    of_latents = ({"latents": latents, **rows}, pictures)
    of_seeds = {"seeds": np.array(seeds, np.int64), **rows}
    found = {
        "serving_default": of_latents,
        "decode": of_latents,
        "sample": (of_seeds, pictures),
        "sample_png": (of_seeds, {"image_bytes": images}),
        "draw_latents": ({"seeds": of_seeds["seeds"]}, {"latents": latents}),
    }
    if functions.encode is not None:
        inputs = to_range(images, model.value_range)
        reproductions = model.reconstruct(inputs)
        found["encode"] = ({"images": images}, {"latents": model.encode(inputs)})
        found["reconstruct"] = (
            {"images": images},
            {
                "images": to_uint8(reproductions, model.value_range),
                "images_float": reproductions,
            },
        )
    return found


def _replay(folder, results):
    script = pathlib.Path(__file__).with_name("replay.py")
    # `-P`: the modules beside the script are not to be found by their names.
    command = [sys.executable, "-P", str(script), str(folder), str(results)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"The sampler did not answer within {SECONDS} s in a process of its own: it is not "
            "published."
        ) from None
    if done.returncode:
        _log.error("%s", done.stderr.strip())
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise RunError(
            f"The sampler fails in a process without Keras and genkeras: {last}. It is not "
            "published; all of the message stands above."
        )


def _answer(answers, key, num_rows):
    """Returns an output of a replay, bytes of PNG files as the pictures they show."""
    if key in answers:
        return answers[key]
    pictures = []
    for row in range(num_rows):
        with Image.open(io.BytesIO(answers[f"{key}/{row}"].tobytes())) as picture:
            pixels = np.asarray(picture)
            pictures.append(pixels if pixels.ndim == 3 else pixels[..., None])
    return np.stack(pictures)
