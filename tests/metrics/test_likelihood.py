"""Bounds of the log-likelihood against hand numbers and a model whose likelihood is known."""

import math

import numpy as np
import pytest

from genkeras.metrics.likelihood import (
    evidence_lower_bounds,
    importance_weighted_log_likelihoods,
)


def test_bounds_by_hand():
    log_weights = np.log([[1.0, 3.0], [2.0, 2.0]])
    np.testing.assert_allclose(
        evidence_lower_bounds(log_weights), [0.5 * math.log(3.0), math.log(2.0)]
    )
    np.testing.assert_allclose(
        importance_weighted_log_likelihoods(log_weights), [math.log(2.0), math.log(2.0)]
    )


def test_weights_too_small_or_large_for_float64():
    log_weights = np.array([[-5000.0, -5001.0], [5000.0, 4999.0]])
    expected = np.array([-5000.0, 5000.0]) + math.log((1 + math.exp(-1)) / 2)
    np.testing.assert_allclose(importance_weighted_log_likelihoods(log_weights), expected)


def test_impossible_samples():
    log_weights = np.array([[-np.inf, 0.0], [-np.inf, -np.inf]])
    np.testing.assert_allclose(
        importance_weighted_log_likelihoods(log_weights), [-math.log(2.0), -np.inf]
    )
    assert np.all(np.isneginf(evidence_lower_bounds(log_weights)))


def test_a_model_of_known_likelihood():
    # z ~ N(0, 1), x|z ~ N(z, 1), so x ~ N(0, 2) and z|x ~ N(x/2, 1/2). q = N(x/2, 1): its
    # KL divergence from the posterior is (2 − 1 − log 2) / 2.
    random = np.random.default_rng(0)
    x = np.array([[-1.0], [0.0], [2.5]])
    z = x / 2 + random.normal(size=(3, 20000))

    def log_normal(value, mean, variance):
        return -0.5 * np.log(2 * np.pi * variance) - (value - mean) ** 2 / (2 * variance)

    log_weights = log_normal(z, 0, 1) + log_normal(x, z, 1) - log_normal(z, x / 2, 1)
    exact = log_normal(x[:, 0], 0, 2)
    bounds = evidence_lower_bounds(log_weights)
    np.testing.assert_allclose(bounds, exact - (1 - math.log(2)) / 2, atol=0.03)
    weighted = importance_weighted_log_likelihoods(log_weights)
    np.testing.assert_allclose(weighted, exact, atol=0.02)
    assert np.all(weighted > bounds)
    # In the mean, more samples come nearer from below.
    few = importance_weighted_log_likelihoods(log_weights.reshape(3 * 4000, 5)).reshape(3, -1)
    assert np.all((bounds < few.mean(axis=1)) & (few.mean(axis=1) < weighted))


@pytest.mark.parametrize("score", [evidence_lower_bounds, importance_weighted_log_likelihoods])
@pytest.mark.parametrize(
    ("log_weights", "message"),
    [
        ([0.0, 1.0], "shape"),
        (np.empty((3, 0)), "at least one sample"),
        ([[0.0, np.nan]], "NaN"),
        ([[np.inf, 0.0]], r"\+infinity"),
    ],
)
def test_what_are_no_weights_is_refused(score, log_weights, message):
    with pytest.raises(ValueError, match=message):
        score(log_weights)
