"""Measures epochs."""

import time

import keras


class EpochRecord(keras.callbacks.Callback):
    """Adds a row to the history at the end of every epoch.

    It stands first among the callbacks, so that the seconds are those of training and
    not of drawing or storing.

    Args:
        history: `History`; a row is added per epoch.
        images_per_epoch: Integer. Training pictures that an epoch shows.
    """

    def __init__(self, history, images_per_epoch):
        super().__init__()
        self._history = history
        self._images_per_epoch = images_per_epoch
        self._start = None

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self._history.append(time.perf_counter() - self._start, self._images_per_epoch, logs)
