"""Nearest neighbours and what they say of a generator that copies."""

import numpy as np
import pytest

from genkeras.metrics import memorization
from genkeras.metrics.memorization import nearest_neighbours, share_nearer
from tests.reference import memorization as reference


def _pictures(seed, num_images):
    return np.random.default_rng(seed).integers(0, 256, (num_images, 4, 3, 2)).astype(np.uint8)


def test_neighbours_by_hand():
    distances, indices = nearest_neighbours(
        np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([[6.0, 9.0], [3.0, 4.0], [9.0, 12.0]])
    )
    np.testing.assert_allclose(distances, [5.0, 3.0])
    # Both 0 and 2 are three away: the first.
    np.testing.assert_array_equal(indices, [1, 0])


@pytest.mark.parametrize("block_size", [2**23, 70])
def test_agreement_with_the_loop(monkeypatch, block_size):
    # 70 numbers are blocks of two pictures.
    monkeypatch.setattr(memorization, "_BLOCK_SIZE", block_size)
    queries, candidates = _pictures(0, 13), _pictures(1, 31)
    queries[4] = candidates[30]
    candidates[17] = candidates[2]
    queries[5] = candidates[2]
    distances, indices = nearest_neighbours(queries, candidates)
    expected = reference.nearest_neighbours(queries, candidates)
    np.testing.assert_array_equal(distances, [distance for distance, _ in expected])
    np.testing.assert_array_equal(indices, [index for _, index in expected])
    assert (distances[4], indices[4]) == (0.0, 30)
    assert (distances[5], indices[5]) == (0.0, 2)


def test_a_small_distance_keeps_its_digits():
    queries = np.full((1, 50), 1000.0)
    candidates = np.full((2, 50), 1000.0)
    candidates[:, 0] += [0.1, 1e-6]
    distances, indices = nearest_neighbours(queries, candidates)
    assert (distances[0], indices[0]) == (pytest.approx(1e-6, rel=1e-4), 1)


def test_shares_by_hand():
    # Of the four pairs (1, 1), (1, 3), (2, 1), (2, 3): tie, nearer, not, nearer.
    assert share_nearer([1.0, 2.0], [1.0, 3.0]) == 2.5 / 4
    assert share_nearer([0.0, 0.0], [1.0, 2.0]) == 1.0
    assert share_nearer([5.0], [1.0, 2.0]) == 0.0
    assert share_nearer([0.0, 0.0], [0.0]) == 0.5


def test_shares_agree_with_the_loop():
    random = np.random.default_rng(0)
    samples, test = random.integers(0, 9, 40) / 2, random.integers(2, 12, 25) / 2
    assert share_nearer(samples, test) == pytest.approx(reference.share_nearer(samples, test))


def test_a_generator_that_copies_is_found():
    random = np.random.default_rng(0)
    training, test, honest = (random.normal(size=(200, 8)) for _ in range(3))
    copies = training[:100] + 0.01 * random.normal(size=(100, 8))
    test_distances, _ = nearest_neighbours(test, training)
    honest_distances, _ = nearest_neighbours(honest, training)
    copied_distances, indices = nearest_neighbours(copies, training)
    np.testing.assert_array_equal(indices, np.arange(100))
    assert share_nearer(copied_distances, test_distances) == 1.0
    assert share_nearer(honest_distances, test_distances) == pytest.approx(0.5, abs=0.1)


def test_what_cannot_be_compared_is_refused():
    pictures = _pictures(0, 3)
    with pytest.raises(ValueError, match="rows of one shape"):
        nearest_neighbours(pictures, pictures[:, :2])
    with pytest.raises(ValueError, match="at least one of each"):
        nearest_neighbours(pictures, pictures[:0])
    with pytest.raises(ValueError, match="finite"):
        nearest_neighbours(pictures, np.full(pictures.shape, np.nan))
    with pytest.raises(ValueError, match="sample_distances"):
        share_nearer([], [1.0])
    with pytest.raises(ValueError, match="test_distances"):
        share_nearer([1.0], [np.nan])
