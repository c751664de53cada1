"""Lines between two codes."""

import numpy as np

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

    Args and result: as for `lerp`.
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
