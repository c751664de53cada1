"""Scores or losses against epochs or time."""

import io

import numpy as np

# So few points are marked, so that a curve of one or two can be seen.
_MARKED_POINTS = 40
_STYLES = ("-", "--", ":")


def curves(series, x_label, y_label, *, log_y=False):
    """Draws one or several curves in one plot.

    Args:
        series: Dict of a name to a pair `(x, y)` of arrays, or to a list of such pairs, one
            per training seed: each is drawn faintly, and their mean, point by point as
            far as the shortest goes, strongly.
        x_label, y_label: Strings. What the axes show.
        log_y: Boolean. Whether the vertical axis is logarithmic.

    Returns:
        Bytes of a PNG file.
    """
    return curve_panels({y_label: series}, x_label, log_y=log_y)


def curve_panels(panels, x_label, *, log_y=False):
    """Draws several plots under each other, for quantities of different scales.

    Args:
        panels: Dict of what a plot's vertical axis shows to its `series`, as in `curves`.
            A name has the same colour in all plots.
        x_label, log_y: As in `curves`.

    Returns:
        Bytes of a PNG file.
    """
    # Imported here: only drawing needs it, and it takes a while.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # A figure of its own: pyplot's global state would pick a display.
    height = 4.5 if len(panels) == 1 else 2.6 * len(panels)
    figure = Figure(figsize=(8, height), layout="constrained")
    FigureCanvasAgg(figure)
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    lines = {}
    for plot, (y_label, series) in zip(axes, panels.items(), strict=True):
        for name, runs in series.items():
            lines[name] = _draw(plot, runs, names.index(name))
        # The names of scores carry their protocol: set across, they would be cut off.
        if len(panels) == 1:
            plot.set_ylabel(y_label)
        else:
            plot.set_title(y_label, loc="left", fontsize="medium")
        if log_y:
            plot.set_yscale("log")
        plot.set_axisbelow(True)
        plot.grid(linewidth=0.5)
        plot.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel(x_label)
    # There is no epoch 2.5.
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(lines) > 1:
        figure.legend(lines.values(), lines, loc="outside right upper", frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _draw(axes, runs, index):
    """Draws a name's curve, or its curves and their mean; returns the strong line."""
    look = {"color": f"C{index % 10}", "linestyle": _STYLES[index // 10 % len(_STYLES)]}
    if isinstance(runs, list):
        if len(runs) > 1:
            for x, y in runs:
                axes.plot(x, y, alpha=0.3, linewidth=0.8, **look)
        runs = _mean(runs)
    x, y = runs
    marker = "o" if len(x) <= _MARKED_POINTS else None
    return axes.plot(x, y, linewidth=1.8, marker=marker, markersize=3.5, **look)[0]


def _mean(runs):
    points = min(len(x) for x, _ in runs)
    parts = np.array([(x[:points], y[:points]) for x, y in runs], np.float64)
    return parts.mean(axis=0)
