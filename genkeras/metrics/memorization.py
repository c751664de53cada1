"""Does a generator repeat its training pictures? Distances from the nearest of them.

Reference:
    [Meehan et al., 2020](https://arxiv.org/abs/2004.05675): the three-sample test for data
    copying, here over the whole set without its division into cells.
"""

import numpy as np

from genkeras.metrics.distances import row_blocks, squared_distances

# Numbers in one block of pictures: 64 MiB as float64.
_BLOCK_SIZE = 2**23
# Rows in one block, however short they are: 2,048 have 32 MiB of distances from as many.
_MAX_ROWS = 2048


def nearest_neighbours(queries, candidates):
    """Euclidean distance of every query from its nearest candidate, and which one that is.

    Whole numbers, such as uint8 pictures, are compared exactly. Candidates are read a block
    at a time, so they may be an array on disk.

    Args:
        queries, candidates: Arrays `(num_rows, ...)` of equal shape but for the first axis.
            Pictures are flattened; uint8 ones are compared as numbers from 0 to 255.

    Returns:
        Tuple of float64 distances `(num_queries,)` and integer indices of candidates
        `(num_queries,)`; the first of equally near ones.

    Raises:
        ValueError: If there is no query or candidate, their shapes differ, or a value is NaN
            or infinite.
    """
    if queries.shape[1:] != candidates.shape[1:] or not len(queries) or not len(candidates):
        raise ValueError(
            "queries and candidates should be rows of one shape, at least one of each, got "
            f"{queries.shape} and {candidates.shape}."
        )
    distances = np.empty(len(queries))
    indices = np.empty(len(queries), np.int64)
    for query_block in _blocks(queries):
        rows = _flattened(queries, query_block)
        nearest = np.full(len(rows), np.inf)
        found = np.zeros(len(rows), np.int64)
        for block in _blocks(candidates):
            block_distances = squared_distances(rows, _flattened(candidates, block))
            best = block_distances.argmin(axis=1)
            values = block_distances[np.arange(len(rows)), best]
            is_nearer = values < nearest
            nearest[is_nearer] = values[is_nearer]
            found[is_nearer] = block.start + best[is_nearer]
        # Once more as a difference: a sum of products has lost digits of a small distance.
        for row, index in enumerate(found):
            difference = rows[row] - _flattened(candidates, slice(index, index + 1))[0]
            distances[query_block.start + row] = np.sqrt(np.square(difference).sum())
        indices[query_block] = found
    return distances, indices


def share_nearer(sample_distances, test_distances):
    """Probability that a sample is nearer to the training set than a test picture is.

    P(sample < test) + ½ P(sample = test) over all pairs. About 0.5 is unsuspicious; 1 means
    that every sample is nearer than every test picture: the generator copies. A value near 0
    means samples unlike any data.

    Args:
        sample_distances, test_distances: Arrays of distances from the nearest training
            picture, `(num_samples,)` and `(num_test_pictures,)`.

    Returns:
        Float in `[0, 1]`.

    Raises:
        ValueError: If either is empty, not of rank 1, or not finite.
    """
    for name, values in (("sample", sample_distances), ("test", test_distances)):
        if np.ndim(values) != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError(
                f"{name}_distances should be a non-empty row of finite numbers, got the shape "
                f"{np.shape(values)}. Use the distances of nearest_neighbours."
            )
    ordered = np.sort(test_distances)
    num_test = len(ordered)
    farther = num_test - np.searchsorted(ordered, sample_distances, side="right")
    not_nearer = num_test - np.searchsorted(ordered, sample_distances, side="left")
    return float((farther + not_nearer).mean() / (2 * num_test))


def _blocks(rows):
    row_size = max(int(np.prod(rows.shape[1:])), _BLOCK_SIZE // _MAX_ROWS)
    return row_blocks(len(rows), row_size, _BLOCK_SIZE)


def _flattened(rows, block):
    flat = np.asarray(rows[block], np.float64)
    if not np.isfinite(flat).all():
        raise ValueError(
            "queries and candidates should be finite, got NaN or infinity. Look whether the "
            "model that made them diverged."
        )
    return flat.reshape(len(flat), -1)
