"""How well an autoencoder reproduces test pictures."""

import math

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.evaluation.run_data import load_run_data
from genkeras.training import experiment
from genkeras.training.errors import RunError
from genkeras.visualization import grid

FORMAT_VERSION = 1
CHUNK_SIZE = 256


def reconstruct(run_dir, num_images, output=None, json=None, **locations):
    """Reproduces the first test pictures of a run's data set and measures the error.

    Args:
        run_dir: Path of a run directory.
        num_images: Integer. Fewer are used where the test split has fewer.
        output: Path of a PNG file, or `None`: originals, each with its reproduction to the
            right.
        json: Path of a file for the result, or `None`.
        **locations: As for `load_run_data`.

    Returns:
        Dict with `mean_squared_error`: `mean`, `min`, `max` and `per_image`, in the order
        of the test split.

    Raises:
        RunError: If the run cannot be used, or its model is no autoencoder.
    """
    config, model = experiment.load(run_dir)
    require_autoencoder(model, config)
    images = load_run_data(config, **locations).test.images[:num_images]
    originals = np.asarray(images)
    reproductions = np.concatenate(
        [
            to_uint8(
                model.reconstruct(
                    to_range(originals[start : start + CHUNK_SIZE], model.value_range)
                ),
                model.value_range,
            )
            for start in range(0, len(originals), CHUNK_SIZE)
        ]
    )
    errors = mean_squared_errors(originals, reproductions)
    result = {
        "format_version": FORMAT_VERSION,
        "run_dir": str(run_dir),
        "model": config.model,
        "dataset": config.dataset,
        "split": "test",
        "num_images": len(originals),
        "mean_squared_error": {
            "protocol": "pictures rounded to 256 values, as numbers from 0 to 1",
            "mean": float(errors.mean()),
            "min": float(errors.min()),
            "max": float(errors.max()),
            "per_image": errors.tolist(),
        },
    }
    if output is not None:
        # As many pairs in a row as rows, or nearly.
        columns = 2 * math.ceil(math.sqrt(len(originals)))
        pairs = grid.interleave(originals, reproductions)
        atomic.write_bytes(output, grid.to_png(grid.make_grid(pairs, columns)))
    if json is not None:
        atomic.write_json(json, result)
    return result


def mean_squared_errors(originals, reproductions):
    """Mean squared difference of each pair of pictures, over pixels and channels.

    Args:
        originals, reproductions: uint8 arrays `(num_images, height, width, channels)`;
            they are compared as numbers in `[0, 1]`.

    Returns:
        float64 array `(num_images,)`.
    """
    errors = np.empty(len(originals))
    # One at a time: thousands of large pictures as float64 would fill the memory.
    for index, pair in enumerate(zip(originals, reproductions, strict=True)):
        original, reproduction = (picture.astype(np.float64) / 255.0 for picture in pair)
        errors[index] = np.square(original - reproduction).mean()
    return errors


def require_autoencoder(model, config):
    """Raises `RunError` unless a model can encode pictures."""
    if not hasattr(model, "reconstruct"):
        raise RunError(
            f"{config.model} has no encoder: to reproduce a picture with a GAN its latents have "
            "to be searched for (inversion), which genkeras does not do yet. Name the run of an "
            "autoencoder, such as vae."
        )
