"""Stores state and history at the end of every epoch, and between."""

import datetime
import time

from genkeras import atomic
from genkeras.training import state
from genkeras.training.callbacks.every_steps import EverySteps


class StateStore(EverySteps):
    """Writes the state file, then `history.csv`, at the end of every epoch.

    It stands behind everything else that writes: an epoch counts as done when all of it is
    on disk.

    Args:
        run_dir: Path of the run directory.
        history: `History`, its row of this epoch already added.
        record: `EpochRecord` of the training.
        steps_per_epoch: Integer.
        check: Function to call before something is written, which raises if it must not be.
        every: When the state is stored within an epoch too: an integer, the training steps
            from one time to the next (`0` for never), or a `datetime.timedelta`.
        keep: Integer. How many states stay.
        facts: JSON-able dict, stored with every state, or `None`.
    """

    def __init__(
        self, run_dir, history, record, steps_per_epoch, check, every=0, keep=2, facts=None
    ):
        by_time = isinstance(every, datetime.timedelta)
        super().__init__(0 if by_time else every)
        self._seconds = every.total_seconds() if by_time else float("inf")
        self._run_dir = run_dir
        self._history = history
        self._record = record
        self._steps_per_epoch = steps_per_epoch
        self._keep = keep
        self._facts = facts or {}
        self._check = check
        self._stored_step = None
        self._stored_time = None

    def act(self, step):
        # The state at the end of an epoch is stored when the epoch's row is there.
        if step % self._steps_per_epoch:
            self._save(step, self._record.in_progress(step % self._steps_per_epoch))

    def store_now(self):
        """Stores the state after this step, unless the epoch is at its end.

        Returns:
            Boolean. Whether the state of this step is stored.
        """
        step = self._steps_done()
        if step != self._stored_step:
            self.act(step)
        return step == self._stored_step

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._stored_time = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if time.monotonic() - self._stored_time >= self._seconds:
            self.store_now()

    def on_epoch_end(self, epoch, logs=None):
        self._save((epoch + 1) * self._steps_per_epoch, None)
        self._check()  # Storing may have taken long.
        atomic.write_text(self._run_dir / "history.csv", self._history.to_csv())

    def _save(self, step, in_progress):
        self._check()
        meta = self._history.to_meta(in_progress) | self._facts
        state.save(self._run_dir, step, state.collect(self.model), meta, self._keep)
        self._stored_step, self._stored_time = step, time.monotonic()
