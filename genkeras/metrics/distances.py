"""Squared Euclidean distances between rows, a bounded block at a time."""

import numpy as np

# Numbers in one block of distances: 16 MiB as float64, which is faster than more or less.
BLOCK_SIZE = 2**21


def row_blocks(num_rows, row_size, block_size=None):
    """Yields slices that cut rows into blocks of a bounded size, of one row at least.

    Args:
        num_rows: Integer.
        row_size: Integer. Numbers that are held for one row.
        block_size: Integer, or `None` for `BLOCK_SIZE`. Numbers in a block.
    """
    step = max(1, (block_size or BLOCK_SIZE) // row_size)
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def squared_distances(x, y):
    """‖x_i − y_j‖² of all pairs, as ‖x_i‖² + ‖y_j‖² − 2 x_i·y_j.

    A result within the rounding error of that form, which equal rows can leave, is 0. To lose
    few digits, rows should be near the origin: subtract the mean of a set from both first.

    Args:
        x: Array `(num_x, num_features)`.
        y: Array `(num_y, num_features)`.

    Returns:
        float64 array `(num_x, num_y)`.
    """
    x = np.asarray(x, np.float64)
    y = np.asarray(y, np.float64)
    norms = np.einsum("ij,ij->i", x, x)[:, np.newaxis] + np.einsum("ij,ij->i", y, y)
    distances = x @ y.T
    distances *= -2.0
    distances += norms
    # A sum of d products is off by at most d units of rounding of its terms' magnitudes: once
    # for the norms, once for the products (2|x·y| ≤ ‖x‖² + ‖y‖²).
    norms *= 2.0 * x.shape[1] * np.finfo(np.float64).eps
    distances[distances <= norms] = 0.0
    return distances
