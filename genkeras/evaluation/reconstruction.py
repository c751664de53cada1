"""How well a model reproduces test pictures: by its encoder, or by inversion."""

import math

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.evaluation.inversion import invert
from genkeras.evaluation.run_data import load_run_data
from genkeras.metrics import reconstruction as metrics
from genkeras.training import experiment
from genkeras.visualization import grid

# 2: PSNR and SSIM beside the squared error, `method`, adversarial models.
FORMAT_VERSION = 2
CHUNK_SIZE = 256


def reproduce(model, images, labels=None, *, num_restarts=4, num_steps=200, seed=0):
    """Returns what a model makes of pictures.

    An autoencoder decodes their codes (without noise); for an adversarial model the latents
    are searched for, see `inversion`.

    Args:
        model: Model of a run.
        images: uint8 array `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`, the classes of the pictures. Needed by
            conditional models; others do not look at them.
        num_restarts, num_steps, seed: As for `invert`.

    Returns:
        Pair of the reproductions, uint8 of the images' shape, and how they were found:
        `"encoder"`, or such as `"inversion, 4 restarts, 200 steps"`.
    """
    if hasattr(model, "reconstruct"):
        chunks = [
            to_uint8(
                model.reconstruct(to_range(images[start : start + CHUNK_SIZE], model.value_range)),
                model.value_range,
            )
            for start in range(0, len(images), CHUNK_SIZE)
        ]
        return np.concatenate(chunks), "encoder"
    reproductions, _ = invert(
        model,
        images,
        labels if model.num_classes else None,
        num_restarts=num_restarts,
        num_steps=num_steps,
        seed=seed,
    )
    return reproductions, f"inversion, {num_restarts} restarts, {num_steps} steps"


def reconstruct(run_dir, num_images, output=None, json=None, search=None, best=False, **locations):
    """Reproduces the first test pictures of a run's data set and measures the errors.

    Args:
        run_dir: Path of a run directory.
        num_images: Integer. Fewer are used where the test split has fewer.
        output: Path of a PNG file, or `None`: originals, each with its reproduction to the
            right.
        json: Path of a file for the result, or `None`.
        search: Dict of arguments of `invert` for a model without an encoder.
        best: Boolean. Whether to take the state that `--keep_best` kept.
        **locations: As for `load_run_data`.

    Returns:
        Dict with `method` and, for each of `mean_squared_error`,
        `peak_signal_to_noise_ratio` and `structural_similarity`: `mean`, `min`, `max` and
        `per_image`, in the order of the test split. An infinite ratio, that of a picture
        without error, is `None`; for pictures that are too small for the similarity there is
        `left_out`, the reason, instead.

    Raises:
        RunError: If the run cannot be used.
    """
    config, model = experiment.load(run_dir, best=best)
    test = load_run_data(config, **locations).test
    originals = np.asarray(test.images[:num_images])
    labels = None if test.labels is None else test.labels[:num_images]
    reproductions, method = reproduce(model, originals, labels, **(search or {}))
    result = {
        "format_version": FORMAT_VERSION,
        "run_dir": str(run_dir),
        "model": config.model,
        "dataset": config.dataset,
        "split": "test",
        "num_images": len(originals),
        "method": method,
        **_measure(originals, reproductions),
    }
    if output is not None:
        # As many pairs in a row as rows, or nearly.
        columns = 2 * math.ceil(math.sqrt(len(originals)))
        pairs = grid.interleave(originals, reproductions)
        atomic.write_bytes(output, grid.to_png(grid.make_grid(pairs, columns)))
    if json is not None:
        atomic.write_json(json, result)
    return result


def _measure(originals, reproductions):
    """Returns a dict of each measure's name to its summary."""
    numbers = "pictures rounded to 256 values, as numbers from 0 to 1"
    height, width = originals.shape[1:3]
    window = metrics.WINDOW_SIZE
    if min(height, width) < window:
        similarity = {
            "left_out": f"pictures of {height}×{width} are smaller than its window of "
            f"{window}×{window} pixels"
        }
    else:
        similarity = _summary(
            metrics.structural_similarities(originals, reproductions),
            f"{numbers}; {window}×{window} Gaussian window (Wang et al., 2004)",
        )
    return {
        "mean_squared_error": _summary(
            metrics.mean_squared_errors(originals, reproductions), numbers
        ),
        "peak_signal_to_noise_ratio": _summary(
            metrics.peak_signal_to_noise_ratios(originals, reproductions),
            f"{numbers}; decibels, null for equal pictures; the mean is over pictures",
        ),
        "structural_similarity": similarity,
    }


def _summary(values, protocol):
    return {
        "protocol": protocol,
        "mean": _finite(values.mean()),
        "min": _finite(values.min()),
        "max": _finite(values.max()),
        "per_image": [_finite(value) for value in values],
    }


def _finite(value):
    """Returns a number that JSON can hold, or `None`."""
    return float(value) if np.isfinite(value) else None
