"""The figure of six panels of the WAE program."""

import io

import numpy as np

from genkeras.visualization import grid, latent_scatter


def six_panels(pictures, columns, scatter, curves):
    """Draws train and test reconstructions, samples // scatter, curves, data.

    Args:
        pictures: Dict of four titles to uint8 arrays `(num_images, height, width, channels)`,
            in the order of the panels.
        columns: List of the number of columns of each of the four sheets.
        scatter: Dict of the arguments of `latent_scatter.draw` after the axes.
        curves: Dict of a label to positive numbers, one per epoch; NaN is left out.

    Returns:
        Bytes of a PNG file.
    """
    # Imported when something is drawn: it is slow to load.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(18, 12), layout="constrained")
    axes = figure.subplots(2, 3)
    sheet_axes = (axes[0, 0], axes[0, 1], axes[0, 2], axes[1, 2])
    for panel, (title, images), width in zip(sheet_axes, pictures.items(), columns, strict=True):
        sheet = grid.make_grid(images, width, padding=1)
        colours = {"cmap": "gray", "vmin": 0, "vmax": 255} if sheet.shape[-1] == 1 else {}
        panel.imshow(sheet.squeeze(-1) if colours else sheet, interpolation="nearest", **colours)
        panel.set_title(title)
        panel.set_axis_off()
    latent_scatter.draw(axes[1, 0], **scatter)
    axes[1, 0].set_title("Prior and codes")
    for label, values in curves.items():
        logarithms = np.log(np.asarray(values))
        axes[1, 1].plot(np.arange(1, len(values) + 1), logarithms, marker=".", label=label)
    axes[1, 1].set_title("Test pictures, by epoch")
    axes[1, 1].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1, 1].grid(axis="y")
    axes[1, 1].legend(loc="best")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
