"""Stops a training that cannot be gone on with."""

import time

import keras

SECONDS = 10.0


class RunCheck(keras.callbacks.Callback):
    """Raises `RunError` when the training has diverged or the run directory is gone.

    It looks at the end of every epoch, standing before everything that writes, and every
    few seconds between; `StateStore` has it look before every state, and whoever else writes
    has the lock verified.

    Args:
        watch: `DivergenceWatch` of the model.
        lock: `RunLock` of the run directory.
    """

    def __init__(self, watch, lock):
        super().__init__()
        self._watch = watch
        self._lock = lock
        self._last = None

    def check(self):
        """Looks at losses, weights and the directory."""
        self._watch.check()
        self._lock.verify()

    def on_train_begin(self, logs=None):
        self._last = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() - self._last > SECONDS:
            self._watch.check_losses()
            self._lock.verify()
            self._last = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.check()
