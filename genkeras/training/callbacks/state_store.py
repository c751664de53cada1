"""Stores state and history at the end of every epoch."""

import keras

from genkeras import atomic
from genkeras.training import state


class StateStore(keras.callbacks.Callback):
    """Writes the state file, then `history.csv`, at the end of every epoch.

    It stands last among the callbacks: an epoch counts as done when everything else of
    it is on disk.

    Args:
        run_dir: Path of the run directory.
        history: `History`, its row of this epoch already added.
        steps_per_epoch: Integer.
    """

    def __init__(self, run_dir, history, steps_per_epoch):
        super().__init__()
        self._run_dir = run_dir
        self._history = history
        self._steps_per_epoch = steps_per_epoch

    def on_epoch_end(self, epoch, logs=None):
        step = (epoch + 1) * self._steps_per_epoch
        state.save(self._run_dir, step, state.collect(self.model), {"history": self._history.rows})
        atomic.write_text(self._run_dir / "history.csv", self._history.to_csv())
