"""Scores the model while it trains."""

import keras

from genkeras import atomic
from genkeras.visualization.curves import curve_panels


class ScoreRecord(keras.callbacks.Callback):
    """Adds scores to the history's row every so many epochs and at the last one.

    It stands behind `EpochRecord`, which adds the row. It also draws `scores.png`, a plot of
    each score against the epochs.

    Args:
        run_dir: Path of the run directory.
        history: `History`.
        score: Function of the model that returns a dict of names to numbers. It must not
            change the model.
        check: Function to call before something is written, which raises if it must not be.
        every: Integer. Epochs from one scoring to the next; `0` for the last one alone.
    """

    def __init__(self, run_dir, history, score, check, every=0):
        super().__init__()
        self._check = check
        self._run_dir = run_dir
        self._history = history
        self._score = score
        self._every = every

    def on_epoch_end(self, epoch, logs=None):
        if not _is_due(epoch, self._every, self.params["epochs"]):
            return
        self._history.add_scores(self._score(self.model))
        panels = {}
        for name in self._history.score_names:
            epochs, _, values = self._history.curve(name)
            panels[name] = {"": (epochs, values)}
        if panels:
            image = curve_panels(panels, "epoch")
            self._check()
            atomic.write_bytes(self._run_dir / "scores.png", image)


class ScoreHelp(keras.callbacks.Callback):
    """Scores the model when `ScoreRecord` does, in a worker that shares the work of the chief.

    Args:
        score: Function of the model.
        every: Integer. As in `ScoreRecord`.
    """

    def __init__(self, score, every):
        super().__init__()
        self._score = score
        self._every = every

    def on_epoch_end(self, epoch, logs=None):
        if _is_due(epoch, self._every, self.params["epochs"]):
            self._score(self.model)


def _is_due(epoch, every, epochs):
    return epoch + 1 == epochs or (every > 0 and (epoch + 1) % every == 0)
