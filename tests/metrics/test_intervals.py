"""Intervals hold the truth as often as they say, where the plain bootstrap does not."""

import numpy as np
import pytest

from genkeras.metrics.frechet_distance import frechet_distance
from genkeras.metrics.inception_score import inception_score
from genkeras.metrics.intervals import (
    Interval,
    binomial_interval,
    bootstrap_interval,
    half_sampled,
)
from genkeras.metrics.small_sample import SmallSampleWarning


def _normals(seed, num_rows, num_features, shift, scale):
    """Two samples of normal distributions: of N(0, I), and shifted along one axis and scaled."""
    random = np.random.default_rng([17, seed])
    fake = scale * random.normal(size=(num_rows, num_features))
    fake[:, 0] += shift
    return random.normal(size=(num_rows, num_features)), fake


def test_the_bootstrap_of_a_mean_has_its_known_error():
    values = np.random.default_rng(0).exponential(size=400)
    interval = bootstrap_interval(values)
    error = values.std(ddof=1) / np.sqrt(400)
    assert interval.standard_error == pytest.approx(error, rel=0.1)
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)


def test_the_bootstrap_covers_the_mean_and_repeats_by_seed():
    random = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        interval = bootstrap_interval(random.normal(3.0, 2.0, 80), num_resamples=100, seed=seed)
        hits += interval.low <= 3.0 <= interval.high
    assert 0.89 <= hits / 200 <= 0.98
    values = random.normal(size=10)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    assert bootstrap_interval([2.0, 2.0]) == Interval(2.0, 2.0, 0.0)


def test_shares_by_hand():
    # z² = 3.8415. Of 100: centre 1/2, margin √(z² / 400 + z⁴ / 40000) / (1 + z² / 100).
    half = binomial_interval(0.5, 100)
    assert (half.low, half.high) == (
        pytest.approx(0.40383, abs=1e-5),
        pytest.approx(0.59617, abs=1e-5),
    )
    assert half.standard_error == pytest.approx((0.59617 - 0.40383) / 2 / 1.96, rel=1e-3)
    # Of 10 none: from 0 to z² / (10 + z²); all mirrors it.
    none, every = binomial_interval(0.0, 10), binomial_interval(1.0, 10)
    assert (none.low, none.high) == (0.0, pytest.approx(3.8415 / 13.8415, rel=1e-4))
    assert (every.low, every.high) == (pytest.approx(10 / 13.8415, rel=1e-4), 1.0)
    # So that two shares of 1 of different sizes are not told apart for certain.
    assert every.standard_error == pytest.approx(3.8415 / 13.8415 / 2 / 1.96, rel=1e-3)
    with pytest.raises(ValueError, match=r"share=1\.5"):
        binomial_interval(1.5, 10)
    with pytest.raises(ValueError, match="num_values=0"):
        binomial_interval(0.5, 0)


def test_halves_of_a_mean_have_its_known_error_and_no_bias():
    values = np.random.default_rng(0).normal(size=1000)
    corrected, interval = half_sampled(np.mean, values, num_subsamples=1000)
    error = values.std(ddof=1) / np.sqrt(1000)
    assert interval.standard_error == pytest.approx(error, rel=0.1)
    assert corrected == pytest.approx(values.mean(), abs=0.2 * error)
    assert interval.high - corrected == pytest.approx(1.96 * interval.standard_error, rel=1e-3)
    assert corrected - interval.low == pytest.approx(1.96 * interval.standard_error, rel=1e-3)


def test_a_bias_of_one_over_n_is_taken_away():
    # The square of a mean is too large by the variance over n, here 1 / 25.
    corrected, full = [], []
    for seed in range(300):
        values = 1.0 + np.random.default_rng(seed).normal(size=25)
        full.append(values.mean() ** 2)
        corrected.append(half_sampled(lambda rows: rows.mean() ** 2, values, seed=seed)[0])
    assert np.mean(full) == pytest.approx(1.04, abs=0.05)
    assert np.mean(np.subtract(full, corrected)) == pytest.approx(0.04, abs=0.008)


