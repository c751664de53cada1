"""Kernel distance against hand numbers and a loop over pairs."""

import warnings

import numpy as np
import pytest

from genkeras.metrics import distances
from genkeras.metrics.kernel_distance import kernel_distance, kernel_distance_standard_error
from genkeras.metrics.small_sample import SmallSampleWarning
from tests.reference import kernel_distance as reference


def _normal(seed, num_rows, scale=1.0, mean=0.0):
    return mean + scale * np.random.default_rng(seed).normal(size=(num_rows, 4))


@pytest.mark.filterwarnings("ignore::genkeras.metrics.small_sample.SmallSampleWarning")
def test_two_pairs_by_hand():
    # k = (xy + 1)³. Reals 0, 1: k(0, 1) = 1. Fakes 1, 2: k(1, 2) = 27. Across: 1, 1, 8, 27.
    # [2 · 1 + 2 · 27] / 2 − 2 / 4 · 37 = 9.5.
    mean, deviation = kernel_distance([[0.0], [1.0]], [[1.0], [2.0]], subset_size=2)
    assert (mean, deviation) == (pytest.approx(9.5), 0.0)


@pytest.mark.filterwarnings("ignore::genkeras.metrics.small_sample.SmallSampleWarning")
def test_agreement_with_the_loop():
    real, fake = _normal(0, 20), _normal(1, 20, scale=1.5, mean=0.3)
    actual, _ = kernel_distance(real.astype(np.float32), fake, subset_size=20)
    expected = reference.kernel_distance(real.astype(np.float32), fake)
    assert actual == pytest.approx(expected, rel=1e-10)


def test_subsets_are_drawn_without_replacement_and_repeat_by_seed():
    # Of three rows two are drawn: three subsets of each set, nine pairs. With replacement a
    # row could be met twice.
    real, fake = _normal(0, 3), _normal(1, 3)
    pairs = [[0, 1], [0, 2], [1, 2]]
    possible = np.array([reference.kernel_distance(real[a], fake[b]) for a in pairs for b in pairs])
    for seed in range(20):
        value, _ = kernel_distance(real, fake, num_subsets=1, subset_size=2, seed=seed)
        assert np.min(np.abs(value - possible)) < 1e-9
    mean, deviation = kernel_distance(real, fake, num_subsets=2000, subset_size=2)
    assert mean == pytest.approx(np.mean(possible), abs=0.1 * np.std(possible))
    assert deviation == pytest.approx(np.std(possible), rel=0.1)
    assert kernel_distance(real, fake, 3, 2, seed=5) == kernel_distance(real, fake, 3, 2, seed=5)
    assert kernel_distance(real, fake, 3, 2, seed=5) != kernel_distance(real, fake, 3, 2, seed=6)


def test_the_same_distribution_is_near_zero_on_both_sides_of_it():
    values = [
        kernel_distance(_normal(seed, 60), _normal(100 + seed, 60), 10, 30)[0] for seed in range(40)
    ]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 3.0 * np.std(values) / np.sqrt(40)


def test_more_noise_and_collapse_are_farther():
    real, fake, noise = _normal(0, 300), _normal(1, 300), _normal(2, 300)
    distances = [
        kernel_distance(real, fake + amount * noise, 10, 100)[0] for amount in (0.0, 0.7, 1.4)
    ]
    assert distances[0] < distances[1] < distances[2]
    assert kernel_distance(real, np.repeat(fake[:3], 100, axis=0), 10, 100)[0] > distances[0]


def test_the_standard_error_agrees_with_the_loop(monkeypatch):
    real, fake = _normal(0, 23), _normal(1, 17, scale=1.5, mean=0.3)
    monkeypatch.setattr(distances, "BLOCK_SIZE", 100)
    actual = kernel_distance_standard_error(real.astype(np.float32), fake)
    assert actual == pytest.approx(reference.standard_error(real, fake), rel=1e-6)


@pytest.mark.filterwarnings("ignore::genkeras.metrics.small_sample.SmallSampleWarning")
def test_the_standard_error_is_the_spread_between_samples():
    pairs = [(_normal(seed, 60), _normal(1000 + seed, 60, mean=0.4)) for seed in range(300)]
    values = [kernel_distance(*pair, subset_size=60)[0] for pair in pairs]
    errors = [kernel_distance_standard_error(*pair) for pair in pairs]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_small_sets_give_smaller_subsets_and_a_warning():
    with pytest.warns(SmallSampleWarning, match=r"1000 rows cannot be drawn from 40: 20 are"):
        mean, deviation = kernel_distance(_normal(0, 40), _normal(1, 60))
    assert np.isfinite(mean)
    assert deviation > 0
    with pytest.warns(SmallSampleWarning, match="whole set"):
        assert kernel_distance(_normal(0, 40), _normal(1, 40), subset_size=40)[1] == 0.0
    with pytest.warns(SmallSampleWarning):
        kernel_distance(_normal(0, 2), _normal(1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel_distance(_normal(0, 40), _normal(1, 41), 2, 40)


@pytest.mark.parametrize(
    ("real", "arguments", "message"),
    [
        (np.full((4, 4), np.nan), {}, "finite"),
        (np.ones((4, 3)), {}, "same number of columns"),
        (np.ones((1, 4)), {}, "at least 2 rows"),
        (np.ones((4, 4)), {"subset_size": 1}, "subset_size at least 2"),
        (np.ones((4, 4)), {"num_subsets": 0}, "num_subsets should be at least 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(real, arguments, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(real, _normal(0, 5), **arguments)
