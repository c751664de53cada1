"""What the server counts, as Prometheus reads it.

Reference:
    [Exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/), text.
"""

import bisect
import collections
import itertools

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Counts of values up to each of some bounds.

    Args:
        name: String.
        text: String. What is counted, and its unit.
        bounds: Tuple of numbers, increasing.
    """

    def __init__(self, name, text, bounds):
        self._name, self._text, self._bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value):
        """Counts a value."""
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self):
        """Returns lines of text."""
        totals = list(itertools.accumulate(self._counts))
        bounds = [*map(str, self._bounds), "+Inf"]
        return [
            *_head(self._name, self._text, "histogram"),
            *(
                f'{self._name}_bucket{{le="{bound}"}} {total}'
                for bound, total in zip(bounds, totals, strict=True)
            ),
            f"{self._name}_sum {self._sum:.9g}",
            f"{self._name}_count {totals[-1]}",
        ]


class Metrics:
    """Everything that `/metrics` tells. Used from the event loop only."""

    def __init__(self):
        self._requests = collections.Counter()
        self._seconds = Histogram(
            "genkeras_request_seconds",
            "Seconds from a prediction's arrival to its answer.",
            _SECONDS,
        )
        self._rows = Histogram("genkeras_batch_rows", "Rows of a batch.", _ROWS)

    def answered(self, status, seconds=None):
        """Counts a request.

        Args:
            status: Integer. Of HTTP; 499 if the client went away.
            seconds: Float. What a prediction took.
        """
        self._requests[status] += 1
        if seconds is not None:
            self._seconds.observe(seconds)

    def batch(self, rows):
        """Counts a batch."""
        self._rows.observe(rows)

    def text(self, queue_length, ready):
        """Returns all of it.

        Args:
            queue_length: Integer. Requests that wait, are computed or answered.
            ready: List of pairs of names and versions.
        """
        name = "genkeras_requests_total"
        lines = _head(name, "Requests of the REST protocol by status.", "counter")
        lines += [f'{name}{{code="{code}"}} {n}' for code, n in sorted(self._requests.items())]
        lines += self._seconds.lines() + self._rows.lines()
        name = "genkeras_queue_length"
        lines += [
            *_head(name, "Requests that wait, run or are answered.", "gauge"),
            f"{name} {queue_length}",
        ]
        name = "genkeras_sampler_ready"
        lines += _head(name, "Samplers that are served.", "gauge")
        lines += [f'{name}{{model="{_escaped(of)}",version="{v}"}} 1' for of, v in ready]
        return "\n".join(lines) + "\n"


def _head(name, text, kind):
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _escaped(text):
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
