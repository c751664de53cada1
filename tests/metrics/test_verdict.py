"""Verdicts: right when the difference is clear, silent when it is chance."""

import math

import numpy as np
import pytest

from genkeras.metrics.verdict import compare_samples, compare_seeds, two_sided_probability
from tests.reference import student


@pytest.mark.parametrize(
    ("quantile", "degrees"),
    # The 97.5 % quantiles of every table of the t-distribution.
    [(12.7062, 1), (4.30265, 2), (2.77645, 4), (2.22814, 10), (2.04227, 30), (1.95996, 1e7)],
)
def test_probabilities_are_those_of_the_tables(quantile, degrees):
    assert two_sided_probability(quantile, degrees) == pytest.approx(0.05, abs=2e-6)
    assert two_sided_probability(-quantile, degrees) == two_sided_probability(quantile, degrees)


@pytest.mark.parametrize("degrees", [2.0, 2.7, 5.31, 40.0])
@pytest.mark.parametrize("statistic", [0.0, 0.3, 2.5, 9.0])
def test_probabilities_agree_with_the_integral_of_the_density(statistic, degrees):
    expected = student.two_sided_probability(statistic, degrees)
    assert two_sided_probability(statistic, degrees) == pytest.approx(expected, abs=1e-9)


def test_probabilities_far_out_stay_in_range():
    assert 0.0 <= two_sided_probability(1e9, 3.3) < 1e-9
    assert two_sided_probability(math.inf, 3.3) == pytest.approx(0.0, abs=1e-9)


def test_a_clear_difference_is_named_from_the_first_models_side():
    high, low = [9.1, 9.0, 9.2], [5.0, 5.2, 5.1]
    assert compare_seeds(high, low, higher_is_better=True) == "better"
    assert compare_seeds(low, high, higher_is_better=True) == "worse"
    assert compare_seeds(high, low, higher_is_better=False) == "worse"
    assert compare_seeds(low, high, higher_is_better=False) == "better"


def test_the_border_is_that_of_welch():
    # Variances 1 and 4 of three values each: se = √(5/3), ν = (5/3)² / ((1/3)² + (4/3)²) · 2 =
    # 2.941, whose 97.5 % quantile is 3.219 (that of ν = 4 is 2.776, of ν = 2 it is 4.303).
    a, b = np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.0, 2.0])
    border = 3.219 * math.sqrt(5 / 3)
    assert compare_seeds(a + 0.995 * border, b, True) == "not distinguishable"
    assert compare_seeds(a + 1.005 * border, b, True) == "better"


def test_equal_models_are_rarely_told_apart():
    random = np.random.default_rng(0)
    verdicts = [
        compare_seeds(random.normal(size=3), random.normal(size=3), True) for _ in range(1000)
    ]
    # Welch's test is careful with three values: a little under 5 %.
    told_apart = 1000 - verdicts.count("not distinguishable")
    assert 15 <= told_apart <= 60
    assert verdicts.count("better") > 5
    assert verdicts.count("worse") > 5


@pytest.mark.filterwarnings("error")
def test_a_model_against_itself_and_values_without_spread():
    same = [3.1, 3.4, 3.2]
    assert compare_seeds(same, same, True) == "not distinguishable"
    assert compare_seeds([2.0] * 3, [2.0] * 4, True) == "not distinguishable"
    assert compare_seeds([0.3] * 3, [0.1 + 0.2] * 3, True) == "not distinguishable"
    assert compare_seeds([2.0] * 3, [1.0] * 3, True) == "better"
    assert compare_seeds([2.0] * 3, [2.0, 2.1, 1.9], True) == "not distinguishable"
    assert compare_seeds([2.0] * 3, [1e-160, 2e-160, 3e-160], True) == "better"
    assert compare_seeds([2e-170, 3e-170, 4e-170], [1e-170, 5e-170, 3e-170], True) == (
        "not distinguishable"
    )


def test_single_runs_differ_or_do_not():
    # √(0.3² + 0.4²) = 0.5: the border is at 0.98.
    assert compare_samples(1.0, 0.3, 1.97, 0.4) == "not distinguishable"
    assert compare_samples(1.0, 0.3, 1.99, 0.4) == "these two runs differ"
    assert compare_samples(1.99, 0.3, 1.0, 0.4) == "these two runs differ"
    assert compare_samples(1.0, 0.0, 1.0, 0.0) == "not distinguishable"
    assert compare_samples(0.3, 0.0, 0.1 + 0.2, 0.0) == "not distinguishable"
    assert compare_samples(1.0, 0.0, 1.1, 0.0) == "these two runs differ"


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ValueError, match=r"values_b should be at least 3 .* compare_samples"):
        compare_seeds([1, 2, 3], [1, 2], True)
    with pytest.raises(ValueError, match="values_a should be at least 3 finite"):
        compare_seeds([1, 2, math.nan], [1, 2, 3], True)
    with pytest.raises(ValueError, match="not negative"):
        compare_samples(1.0, -0.1, 1.0, 0.1)
    with pytest.raises(ValueError, match="finite"):
        compare_samples(math.inf, 0.1, 1.0, 0.1)
