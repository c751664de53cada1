"""Lines between two codes, and what a model makes of the points on them."""

import itertools

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.evaluation.inversion import invert
from genkeras.evaluation.run_data import load_run_data
from genkeras.evaluation.sampling import chosen_labels
from genkeras.models import noise
from genkeras.models.inference import in_chunks
from genkeras.training import experiment
from genkeras.training.errors import RunError
from genkeras.visualization import grid

# Priors whose samples lie near (or on) a sphere, so that a straight line would cross
# a region where the model has learnt nothing.
SPHERICAL_PRIORS = ("normal", "sphere")
# Below, two directions are taken for parallel.
_PARALLEL = 1e-6


def lerp(starts, ends, num_steps):
    """Linear interpolation.

    Args:
        starts, ends: Float arrays `(num_lines, latent_dim)`.
        num_steps: Integer, at least 2. Points on a line, both ends included.

    Returns:
        float64 array `(num_lines, num_steps, latent_dim)`.
    """
    starts, ends = _checked(starts, ends, num_steps)
    weights = np.linspace(0.0, 1.0, num_steps)[:, None]
    return _with_exact_ends((1.0 - weights) * starts + weights * ends, starts, ends)


def slerp(starts, ends, num_steps):
    """Spherical linear interpolation: along a great circle, at a constant speed.

    Between vectors of different lengths the length changes linearly; between equal ones
    this is `sin((1 − t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b`, with Ω the angle between them.
    Opposite vectors have many great circles, of which one is taken. A vector of length 0
    has no direction and takes that of the other end. In one dimension, where there is no
    way around the origin, the line is straight.

    Reference:
        [White, 2016](https://arxiv.org/abs/1609.04468), section 2.1.

    Args:
        starts, ends: Float arrays `(num_lines, latent_dim)`.
        num_steps: Integer, at least 2. Points on a line, both ends included.

    Returns:
        float64 array `(num_lines, num_steps, latent_dim)`.
    """
    starts, ends = _checked(starts, ends, num_steps)
    if starts.shape[-1] == 1:
        return lerp(starts[:, 0], ends[:, 0], num_steps)
    lengths = [np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in (starts, ends)]
    first = _directions(starts, instead_of_zero=ends)
    last = _directions(ends, instead_of_zero=starts)
    # Of all formulas the one that is exact for small angles and for nearly opposite vectors.
    angles = 2.0 * np.arctan2(
        np.linalg.norm(first - last, axis=-1, keepdims=True),
        np.linalg.norm(first + last, axis=-1, keepdims=True),
    )
    across = _perpendicular(last, first)
    weights = np.linspace(0.0, 1.0, num_steps)[:, None]
    directions = np.cos(weights * angles) * first + np.sin(weights * angles) * across
    points = ((1.0 - weights) * lengths[0] + weights * lengths[1]) * directions
    return _with_exact_ends(points, starts, ends)


