"""Codes of pictures in the latent plane, coloured by class."""

import io

import numpy as np

# Colours of so many classes can still be told apart.
_QUALITATIVE = ((10, "tab10"), (20, "tab20"))


def draw_codes(codes, limit, labels=None, class_names=None):
    """Draws a scatter of 2-d codes.

    Args:
        codes: Float array `(num_codes, 2)`; `z₁` is drawn to the right, `z₂` upwards.
        limit: Float. The axes run from −limit to limit; codes outside are not shown, and
            the title says how many.
        labels: Integer array `(num_codes,)` for colours and a colour bar, or `None`.
        class_names: Sequence of strings in the order of the labels.

    Returns:
        Bytes of a PNG file.
    """
    # Imported here: only drawing needs it, and it takes a while.
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.figure import Figure

    # A figure of its own: pyplot's global state would pick a display.
    figure = Figure(figsize=(8, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    marks = {"s": 12, "linewidths": 0, "alpha": 0.75}
    if labels is None:
        axes.scatter(codes[:, 0], codes[:, 1], color="tab:blue", **marks)
    else:
        count = len(class_names)
        palette = next((name for size, name in _QUALITATIVE if count <= size), None)
        if palette:
            colours = ListedColormap(colormaps[palette].colors[:count])
        else:
            colours = colormaps["turbo"].resampled(count)
        points = axes.scatter(
            codes[:, 0],
            codes[:, 1],
            c=labels,
            cmap=colours,
            norm=BoundaryNorm(np.arange(count + 1) - 0.5, count),
            **marks,
        )
        # Names of very many classes would cover each other.
        ticks = np.arange(0, count, max(1, count // 20))
        bar = figure.colorbar(points, ticks=ticks)
        bar.set_ticklabels([class_names[tick] for tick in ticks])
        bar.solids.set_alpha(1.0)
    outside = int(np.count_nonzero((np.abs(codes) > limit).any(axis=1)))
    axes.set(
        xlim=(-limit, limit),
        ylim=(-limit, limit),
        aspect="equal",
        xlabel="z₁",
        ylabel="z₂",
        title=f"{len(codes):,} codes" + (f", {outside:,} of them outside" if outside else ""),
    )
    axes.set_axisbelow(True)
    axes.grid(linewidth=0.5)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
