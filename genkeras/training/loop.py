"""Keras' `fit`, from wherever a run stands to the end of its last epoch."""

import contextlib
import logging
import sys

import keras

from genkeras.data.batches import Batches
from genkeras.training import callbacks
from genkeras.training.callbacks.every_steps import EverySteps
from genkeras.training.callbacks.stop_within_epoch import StoppedWithinEpoch
from genkeras.training.errors import RunError
from genkeras.training.step_groups import in_groups

_STEP_METHODS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_log = logging.getLogger("genkeras")


def make_batches(model, split, config):
    """Returns the `Batches` of a run: each holds the pictures of a training step.

    Args:
        model: Model.
        split: `Split` of training pictures.
        config: `Config`.

    Raises:
        RunError: If the pictures do not fill one.
    """
    updates = getattr(model, "discriminator_steps", 1)
    images_per_step = config.options["batch_size"] * updates
    if updates > 1 and len(split.images) < images_per_step:
        raise RunError(
            f"{len(split.images)} training pictures do not fill one training step of "
            f"{updates} discriminator updates on {config.options['batch_size']} each: lower "
            "--batch_size or --discriminator_steps, or give more pictures."
        )
    labels = split.labels if getattr(model, "num_classes", None) else None
    return Batches(split.images, labels, images_per_step, config.seed)


def pretrain(model, images, seed):
    """Runs the pretraining of a model that asks for one, unless its training has begun.

    A model asks by a `pretraining_batch_size`; its `pretrain` takes batches and returns the
    losses.

    Args:
        model: Compiled model, its state restored.
        images: uint8 array. The training pictures.
        seed: Integer. Of the order of the pictures.
    """
    wanted = getattr(model, "pretraining_batch_size", None)
    if wanted is None or model.steps_done.numpy():
        return
    batches = Batches(images, None, min(wanted, len(images)), seed)
    losses = model.pretrain(batches.dataset(model.value_range))
    steps = "1 step" if len(losses) == 1 else f"{len(losses)} steps"
    _log.info("Pretrained for %s, to a loss of %.4f", steps, losses[-1])


def required_callbacks(model):
    """Returns the callbacks without which a model is not its paper's.

    A model names them in `required_callbacks`, a dict of a key of `callbacks.CALLBACKS`
    to arguments, because models do not import callbacks.
    """
    required = getattr(model, "required_callbacks", {})
    return [callbacks.create(name, **arguments) for name, arguments in required.items()]


def fit(model, batches, history, epochs, chosen_callbacks):
    """Trains until `epochs` are done, from where the history ends, within an epoch or not.

    Or until a callback sets `stop_training`. Several steps are done in one call, unless
    somebody else's callback does something in every step: how many make a call is a matter
    of time, and what it does there would be too.

    Args:
        model: Compiled model, its state restored.
        batches: `Batches`.
        history: `History`, which a callback goes on with.
        epochs: Integer. Epochs in all.
        chosen_callbacks: List of callbacks, in the order in which they are called.
    """
    turns = [each.every for each in chosen_callbacks if isinstance(each, EverySteps) and each.every]
    if any(map(_acts_in_steps, chosen_callbacks)):
        turns = [1]
    one_epoch = _OneEpoch()
    with in_groups(model, batches.steps_per_epoch, turns), stopping_within_epoch(chosen_callbacks):
        if history.in_progress:
            # All epochs of one `fit` have the same number of steps.
            _fit(model, batches, history, epochs, [*chosen_callbacks, one_epoch])
        if history.epochs < epochs and not one_epoch.was_stopped:
            _fit(model, batches, history, epochs, chosen_callbacks)


@contextlib.contextmanager
def stopping_within_epoch(chosen_callbacks):
    """Context that `StopWithinEpoch` leaves: for all callbacks the training then ends.

    Args:
        chosen_callbacks: List of callbacks.
    """
    try:
        yield
    except StoppedWithinEpoch:
        for each in chosen_callbacks:
            each.on_train_end(None)


def end_epoch_again(model, history, chosen_callbacks):
    """Lets callbacks do at the end of the last epoch what was not asked for then.

    Args:
        model: Model at the end of an epoch.
        history: `History` with that epoch's row.
        chosen_callbacks: List of callbacks.
    """
    called = keras.callbacks.CallbackList(chosen_callbacks, model=model, epochs=history.epochs)
    called.on_train_begin()
    called.on_epoch_end(history.epochs - 1, {})
    called.on_train_end()


def _fit(model, batches, history, epochs, chosen_callbacks):
    steps_per_epoch = batches.steps_per_epoch
    done = history.in_progress["steps"] if history.in_progress else 0
    model.fit(
        batches.dataset(model.value_range, history.epochs * steps_per_epoch + done),
        initial_epoch=history.epochs,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch - done,
        shuffle=False,  # The pipeline has shuffled already.
        # Redrawing a line for every step would fill a log file.
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=chosen_callbacks,
    )


def _acts_in_steps(callback):
    package = __name__.partition(".")[0]
    if type(callback).__module__.partition(".")[0] == package:
        return False  # Ours know of groups.
    # Some have their methods themselves and not from their class, such as `LambdaCallback`.
    methods = ((getattr(callback, name), name) for name in _STEP_METHODS)
    return any(
        getattr(method, "__func__", method) is not getattr(keras.callbacks.Callback, name)
        for method, name in methods
    )


class _OneEpoch(keras.callbacks.Callback):
    """Ends a `fit` with its first epoch, and remembers whether another callback wanted to."""

    was_stopped = False

    def on_epoch_end(self, epoch, logs=None):
        self.was_stopped = self.model.stop_training
        self.model.stop_training = True
