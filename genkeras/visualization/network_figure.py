"""A figure of a model's networks."""

import dataclasses
import io
import textwrap

# Fill colour by the first word of a layer's name.
_COLOURS = {
    "Input": "#e8e8e8",
    "Dense": "#cfe3f5",
    "Conv2DTranspose": "#fbe0c3",
    "Conv2D": "#d5edd2",
}
_OTHER_COLOUR = "#f3edf8"
_COLUMN_WIDTH, _LINE, _GAP, _MARGIN = 4.4, 0.21, 0.26, 0.25


@dataclasses.dataclass(frozen=True)
class Box:
    """A layer, with the normalization and activation that follow it.

    Args:
        names: Tuple of strings, one for each of them.
        shape: String. Shape of the output.
        parameters: Integer.
    """

    names: tuple[str, ...]
    shape: str
    parameters: int


@dataclasses.dataclass(frozen=True)
class Column:
    """A network.

    Args:
        title: String.
        boxes: List of `Box`, the input first.
        footer: String.
    """

    title: str
    boxes: list[Box]
    footer: str


def draw_networks(title, value_function, paper, columns):
    """Draws networks as columns of boxes, from input to output.

    Args:
        title: String. Name of the model.
        value_function: String. Stands below the title.
        paper: String. Stands at the bottom.
        columns: List of `Column`.

    Returns:
        Bytes of a PNG file.
    """
    # Imported here: only drawing needs it, and it takes a while.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = max(2, len(columns)) * _COLUMN_WIDTH + 2 * _MARGIN
    formula = _wrap(value_function, int(9.0 * width))
    head = 0.75 + 0.26 * len(formula)
    body = max(map(_height, columns))
    height = head + body + 0.45
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    # One unit is one inch, downwards.
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    centre = {"ha": "center", "va": "center"}
    axes.text(width / 2, 0.35, title, fontsize=18, weight="bold", **centre)
    for index, line in enumerate(formula):
        axes.text(width / 2, 0.75 + 0.26 * index, line, fontsize=12, **centre)
    left = (width - len(columns) * _COLUMN_WIDTH) / 2
    for index, column in enumerate(columns):
        _draw_column(axes, column, left + index * _COLUMN_WIDTH, head)
    axes.text(width / 2, height - 0.2, paper, fontsize=9, color="#555555", **centre)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _wrap(value_function, characters):
    """Breaks a formula between its players first, and only then at spaces."""
    lines = []
    for part in value_function.replace(";", ";\n").splitlines():
        lines += textwrap.wrap(part.strip(), characters) or [""]
    return lines


def _box_height(box):
    return _LINE * (len(box.names) + 1) + 0.14


def _height(column):
    return sum(_box_height(box) + _GAP for box in column.boxes) + 0.75


def _draw_column(axes, column, left, top):
    from matplotlib.patches import FancyBboxPatch

    middle, right = left + _COLUMN_WIDTH / 2, left + _COLUMN_WIDTH - _MARGIN
    left += _MARGIN
    axes.text(middle, top + 0.1, column.title, fontsize=13, weight="bold", ha="center", va="center")
    y = top + 0.35
    for index, box in enumerate(column.boxes):
        height = _box_height(box)
        if index:
            axes.annotate(
                "",
                (middle, y),
                (middle, y - _GAP),
                arrowprops={"arrowstyle": "-|>", "color": "#777777", "shrinkA": 0, "shrinkB": 0},
            )
        axes.add_patch(
            FancyBboxPatch(
                (left, y),
                right - left,
                height,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=_colour(box),
                edgecolor="#777777",
                linewidth=0.8,
            )
        )
        for row, name in enumerate(box.names):
            weight = "normal" if row else "bold"
            axes.text(left + 0.12, y + 0.19 + _LINE * row, name, weight=weight, **_CELL)
        below = y + 0.19 + _LINE * len(box.names)
        axes.text(left + 0.12, below, f"→ {box.shape}", **_CELL)
        if box.parameters:
            text = f"{box.parameters:,} parameters"
            axes.text(right - 0.12, below, text, **(_CELL | {"ha": "right"}))
        y += height + _GAP
    axes.text(middle, y - 0.05, column.footer, fontsize=10, ha="center", va="center")


_CELL = {"fontsize": 10, "ha": "left", "va": "center"}


def _colour(box):
    kind = box.names[0].split()[0]
    return _COLOURS.get(kind, _OTHER_COLOUR)
