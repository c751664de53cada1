"""Squared distances in blocks, against differences of rows."""

import numpy as np
import pytest

from genkeras.metrics.distances import row_blocks, squared_distances


def test_agreement_with_differences():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(6, 5)), 100.0 + random.normal(size=(7, 5))
    expected = [[np.square(a - b).sum() for b in y] for a in x]
    np.testing.assert_allclose(squared_distances(x, y), expected, rtol=1e-11)


def test_equal_rows_are_at_distance_zero():
    rows = 1e3 * np.random.default_rng(0).normal(size=(50, 300)).astype(np.float32)
    # Blocks of another size have other rounding.
    for block in (slice(0, 50), slice(3, 4), slice(10, 33)):
        distances = squared_distances(rows[block], rows)
        np.testing.assert_array_equal(distances == 0, np.eye(50, dtype=bool)[block])


def test_small_distances_are_kept():
    rows = np.ones((2, 100))
    rows[1, 0] += 1e-5
    assert squared_distances(rows, rows)[0, 1] == pytest.approx(1e-10, rel=1e-3)


def test_blocks_cover_all_rows_once():
    blocks = list(row_blocks(10, 4, block_size=15))
    assert blocks == [slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 10)]
    assert list(row_blocks(2, 100, block_size=15)) == [slice(0, 1), slice(1, 2)]
    assert list(row_blocks(0, 4)) == []