def interpolate(
    run_dir,
    output,
    num_lines=8,
    num_steps=10,
    seed=0,
    from_test=False,
    labels=None,
    best=False,
    **locations,
):
    """Writes a sheet with one line between two codes in every row.

    Args:
        run_dir: Path of a run directory.
        output: Path of a PNG file.
        num_lines: Integer.
        num_steps: Integer, at least 2. Pictures on a line, both ends included.
        seed: Integer. Seed of the codes, or of the choice of test pictures.
        from_test: Boolean. Whether the ends are the codes of two test pictures, which then
            stand left and right of their line, instead of samples of the prior. Of a model
            without an encoder they are searched for (see `inversion`).
        labels: List of strings, for a conditional model: the classes of the lines in turn,
            test pictures at their ends included. `None` draws one for each line.
        best: Boolean. Whether to take the state that `--keep_best` kept.
        **locations: As for `load_run_data`.

    Returns:
        String: `"spherical"` or `"linear"`.

    Raises:
        RunError: If the run, the labels or the test pictures cannot be used.
    """
    config, model = experiment.load(run_dir, best=best)
    line_labels = chosen_labels(labels, config, model, num_lines, seed)
    if from_test:
        split = load_run_data(config, **locations).test
        rows = _test_pairs(split, num_lines, seed, line_labels)
        images = np.asarray(split.images[rows])
        codes = _codes(model, images, line_labels, seed)
    else:
        codes = np.asarray(model.draw_latents(2 * num_lines, noise.fold(noise.fold(seed, 4), 0)))
    prior = model.prior if isinstance(model.prior, str) else model.prior.name
    spherical = prior in SPHERICAL_PRIORS
    lines = (slerp if spherical else lerp)(codes[::2], codes[1::2], num_steps)
    latents = lines.reshape(-1, lines.shape[-1]).astype(np.float32)
    # One class along a line.
    row_labels = [] if line_labels is None else [np.repeat(line_labels, num_steps)]
    pictures = in_chunks(model.generate, latents, *row_labels)
    pictures = to_uint8(pictures, model.value_range)
    pictures = pictures.reshape(num_lines, num_steps, *config.image_shape)
    if from_test:
        ends = images.reshape(num_lines, 2, *config.image_shape)
        pictures = np.concatenate([ends[:, :1], pictures, ends[:, 1:]], axis=1)
    sheet = grid.make_grid(pictures.reshape(-1, *config.image_shape), columns=pictures.shape[1])
    atomic.write_bytes(output, grid.to_png(sheet))
    return "spherical" if spherical else "linear"


def _codes(model, images, line_labels, seed):
    """Returns the latents of the pictures at the ends of the lines."""
    if hasattr(model, "encode"):
        return model.encode(to_range(images, model.value_range))
    labels = None if line_labels is None else np.repeat(line_labels, 2)
    _, latents = invert(model, images, labels, seed=seed)
    return latents


def _test_pairs(split, num_lines, seed, line_labels):
    """Returns two rows of the test split for each line, both of the line's class if it has one."""
    random, count = np.random.default_rng(seed), len(split.images)
    if line_labels is None:
        if count < 2 * num_lines:
            raise RunError(
                f"{num_lines} lines need {2 * num_lines} test pictures, and there are "
                f"{count}: lower --num_lines."
            )
        return np.sort(random.choice(count, 2 * num_lines, replace=False))
    order = random.permutation(count)
    of_class = {
        label: iter(order[np.asarray(split.labels)[order] == label]) for label in set(line_labels)
    }
    rows = [row for label in line_labels for row in itertools.islice(of_class[label], 2)]
    if len(rows) < 2 * num_lines:
        raise RunError(
            f"{num_lines} lines need two test pictures each of their class, and there are not "
            "enough: lower --num_lines, or give --labels of larger classes."
        )
    return np.array(rows)


def _checked(starts, ends, num_steps):
    """Returns both as float64 `(num_lines, 1, latent_dim)`."""
    starts, ends = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    if starts.shape != ends.shape or starts.ndim != 2:
        raise ValueError(
            f"starts has shape {starts.shape} and ends {ends.shape}; expected twice "
            "(num_lines, latent_dim)."
        )
    if num_steps < 2:
        raise ValueError(f"num_steps={num_steps}; expected at least 2, the two ends.")
    return starts[:, None], ends[:, None]


def _with_exact_ends(points, starts, ends):
    points[:, :1], points[:, -1:] = starts, ends
    return points


def _unit(vectors, otherwise, shortest):
    """Returns vectors divided by their lengths; `otherwise` for those that are too short."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    long_enough = lengths > shortest
    return np.where(long_enough, vectors / np.where(long_enough, lengths, 1.0), otherwise)


def _directions(vectors, instead_of_zero):
    first_axis = np.eye(vectors.shape[-1])[0]
    return _unit(vectors, _unit(instead_of_zero, first_axis, 0.0), 0.0)


def _perpendicular(last, first):
    """Returns unit vectors perpendicular to `first`, in its plane with `last`."""
    part = last - (last * first).sum(axis=-1, keepdims=True) * first
    # For parallel ones any will do: the axis that is farthest from `first` leads to one.
    axis = np.eye(first.shape[-1])[np.abs(first).argmin(axis=-1)]
    other = axis - (axis * first).sum(axis=-1, keepdims=True) * first
    return _unit(part, _unit(other, other, 0.0), _PARALLEL)
