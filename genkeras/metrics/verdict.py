"""Is one model better than another, or could chance have made the difference?

Reference:
    [Welch, 1947](https://doi.org/10.1093/biomet/34.1-2.28): means of unequal variances.
"""

import math

import numpy as np

from genkeras.metrics.intervals import NORMAL_QUANTILE

BETTER = "better"
WORSE = "worse"
NOT_DISTINGUISHABLE = "not distinguishable"
RUNS_DIFFER = "these two runs differ"
MIN_SEEDS = 3
_LEVEL = 0.05
# A hundred nodes integrate the t-distribution to 10 digits.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)


def compare_seeds(values_a, values_b, higher_is_better):
    """Is model A better than model B, judged by the spread between training seeds?

    Welch's t-test of the two means, two-sided at 5 %: of 20 pairs of equal models about one is
    called better or worse. Values without any spread are told apart when they differ.

    Args:
        values_a, values_b: Sequences of numbers: one score for each training seed, at least
            three of each.
        higher_is_better: Boolean.

    Returns:
        `"better"` (A is), `"worse"` or `"not distinguishable"`.

    Raises:
        ValueError: If there are fewer than three values of either, or one is not finite.
    """
    a, b = np.asarray(values_a, np.float64), np.asarray(values_b, np.float64)
    for name, values in (("values_a", a), ("values_b", b)):
        if values.ndim != 1 or len(values) < MIN_SEEDS or not np.isfinite(values).all():
            raise ValueError(
                f"{name} should be at least {MIN_SEEDS} finite numbers, one for each training "
                f"seed, got {values.tolist()}. Train more seeds, or compare two runs with "
                "compare_samples."
            )
    difference = a.mean() - b.mean()
    variances = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if _is_rounding(difference, a.mean(), b.mean()):
        return NOT_DISTINGUISHABLE
    if sum(variances) > 0:
        statistic = difference / math.sqrt(sum(variances))
        # Welch–Satterthwaite; as shares of the sum, so that tiny variances do not vanish.
        shares = [variance / sum(variances) for variance in variances]
        degrees = 1.0 / (shares[0] ** 2 / (len(a) - 1) + shares[1] ** 2 / (len(b) - 1))
        if two_sided_probability(statistic, degrees) >= _LEVEL:
            return NOT_DISTINGUISHABLE
    return BETTER if (difference > 0) == bool(higher_is_better) else WORSE


def compare_samples(value_a, standard_error_a, value_b, standard_error_b):
    """Do the scores of two single runs differ by more than their sampling explains?

    They do when |a − b| > 1.96 √(se_a² + se_b²). That says nothing about the models: another
    training seed might turn the difference round.

    Args:
        value_a, value_b: Numbers.
        standard_error_a, standard_error_b: Numbers, at least 0.

    Returns:
        `"these two runs differ"` or `"not distinguishable"`.

    Raises:
        ValueError: If a number is not finite or a standard error is negative.
    """
    numbers = (value_a, standard_error_a, value_b, standard_error_b)
    if not np.isfinite(numbers).all() or min(standard_error_a, standard_error_b) < 0:
        raise ValueError(
            "Values and standard errors should be finite and the latter not negative, got "
            f"{value_a} ± {standard_error_a} and {value_b} ± {standard_error_b}."
        )
    difference = abs(value_a - value_b)
    margin = NORMAL_QUANTILE * math.hypot(standard_error_a, standard_error_b)
    if difference <= margin or _is_rounding(difference, value_a, value_b):
        return NOT_DISTINGUISHABLE
    return RUNS_DIFFER


def two_sided_probability(statistic, degrees_of_freedom):
    """P(|T| ≥ |t|) of Student's t-distribution.

    With T = √ν tan θ the density is proportional to cos^(ν−1) θ, which is smooth on a finite
    range: Gauss–Legendre quadrature.

    Args:
        statistic: Number, t.
        degrees_of_freedom: Number, ν ≥ 1.

    Returns:
        Float in `[0, 1]`.
    """
    half = degrees_of_freedom / 2.0
    scale = math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) / math.sqrt(math.pi)
    limit = math.atan(abs(statistic) / math.sqrt(degrees_of_freedom))
    angles = limit * (_NODES + 1.0) / 2.0
    integral = limit / 2.0 * (_WEIGHTS * np.cos(angles) ** (degrees_of_freedom - 1.0)).sum()
    return min(max(1.0 - 2.0 * scale * float(integral), 0.0), 1.0)


def _is_rounding(difference, a, b):
    """Whether numbers differ by no more than floating point does to equal ones."""
    return abs(difference) <= 1e-12 * max(abs(a), abs(b))
