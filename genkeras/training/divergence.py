"""Trainings that have diverged: noticed in the step where it happens, never stored."""

import numpy as np
import tensorflow as tf

from genkeras.training.errors import RunError


class DivergenceWatch:
    """Remembers the first training step after which a loss is not finite.

    The comparison is part of the training step, compiled with it, and keeps one number;
    looking at that number is what costs time on an accelerator, so it is done now and then.
    To be made before the model is trained.

    Args:
        model: Compiled model. Its `train_step` is replaced by a watched one.
    """

    def __init__(self, model):
        self._model = model
        self._first_bad_step = tf.Variable(0, dtype=tf.int64, trainable=False)
        train_step = model.train_step

        def watched_train_step(data):
            losses = train_step(data)
            # Running means of the epoch: once one is not finite, it stays so.
            finite = tf.reduce_all(
                [tf.reduce_all(tf.math.is_finite(loss)) for loss in losses.values()]
            )
            is_first = tf.logical_and(tf.equal(self._first_bad_step, 0), tf.logical_not(finite))
            step = tf.cast(model.steps_done.value, tf.int64)
            self._first_bad_step.assign(tf.where(is_first, step, self._first_bad_step))
            return losses

        model.train_step = watched_train_step

    def check_losses(self):
        """Raises `RunError` if a loss has not been finite since the watch began."""
        step = int(self._first_bad_step.numpy())
        if step:
            losses = self._model.get_metrics_result()
            names = [name for name, value in losses.items() if not np.isfinite(value)]
            raise _diverged(f"{' and '.join(names) or 'a loss'} became NaN or infinite", step)

    def check(self):
        """Raises `RunError` if a loss has not been finite, or a weight or the gradients are not."""
        self.check_losses()
        self._check_loss_scales()
        for variable in self._model.trainable_variables:
            if not np.isfinite(variable.numpy()).all():
                step = int(self._model.steps_done.numpy())
                raise _diverged(f"{variable.path} has NaN or infinite values", step)

    def _check_loss_scales(self):
        # An update is left out, and the scale halved, whenever a gradient is not finite: the
        # losses and weights stay numbers, and nothing is learnt.
        for name, optimizer in self._model.optimizers.items():
            scale = getattr(optimizer, "dynamic_scale", None)
            if scale is not None and scale.numpy() <= 1.0:
                step = int(self._model.steps_done.numpy())
                raise RunError(
                    f"The gradients for the {name} optimizer are too large for float16 even "
                    f"without loss scaling, up to training step {step:,}, and updates were left "
                    "out. The states before it are kept. Train with --precision=mixed_bfloat16 or "
                    "float32, or a lower --learning_rate (which makes another run)."
                )


def _diverged(what, step):
    return RunError(
        f"Training has diverged: {what} in training step {step:,}. The states before it are kept, "
        "and nothing after it is stored or scored. A lower --learning_rate (which makes another "
        "run) is the first thing to try; the same command goes on from the last state, to the "
        "same end."
    )
