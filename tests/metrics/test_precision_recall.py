"""Precision, recall, density and coverage against hand numbers and loops over balls."""

import numpy as np
import pytest

from genkeras.metrics import distances
from genkeras.metrics.precision_recall import density_coverage, precision_recall
from tests.reference import precision_recall as reference


def _rows(*numbers):
    return np.array(numbers, np.float64)[:, np.newaxis]


def test_precision_and_recall_by_hand():
    # k = 1. Reals 0, 1, 10: radii 1, 1, 9, which reach [−1, 2] and [1, 19].
    # Fakes 2, 3, 30: radii 1, 1, 27, which reach [1, 4] and [3, 57].
    # Fakes 2 and 3 lie within, 30 does not; reals 1 and 10 lie within, 0 does not.
    real, fake = _rows(0, 1, 10), _rows(2, 3, 30)
    assert precision_recall(real, fake, k=1) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    # One more fake outside moves precision only: 40 reaches [30, 50], and 30 now [20, 40].
    # Real 10 is then within no ball.
    more = _rows(2, 3, 30, 40)
    assert precision_recall(real, more, k=1) == (pytest.approx(2 / 4), pytest.approx(1 / 3))


def test_density_and_coverage_by_hand():
    # k = 2. Reals 0, 1, 3, 7: radii 3, 2, 3, 6. Fakes 2, 6: 2 lies in the balls of 0, 1, 3
    # and 7; 6 in that of 7, and on the border of that of 3, which is outside.
    assert density_coverage(_rows(0, 1, 3, 7), _rows(2, 6), k=2) == (pytest.approx(5 / 4), 1.0)
    assert density_coverage(_rows(0, 1, 3, 7), _rows(6, 60), k=2) == (pytest.approx(1 / 4), 0.25)


def test_the_border_is_within_for_precision_and_outside_for_density():
    # k = 1: the ball of 0 and that of 1 have the radius 1, and the fakes lie on its border.
    real, fake = _rows(0, 1), _rows(-1, 2)
    assert precision_recall(real, fake, k=1)[0] == 1.0
    assert density_coverage(real, fake, k=1) == (0.0, 0.0)


@pytest.mark.parametrize(("num_real", "num_fake"), [(40, 40), (35, 50)])
def test_agreement_with_the_loops(monkeypatch, num_real, num_fake):
    random = np.random.default_rng(0)
    real = 3.0 + random.normal(size=(num_real, 3))
    fake = 4.0 + 1.2 * random.normal(size=(num_fake, 3))
    # Blocks of few rows, the last of fewer.
    monkeypatch.setattr(distances, "BLOCK_SIZE", 300)
    expected = reference.precision_recall(real, fake, 3)
    assert 0 < min(expected) < max(expected) < 1
    assert precision_recall(real, fake) == pytest.approx(expected, rel=1e-12)
    assert density_coverage(real, fake) == pytest.approx(
        reference.density_coverage(real, fake, 5), rel=1e-12
    )


def test_ties_are_ties_whatever_the_rounding():
    # Of whole numbers many distances are equal. Around their mean, the last digits differ.
    random = np.random.default_rng(0)
    real, fake = random.integers(0, 4, (60, 4)), random.integers(1, 5, (47, 4))
    for k in range(1, 6):
        assert precision_recall(real, fake, k) == reference.precision_recall(real, fake, k)
        assert density_coverage(real, fake, k) == reference.density_coverage(real, fake, k)


def test_a_collapsed_generator_is_precise_and_recalls_little():
    random = np.random.default_rng(0)
    real = random.normal(size=(400, 4))
    collapsed = real[0] + 0.1 * random.normal(size=(400, 4))
    precision, recall = precision_recall(real, collapsed)
    assert precision > 0.95
    assert recall < 0.05
    density, coverage = density_coverage(real, collapsed)
    assert density > 0.8
    assert coverage < 0.1


def test_too_much_variety_is_recalled_and_imprecise():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(400, 4)), 4.0 * random.normal(size=(400, 4))
    precision, recall = precision_recall(real, fake)
    assert precision < 0.2
    assert recall > 0.8


@pytest.mark.parametrize("num_features", [3, 200])
def test_identical_sets_are_perfect_far_from_the_origin(num_features):
    rows = 1e4 + np.random.default_rng(0).normal(size=(70, num_features))
    rows = rows.astype(np.float32)
    assert precision_recall(rows, rows[::-1]) == (1.0, 1.0)
    # Within a ball are the row itself and k − 1 neighbours; the k-th is on the border.
    assert density_coverage(rows, rows[::-1]) == (1.0, 1.0)


def test_copies_of_one_picture_have_balls_of_radius_zero():
    real = np.random.default_rng(0).normal(size=(50, 300)) * 100
    copies = np.repeat(real[:1], 20, axis=0)
    # Every copy lies on its real; of the reals only that one lies in a ball of the copies.
    assert precision_recall(real, copies) == (1.0, pytest.approx(1 / 50))


@pytest.mark.parametrize("score", [precision_recall, density_coverage])
def test_what_has_too_few_rows_or_is_not_finite_is_refused(score):
    good = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(ValueError, match="real_features should have at least 7 rows, got 6"):
        score(good[:6], good, k=6)
    with pytest.raises(ValueError, match="k should be at least 1"):
        score(good, good, k=0)
    with pytest.raises(ValueError, match="fake_features should be finite"):
        score(good, np.where(good > 1, np.nan, good))
    with pytest.raises(ValueError, match="same number of columns"):
        score(good, good[:, :1])
    score(good[:7], good[:7], k=6)


def test_a_ball_around_a_fake_needs_enough_fakes():
    rows = np.random.default_rng(0).normal(size=(9, 2))
    with pytest.raises(ValueError, match="fake_features should have at least 4 rows, got 3"):
        precision_recall(rows, rows[:3])
    # Density and coverage draw none.
    assert density_coverage(rows, rows[:1])[1] > 0
    with pytest.raises(ValueError, match="fake_features should have at least 1 rows"):
        density_coverage(rows, rows[:0])
