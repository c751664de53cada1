"""Measures epochs."""

import time

import keras


class EpochRecord(keras.callbacks.Callback):
    """Adds a row to the history at the end of every epoch.

    It stands before everything that writes and counts the seconds between the beginning and
    the end of steps, which are those of training and not of drawing or storing.

    Args:
        history: `History`; a row is added per epoch. An epoch in progress is gone on with.
        images_per_epoch: Integer. Training pictures that an epoch shows.
    """

    def __init__(self, history, images_per_epoch):
        super().__init__()
        self._history = history
        self._images_per_epoch = images_per_epoch
        self._seconds = 0.0
        self._step_start = None

    def in_progress(self, steps):
        """Returns what an epoch that is interrupted after `steps` needs to go on, JSON-able."""
        metrics = [variable.numpy().tolist() for variable in self.model.metrics_variables]
        return {"steps": steps, "seconds": self._seconds, "metrics": metrics}

    def on_epoch_begin(self, epoch, logs=None):
        self._seconds = 0.0
        if self._history.in_progress:
            self._seconds = self._history.in_progress["seconds"]
            # Keras has just reset them.
            for variable, value in zip(
                self.model.metrics_variables, self._history.in_progress["metrics"], strict=True
            ):
                variable.assign(value)

    def on_train_batch_begin(self, batch, logs=None):
        self._step_start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._seconds += time.perf_counter() - self._step_start

    def on_epoch_end(self, epoch, logs=None):
        self._history.append(self._seconds, self._images_per_epoch, logs)
