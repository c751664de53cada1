"""What an epoch cost and reached, a row each."""

import csv
import io

_MEASURES = ("epoch", "seconds", "images")


class History:
    """The rows of `history.csv`.

    Args:
        rows: List of dicts with `epoch` (from 1), `seconds`, `images` (pictures seen in
            the epoch) and the mean losses of the epoch.
        in_progress: What `EpochRecord` has measured of an epoch that was interrupted after
            some of its steps, or `None`.
    """

    def __init__(self, rows=(), in_progress=None):
        self.rows = [dict(row) for row in rows]
        self.in_progress = in_progress

    @property
    def epochs(self):
        """Number of epochs done."""
        return len(self.rows)

    def append(self, seconds, images, losses):
        """Adds the row of the epoch that just ended."""
        row = {"epoch": self.epochs + 1, "seconds": round(seconds, 3), "images": images}
        self.rows.append(row | {name: float(value) for name, value in losses.items()})
        self.in_progress = None

    def total(self, measure):
        """Returns the sum of a column over all epochs."""
        return sum(row[measure] for row in self.rows)

    def last_losses(self):
        """Returns the losses of the last epoch, by name."""
        last = self.rows[-1] if self.rows else {}
        return {name: value for name, value in last.items() if name not in _MEASURES}

    def to_csv(self):
        """Returns the text of `history.csv`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]) if self.rows else _MEASURES)
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()
