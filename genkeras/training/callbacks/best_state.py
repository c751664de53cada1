"""Keeps the state with the best score."""

import logging

import keras

from genkeras.training import state
from genkeras.training.errors import RunError

_log = logging.getLogger("genkeras")


class BestState(keras.callbacks.Callback):
    """Stores the state as `best.npz` whenever a score is better than ever before.

    It stands between `ScoreRecord` and `StateStore`: an epoch whose state is stored has been
    looked at. What to beat is read from the file itself, so a resumed run goes on with it. A
    file that cannot be compared, such as the best by another score, is moved aside.

    Args:
        run_dir: Path of the run directory.
        history: `History`.
        name: String. A score's name, or words of it that no other score has, such as
            `frechet`.
        higher_is_better: Boolean.
        check: Function to call before something is written, which raises if it must not be.
    """

    def __init__(self, run_dir, history, name, higher_is_better, check):
        super().__init__()
        self._run_dir = run_dir
        self._history = history
        self._name = name
        self._higher_is_better = higher_is_better
        self._check = check
        self._best = None

    def on_train_begin(self, logs=None):
        try:
            loaded = state.load_best(self._run_dir)
        except RunError as error:
            _log.warning("%s The next score counts as the best.", error)
            loaded = None
        self._best = loaded and loaded[1]["best"]

    def on_epoch_end(self, epoch, logs=None):
        scores = self._history.last_scores()
        if not scores:
            return
        name = find_score(self._name, scores)
        value = scores[name]
        if not self._is_better(name, value):
            return
        self._check()
        if self._best is None or self._best["score"] != name:
            state.set_best_aside(self._run_dir)
        self._best = {"epoch": epoch + 1, "score": name, "value": value}
        meta = self._history.to_meta() | {"best": self._best}
        state.save_best(self._run_dir, state.collect(self.model), meta)
        _log.info("The best %s so far: %.6g after epoch %d", name, value, epoch + 1)

    def _is_better(self, name, value):
        # NaN is never better. The best by another score gives way.
        if value != value:
            return False
        if self._best is None or self._best["score"] != name:
            return True
        old = self._best["value"]
        return value > old if self._higher_is_better else value < old


def find_score(words, names):
    """Returns the name among `names` that is `words`, or the only one that contains them.

    Raises:
        RunError: If there is none, or more than one.
    """
    if words in names:
        return words
    found = [name for name in names if f"_{words}_" in f"_{name}_"]
    if len(found) != 1:
        raise RunError(
            f"--keep_best={words} means {'no' if not found else 'more than one'} score of this "
            f"run; expected one of {', '.join(found or names)}."
        )
    return found[0]
