"""What an epoch cost and reached, a row each."""

import csv
import io
import itertools

from genkeras.training.errors import RunError

_MEASURES = ("epoch", "seconds", "images")


class History:
    """The rows of `history.csv`.

    Args:
        rows: List of dicts with `epoch` (from 1), `seconds`, `images` (pictures seen in
            the epoch), the mean losses of the epoch and, in epochs that were scored, the
            scores.
        in_progress: What `EpochRecord` has measured of an epoch that was interrupted after
            some of its steps, or `None`.
        score_names: List of the columns that are scores.
    """

    def __init__(self, rows=(), in_progress=None, score_names=()):
        self.rows = [dict(row) for row in rows]
        self.in_progress = in_progress
        self.score_names = list(score_names)

    @classmethod
    def from_meta(cls, meta):
        """Returns the history that `to_meta` was called of.

        Raises:
            RunError: If somebody else wrote the state, and there is none in it.
        """
        try:
            return cls(meta["history"], meta.get("in_progress"), meta.get("score_names", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"The state holds no history of a run ({error!r}). Start with --fresh to "
                "train anew: what is there is moved aside."
            ) from error

    def to_meta(self, in_progress=None):
        """Returns what is stored with a state, JSON-able.

        Args:
            in_progress: What `EpochRecord` measured of an epoch that is not done, or `None`.
        """
        return {
            "history": self.rows,
            "score_names": self.score_names,
            "in_progress": in_progress,
        }

    @property
    def epochs(self):
        """Number of epochs done."""
        return len(self.rows)

    def append(self, seconds, images, losses):
        """Adds the row of the epoch that just ended."""
        row = {"epoch": self.epochs + 1, "seconds": round(seconds, 3), "images": images}
        self.rows.append(row | {name: float(value) for name, value in losses.items()})
        self.in_progress = None

    def add_scores(self, scores):
        """Adds scores, a dict of names to numbers, to the row of the epoch that just ended."""
        taken = sorted(scores.keys() & self.rows[-1].keys())
        if taken:
            raise ValueError(f"The row of epoch {self.epochs} has {', '.join(taken)} already.")
        self.rows[-1].update({name: float(value) for name, value in scores.items()})
        self.score_names += [name for name in scores if name not in self.score_names]

    def last_scores(self):
        """Returns the scores of the last epoch, by name; empty if it was not scored."""
        last = self.rows[-1] if self.rows else {}
        return {name: last[name] for name in self.score_names if name in last}

    def last_losses(self):
        """Returns the losses of the last epoch, by name."""
        last = self.rows[-1] if self.rows else {}
        others = {*_MEASURES, *self.score_names}
        return {name: value for name, value in last.items() if name not in others}

    def curve(self, name):
        """Returns where a score or loss went.

        Args:
            name: String. A column.

        Returns:
            Three lists, of the epochs that have the column: their numbers, the seconds of
            training until their end, the values.
        """
        seconds = itertools.accumulate(row["seconds"] for row in self.rows)
        points = [
            (row["epoch"], total, row[name])
            for row, total in zip(self.rows, seconds, strict=True)
            if name in row
        ]
        return tuple(map(list, zip(*points, strict=True))) or ([], [], [])

    def total(self, measure):
        """Returns the sum of a column over all epochs."""
        return sum(row[measure] for row in self.rows)

    def to_csv(self):
        """Returns the text of `history.csv`; an epoch that was not scored has empty cells."""
        columns = dict.fromkeys([*_MEASURES, *(name for row in self.rows for name in row)])
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()
