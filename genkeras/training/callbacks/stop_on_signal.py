"""Stops training when a signal asks for it, with everything stored."""

import keras

from genkeras.training.interruption import Interrupted


class StopOnSignal(keras.callbacks.Callback):
    """Stores the state when a signal has come, and raises `Interrupted`.

    That is after the training steps that are then being done in one call, which take up to
    `step_groups.SECONDS_PER_GROUP`, or one step if that takes longer. It stands behind all that
    writes. A signal that comes while an epoch's sheets are drawn or its scores
    computed is heard when its state is stored.

    Args:
        request: `StopRequest`.
        store: `StateStore`.
        run_dir: Path of the run directory, for the message.
        command: String. What goes on with the run, for the message.
    """

    def __init__(self, request, store, run_dir, command):
        super().__init__()
        self._request = request
        self._store = store
        self._run_dir = run_dir
        self._command = command

    def on_train_batch_end(self, batch, logs=None):
        if self._request.signal_number is not None and self._store.store_now():
            self._stop()

    def on_epoch_end(self, epoch, logs=None):
        if self._request.signal_number is not None:
            self._stop()

    def _stop(self):
        raise Interrupted(
            self._request.signal_number,
            f"Stopped after training step {int(self.model.steps_done.numpy()):,}, which is stored "
            f"in {self._run_dir}. The same training {self._command} goes on from there.",
        )
