"""Ends a training that another callback stops within an epoch."""

import logging

import keras

_log = logging.getLogger("genkeras")


class StoppedWithinEpoch(Exception):  # noqa: N818 (no error, as StopIteration is none)
    """Training has ended within an epoch, by a callback's wish; the state is stored."""


class StopWithinEpoch(keras.callbacks.Callback):
    """Stores the state after a step in which `stop_training` was set, and ends the training.

    Keras would end the epoch too, and an epoch that was not done would be drawn, scored and
    counted. At the last step of an epoch that is right. It stands last.

    Args:
        store: `StateStore`.
    """

    def __init__(self, store):
        super().__init__()
        self._store = store

    def on_train_batch_end(self, batch, logs=None):
        if self.model.stop_training and self._store.store_now():
            _log.info(
                "A callback has stopped the training after step %d, which is stored. The same "
                "training goes on from there.",
                int(self.model.steps_done.numpy()),
            )
            raise StoppedWithinEpoch
