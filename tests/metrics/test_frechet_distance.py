"""Fréchet distance against hand numbers and the eigenvalues of the product."""

import warnings

import numpy as np
import pytest

from genkeras.metrics import frechet_distance as module
from genkeras.metrics.frechet_distance import frechet_distance, frechet_distance_of_moments
from genkeras.metrics.small_sample import SmallSampleWarning
from tests.reference import frechet_distance as reference


def _normal(seed, num_rows, num_features, scale=1.0, mean=0.0):
    mixing = np.random.default_rng(99).normal(size=(num_features, num_features))
    rows = np.random.default_rng(seed).normal(size=(num_rows, num_features))
    return mean + scale * rows @ mixing


def test_one_feature_by_hand():
    # Means 0 and 3; variances of n − 1: 2 and 8. 9 + (√2 − √8)² = 9 + 2.
    assert frechet_distance([[-1.0], [1.0]], [[1.0], [5.0]]) == pytest.approx(11.0)


def test_correlated_features_by_hand():
    # Σ₁ = I; Σ₂ = [[5, 4], [4, 5]] has the eigenvalues 9 and 1: tr(Σ₁Σ₂)^½ = 4.
    distance = frechet_distance_of_moments([0, 0], np.eye(2), [1, 2], [[5, 4], [4, 5]])
    assert distance == pytest.approx(5.0 + 2.0 + 10.0 - 8.0)


@pytest.mark.parametrize(("num_real", "num_fake"), [(40, 40), (30, 45)])
def test_agreement_with_the_loop(num_real, num_fake):
    real, fake = _normal(0, num_real, 5), _normal(1, num_fake, 5, scale=1.3, mean=0.4)
    expected = reference.frechet_distance(real, fake)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-10)
    moments = (*reference.moments(real), *reference.moments(fake))
    assert frechet_distance_of_moments(*moments) == pytest.approx(expected, rel=1e-10)


def test_blocks_of_rows_change_nothing(monkeypatch):
    real, fake = _normal(0, 50, 4), _normal(1, 61, 4, scale=0.5)
    expected = frechet_distance(real, fake)
    monkeypatch.setattr(module, "_BLOCK_SIZE", 7 * 4)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("num_rows", [200, 12])
@pytest.mark.filterwarnings("ignore::genkeras.metrics.small_sample.SmallSampleWarning")
def test_identical_sets_are_at_distance_zero(num_rows):
    rows = _normal(0, num_rows, 20).astype(np.float32)
    rows[:, 7] = 5.0
    assert frechet_distance(rows, rows[::-1]) == pytest.approx(0.0, abs=1e-9)
    mean, covariance = rows.mean(axis=0), np.cov(rows.astype(np.float64), rowvar=False)
    moments = (mean, covariance, mean, covariance)
    assert frechet_distance_of_moments(*moments) == pytest.approx(0.0, abs=1e-9)


def test_directions_without_variance_cost_no_digits():
    # Whitened, so that the variances are known exactly: 1e6 and five of 0, against 1e6 and five
    # of 1. In a product of covariances the zeros are some 1e-5, whose roots count.
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    rows = random.normal(size=(100, 6))
    rows = np.linalg.qr(rows - rows.mean(axis=0))[0] * np.sqrt(99)
    real, fake = rows * [1e3, 0, 0, 0, 0, 0] @ turn, rows * [1e3, 1, 1, 1, 1, 1] @ turn
    assert frechet_distance(real, fake) == pytest.approx(5.0, abs=1e-8)
    moments = [moment for rows in (real, fake) for moment in reference.moments(rows)]
    assert frechet_distance_of_moments(*moments) == pytest.approx(5.0, abs=1e-8)
    # The usual form is off by more than a hundredth.
    assert abs(reference.distance_of_moments(*moments) - 5.0) > 1e-3


def test_the_distance_is_symmetric_and_grows_with_noise_and_shift():
    real = _normal(0, 300, 6)
    noise = np.random.default_rng(2).normal(size=(300, 6))
    fake = _normal(1, 300, 6)
    distances = [frechet_distance(real, fake + amount * noise) for amount in (0.0, 1.0, 2.0)]
    assert distances[0] < distances[1] < distances[2]
    assert frechet_distance(fake, real) == pytest.approx(distances[0])
    assert frechet_distance(real, fake + 1.0) > distances[0]


def test_a_collapsed_generator_is_far_away():
    real = _normal(0, 300, 6)
    collapsed = np.repeat(real[:3], 100, axis=0)
    assert frechet_distance(real, collapsed) > 5.0 * frechet_distance(real, _normal(1, 300, 6))


def test_fewer_rows_than_features_give_a_number_and_a_warning():
    real, fake = _normal(0, 6, 8), _normal(1, 40, 8)
    with pytest.warns(SmallSampleWarning, match=r"6 rows .* 8 features"):
        distance = frechet_distance(real, fake)
    assert distance == pytest.approx(reference.frechet_distance(real, fake), rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(_normal(0, 9, 8), fake)


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.ones((1, 2)), np.ones((3, 2)), "at least 2 rows"),
        (np.ones((3, 2)), np.array([[1, 2], [np.inf, 0]]), "1 of 2 rows, first in row 1"),
        (np.ones((3, 2)), np.ones((3, 4)), "same number of columns"),
        (np.ones((3, 2, 2)), np.ones((3, 2)), "shape"),
        (np.ones((3, 2)), np.array([["a", "b"]]), "real numbers"),
    ],
)
def test_what_are_no_features_is_refused(real, fake, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, fake)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        ([0, 0, 0], np.eye(2), "of one size"),
        ([0, 0], np.ones((2, 3)), "of one size"),
        ([0, np.nan], np.eye(2), "finite"),
        ([0, 0], [[1, 2], [0, 1]], "symmetric"),
        ([0, 0], [[1, 2], [2, 1]], "negative eigenvalue, got -1"),
    ],
)
def test_what_are_no_moments_is_refused(mean, covariance, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance_of_moments([0, 0], np.eye(2), mean, covariance)
