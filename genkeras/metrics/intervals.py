"""95 % intervals over samples, for means and for statistics of whole sets.

Reference:
    [Efron, 1979](https://doi.org/10.1214/aos/1176344552): bootstrap;
    [Shao and Wu, 1989](https://doi.org/10.1214/aos/1176347263): delete-d jackknife;
    [Chong and Forsyth, 2020](https://arxiv.org/abs/1911.07023): the bias of scores
    falls as 1 / n.
"""

import dataclasses
import warnings

import numpy as np

from genkeras.metrics.small_sample import SmallSampleWarning

# The normal distribution lies within this many standard deviations with 95 % probability.
NORMAL_QUANTILE = 1.959963984540054
# Halves of fewer rows have no spread.
MIN_ROWS = 4


@dataclasses.dataclass(frozen=True)
class Interval:
    """A 95 % interval and the standard error it comes from."""

    low: float
    high: float
    standard_error: float


def bootstrap_interval(values, num_resamples=1000, seed=0):
    """Percentile bootstrap of a mean of per-picture values.

    Only for a mean: for a statistic that is not linear in the samples, such as a Fréchet
    distance, resampling doubles the bias; see `half_sampled`.

    Args:
        values: Array `(num_values,)`.
        num_resamples: Integer. Defaults to `1000`.
        seed: Integer. Of the resamples.

    Returns:
        `Interval` of the mean.

    Raises:
        ValueError: If there are fewer than two values, or one is not finite.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(
            "values should be a row of at least two finite numbers, got the shape "
            f"{values.shape}{'' if np.isfinite(values).all() else ' with NaN or infinity'}. "
            "Give one number for each picture."
        )
    random = np.random.default_rng(seed)
    means = np.empty(num_resamples)
    for index in range(num_resamples):
        means[index] = values[random.integers(len(values), size=len(values))].mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(low), float(high), float(means.std(ddof=1)))


def binomial_interval(share, num_values):
    """Wilson's interval of a share of pictures, such as a precision.

    Args:
        share: Float in `[0, 1]`.
        num_values: Integer. Pictures that it is the share of.

    Returns:
        `Interval`; it stays within `[0, 1]`. Its standard error is half its width / 1.96, which
        is not 0 for a share of 0 or 1.

    Raises:
        ValueError: If the share is outside of `[0, 1]` or there are no pictures.

    Reference:
        [Wilson, 1927](https://doi.org/10.1080/01621459.1927.10502953).
    """
    if not 0.0 <= share <= 1.0 or num_values < 1:
        raise ValueError(
            f"share={share} of num_values={num_values}: expected a number from 0 to 1, of at "
            "least one picture."
        )
    ratio = NORMAL_QUANTILE**2 / num_values
    centre = (share + ratio / 2.0) / (1.0 + ratio)
    variance = share * (1.0 - share) / num_values
    margin = NORMAL_QUANTILE * np.sqrt(variance + ratio / (4.0 * num_values)) / (1.0 + ratio)
    # Rounding must not leave a share of 0 or 1 outside.
    low, high = min(share, max(0.0, centre - margin)), max(share, min(1.0, centre + margin))
    return Interval(float(low), float(high), float((high - low) / (2.0 * NORMAL_QUANTILE)))


def half_sampled(statistic, *sets, num_subsamples=100, seed=0):
    """Corrects a statistic's bias in 1 / n and gives a 95 % interval, from random halves.

    The spread of the statistic over halves drawn without replacement is its standard error on
    the whole sets (delete-half jackknife). A bias that falls as 1 / n is twice as large on
    halves, so the mean over halves minus the value on the whole sets estimates the bias of the
    latter; it is subtracted. The interval is the corrected value ± 1.96 standard errors. Where
    the bias is larger than a distance (few rows, many features, or nearly equal sets) it is
    too wide rather than too narrow, and may reach below 0.

    For Fréchet distances and Inception Scores. Not for precision, recall, density or
    coverage, whose bias follows no such law, nor for paired sets, of which each would be
    halved apart.

    Args:
        statistic: Function of as many arrays as there are sets, returning a number.
        *sets: Arrays `(num_rows, ...)`, each an independent sample.
        num_subsamples: Integer. Defaults to `100`.
        seed: Integer. Of the halves.

    Returns:
        Tuple of a float, the corrected value, and its `Interval`.

    Raises:
        ValueError: If a set has fewer than four rows, or there are fewer than two subsamples.

    Warns:
        SmallSampleWarning: If the statistic warns of the halves.
    """
    if not sets or min(len(rows) for rows in sets) < MIN_ROWS or num_subsamples < 2:
        raise ValueError(
            f"half_sampled needs sets of at least {MIN_ROWS} rows and at least 2 subsamples, got "
            f"sets of {[len(rows) for rows in sets]} rows and {num_subsamples} subsamples."
        )
    random = np.random.default_rng(seed)
    on_whole = float(statistic(*sets))
    on_halves = np.empty(num_subsamples)
    # What a warning says of a half is not true of the whole set.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SmallSampleWarning)
        for index in range(num_subsamples):
            # Sorted, so that rows keep their order.
            halves = [np.sort(random.permutation(len(rows))[: len(rows) // 2]) for rows in sets]
            parts = [rows[half] for rows, half in zip(sets, halves, strict=True)]
            on_halves[index] = statistic(*parts)
    if any(issubclass(warning.category, SmallSampleWarning) for warning in caught):
        warnings.warn(
            f"Half of the pictures, {min(len(rows) for rows in sets) // 2}, are too few for this "
            "score: do not rely on its corrected value and its interval. Use more pictures.",
            SmallSampleWarning,
            stacklevel=2,
        )
    standard_error = float(on_halves.std(ddof=1))
    corrected = on_whole - (float(on_halves.mean()) - on_whole)
    margin = NORMAL_QUANTILE * standard_error
    return corrected, Interval(corrected - margin, corrected + margin, standard_error)