def test_coverage_of_a_known_frechet_distance_where_the_plain_bootstrap_fails():
    # Between N(0, I) and N((0.8, 0, ..), 1.2² I) in 6 dimensions: 0.64 + 6 · 0.2².
    known = 0.64 + 6 * 0.2**2
    num_trials = 120
    held = held_by_bootstrap = 0
    biases, corrected_biases = [], []
    for seed in range(num_trials):
        real, fake = _normals(seed, 250, 6, shift=0.8, scale=1.2)
        corrected, interval = half_sampled(
            frechet_distance, real, fake, num_subsamples=40, seed=seed
        )
        held += interval.low <= known <= interval.high
        biases.append(frechet_distance(real, fake) - known)
        corrected_biases.append(corrected - known)
        random = np.random.default_rng(seed)
        resampled = [
            frechet_distance(*(rows[random.integers(250, size=250)] for rows in (real, fake)))
            for _ in range(40)
        ]
        low, high = np.quantile(resampled, [0.025, 0.975])
        held_by_bootstrap += low <= known <= high
    # 95 % of 120 trials, with their own chance of about ± 2 %.
    assert 0.90 <= held / num_trials <= 0.99
    assert held_by_bootstrap / num_trials < 0.6
    error = np.std(biases) / np.sqrt(num_trials)
    assert np.mean(biases) > 4 * error
    assert abs(np.mean(corrected_biases)) < 2.5 * error


def test_the_plain_bootstrap_can_exclude_its_own_point_estimate():
    real, fake = _normals(0, 60, 20, shift=0.0, scale=1.0)
    estimate = frechet_distance(real, fake)
    random = np.random.default_rng(0)
    resampled = [
        frechet_distance(*(rows[random.integers(60, size=60)] for rows in (real, fake)))
        for _ in range(100)
    ]
    assert np.quantile(resampled, 0.025) > estimate


def test_agreeing_distributions_hold_zero():
    held = 0
    for seed in range(60):
        real, fake = _normals(seed, 250, 6, shift=0.0, scale=1.0)
        _, interval = half_sampled(frechet_distance, real, fake, num_subsamples=40, seed=seed)
        held += interval.low <= 0.0 <= interval.high
    # Here the standard error is too large: more than 95 %.
    assert held / 60 >= 0.95


def test_inception_scores_and_seeds():
    rows = np.random.default_rng(0).dirichlet(np.full(5, 0.2), 400)

    def score(probabilities):
        return inception_score(probabilities)[0]

    corrected, interval = half_sampled(score, rows, num_subsamples=20, seed=3)
    # Splits of 40 rows score too low.
    assert interval.low < score(rows) < corrected < interval.high
    assert half_sampled(score, rows, num_subsamples=20, seed=3) == (corrected, interval)
    assert half_sampled(score, rows, num_subsamples=20, seed=4) != (corrected, interval)


def test_what_has_no_interval_is_refused():
    with pytest.raises(ValueError, match="at least two finite numbers"):
        bootstrap_interval([1.0])
    with pytest.raises(ValueError, match="with NaN or infinity"):
        bootstrap_interval([1.0, np.nan])
    with pytest.raises(ValueError, match=r"sets of \[5, 3\] rows"):
        half_sampled(lambda a, b: 0.0, np.ones(5), np.ones(3))
    with pytest.raises(ValueError, match="1 subsamples"):
        half_sampled(np.mean, np.ones(5), num_subsamples=1)
    with pytest.raises(ValueError, match=r"sets of \[\] rows"):
        half_sampled(lambda: 0.0)


def test_a_warning_of_the_halves_is_no_warning_of_the_whole():
    real, fake = _normals(0, 30, 20, shift=0.5, scale=1.0)
    with pytest.warns(SmallSampleWarning) as told:
        half_sampled(frechet_distance, real, fake, num_subsamples=5)
    (text,) = [str(warning.message) for warning in told]
    assert text.startswith("Half of the pictures, 15, are too few for this score")
    # Of the whole set the statistic's own words are right.
    with pytest.warns(SmallSampleWarning) as told:
        half_sampled(frechet_distance, real[:20], fake, num_subsamples=5)
    texts = [str(warning.message)[:12] for warning in told]
    assert texts == ["20 rows cann", "Half of the "]
