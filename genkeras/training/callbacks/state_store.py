"""Stores state and history at the end of every epoch, and between."""

import numpy as np

from genkeras import atomic
from genkeras.training import state
from genkeras.training.callbacks.every_steps import EverySteps
from genkeras.training.errors import RunError


class StateStore(EverySteps):
    """Writes the state file, then `history.csv`, at the end of every epoch.

    It stands last among the callbacks: an epoch counts as done when everything else of
    it is on disk.

    Args:
        run_dir: Path of the run directory.
        history: `History`, its row of this epoch already added.
        record: `EpochRecord` of the training.
        steps_per_epoch: Integer.
        every: Integer. Training steps after which the state is stored within an epoch
            too; `0` for never.
        keep: Integer. How many states stay.
    """

    def __init__(self, run_dir, history, record, steps_per_epoch, every=0, keep=2):
        super().__init__(every)
        self._run_dir = run_dir
        self._history = history
        self._record = record
        self._steps_per_epoch = steps_per_epoch
        self._keep = keep

    def act(self, step):
        # The state at the end of an epoch is stored when the epoch's row is there.
        if step % self._steps_per_epoch:
            self._save(step, self._record.in_progress(step % self._steps_per_epoch))

    def on_epoch_end(self, epoch, logs=None):
        self._save((epoch + 1) * self._steps_per_epoch, None)
        atomic.write_text(self._run_dir / "history.csv", self._history.to_csv())

    def _save(self, step, in_progress):
        for variable in self.model.trainable_variables:
            # A state from which nothing can be gone on with must not push out a good one.
            if not np.isfinite(variable.numpy()).all():
                raise RunError(
                    f"Training has diverged: {variable.path} is not finite after step {step}. The "
                    "states before it are kept. Another --learning_rate makes another run."
                )
        meta = {"history": self._history.rows, "in_progress": in_progress}
        state.save(self._run_dir, step, state.collect(self.model), meta, self._keep)
