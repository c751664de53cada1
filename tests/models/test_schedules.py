"""The learning-rate schedules as numbers per epoch."""

import pytest

from genkeras.models import schedules


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, 1.0), (29, 1.0), (30, 0.5), (49, 0.5), (50, 0.1), (99, 0.1), (100, 0.01), (500, 0.01)],
)
def test_manual(epoch, expected):
    assert schedules.factor("manual", epoch, 100) == pytest.approx(expected)


def test_manual_smooth_ends_at_a_hundredth():
    factors = [schedules.factor("manual_smooth", epoch, 50) for epoch in range(50)]
    assert factors[0] == pytest.approx(0.01 ** (1 / 50))
    assert factors[24] == pytest.approx(0.1)
    assert factors[49] == pytest.approx(0.01)


def test_a_number_is_the_epochs_per_tenth():
    assert [schedules.factor("20", epoch, 7) for epoch in (0, 10, 20, 40)] == pytest.approx(
        [1.0, 10**-0.5, 0.1, 0.01]
    )
    assert schedules.factor("none", 99, 100) == 1.0


@pytest.mark.parametrize("schedule", ["smooth", "", "0", "-3", "nan", "inf", None])
def test_unknown_schedules_are_refused(schedule):
    with pytest.raises(ValueError, match="learning_rate_schedule"):
        schedules.check(schedule)


def _run(minimum_of_epoch, epochs):
    """Returns the factor in force in each epoch."""
    plateau, factors = schedules.Plateau(), []
    for epoch in range(epochs):
        factors.append(float(plateau.factor.numpy()))
        for loss in (minimum_of_epoch(epoch) + 3.0, minimum_of_epoch(epoch)):
            plateau.observe(loss)
        plateau.end_epoch(epoch)
    return factors


def test_plateau_waits_for_epoch_30_and_then_10_epochs():
    factors = _run(lambda epoch: 1.0, 61)
    assert factors[:40] == [1.0] * 40
    assert factors[40:50] == pytest.approx([1 / 1.4] * 10)
    assert factors[50:60] == pytest.approx([1 / 1.4**2] * 10)
    assert factors[60] == pytest.approx(1 / 1.4**3)


def test_plateau_keeps_the_rate_while_the_loss_falls():
    assert _run(lambda epoch: 100.0 - epoch, 80) == [1.0] * 80


def test_progress_starts_the_wait_anew():
    factors = _run(lambda epoch: 0.5 if epoch >= 35 else 1.0, 47)
    # Epoch 35 beats all before; 36 to 45 do not.
    assert factors[45] == 1.0
    assert factors[46] == pytest.approx(1 / 1.4)


def test_the_window_is_20_epochs():
    # The minimum of epoch 20 is forgotten at epoch 41 and beaten by 0.9 there, not at 40.
    def minimum(epoch):
        return {20: 0.1, 40: 0.9, 41: 0.9}.get(epoch, 1.0)

    def late(epoch):
        return {20: 0.1, 41: 0.9}.get(epoch, 1.0)

    def early(epoch):
        return {20: 0.1, 40: 0.9}.get(epoch, 1.0)

    assert _run(minimum, 51)[50] == pytest.approx(1 / 1.4**2)
    assert _run(late, 51)[50] == pytest.approx(1 / 1.4)
    assert _run(early, 51)[50] == pytest.approx(1 / 1.4**2)


def test_the_factor_has_a_floor(monkeypatch):
    monkeypatch.setattr(schedules, "SMALLEST_FACTOR", 0.6)
    assert _run(lambda epoch: 1.0, 61)[60] == pytest.approx(0.6)
