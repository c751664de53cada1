"""Learning-rate schedules of the WAE program: a factor per epoch, epochs counted from 0."""

import keras
import tensorflow as tf

FIRST_PLATEAU_EPOCH = 30
WINDOW_EPOCHS = 20
PATIENCE_EPOCHS = 10
DECAY = 1.4
SMALLEST_FACTOR = 1e-6


def factor(schedule, epoch, num_epochs):
    """Returns what a schedule that depends on the epoch alone multiplies the rates by.

    Args:
        schedule: String. `"none"`; `"manual"`, divided by 2 at epoch 30, by 5 at 50 and by
            10 at 100; `"manual_smooth"`, 100^(−(e + 1) / E); or a number S: 10^(−e / S).
        epoch: Integer e, from 0.
        num_epochs: Integer E. Epochs of the whole training.

    Raises:
        ValueError: If the schedule is unknown.
    """
    if schedule == "none":
        return 1.0
    if schedule == "manual":
        return 1.0 / (
            (2 if epoch >= 30 else 1) * (5 if epoch >= 50 else 1) * (10 if epoch >= 100 else 1)
        )
    if schedule == "manual_smooth":
        return 100.0 ** (-(epoch + 1) / num_epochs)
    return 10.0 ** (-epoch / _scale(schedule))


def check(schedule):
    """Raises `ValueError` unless a schedule is `"plateau"` or one that `factor` knows."""
    if schedule not in ("none", "manual", "manual_smooth", "plateau"):
        _scale(schedule)


def _scale(schedule):
    try:
        scale = float(schedule)
    except (TypeError, ValueError):
        scale = 0.0
    if not 0.0 < scale < float("inf"):
        raise ValueError(
            f"learning_rate_schedule={schedule!r} is unknown; use 'none', 'manual', "
            "'manual_smooth', 'plateau', or a positive number S for 10^(-epoch / S)."
        )
    return scale


class Plateau(keras.layers.Layer):
    """The schedule `plateau`: the factor shrinks while the loss makes no progress.

    From epoch 30 on, after 10 epochs in which no batch's loss was below the smallest of the
    20 epochs before, the factor is divided by 1.4, but not below 1e-6. Judged at the ends of
    epochs. All state is in variables, so a restored run goes on exactly.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        shared = {"dtype": "float32", "trainable": False}
        infinite = keras.initializers.Constant(float("inf"))
        self.epoch_minimum = self.add_weight(
            shape=(), initializer=infinite, name="epoch_minimum", **shared
        )
        self.recent_minima = self.add_weight(
            shape=(WINDOW_EPOCHS,), initializer=infinite, name="recent_minima", **shared
        )
        self.epochs_waited = self.add_weight(
            shape=(), initializer="zeros", name="epochs_waited", **shared
        )
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor", **shared)
        self.built = True

    def observe(self, loss):
        """Takes in the loss of a batch, in a training step."""
        self.epoch_minimum.assign(tf.minimum(self.epoch_minimum.value, loss))

    def end_epoch(self, epoch):
        """Settles the factor of the next epoch.

        Args:
            epoch: Integer, from 0: the epoch that ends.
        """
        minimum = float(self.epoch_minimum.numpy())
        minima = self.recent_minima.numpy()
        if epoch >= FIRST_PLATEAU_EPOCH:
            waited = 0.0 if minimum < minima.min() else float(self.epochs_waited.numpy()) + 1.0
            if waited >= PATIENCE_EPOCHS:
                self.factor.assign(max(float(self.factor.numpy()) / DECAY, SMALLEST_FACTOR))
                waited = 0.0
            self.epochs_waited.assign(waited)
        self.recent_minima.assign([*minima[1:], minimum])
        self.epoch_minimum.assign(float("inf"))
