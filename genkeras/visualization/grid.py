"""Sheets of many pictures."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def make_grid(images, columns=None, padding=2):
    """Lays pictures out in rows, on white.

    Args:
        images: uint8 array `(num_images, height, width, channels)`.
        columns: Integer. Defaults to ⌈√num_images⌉. Any number of pictures works: the
            rest of the last row stays white.
        padding: Integer. Pixels between neighbours and around the sheet.

    Returns:
        uint8 array `(rows * (height + padding) + padding, ..., channels)`.
    """
    num_images, height, width, channels = images.shape
    columns = columns or max(1, math.ceil(math.sqrt(num_images)))
    rows = math.ceil(num_images / columns)
    cell = (height + padding, width + padding)
    sheet = np.full(
        (rows * cell[0] + padding, columns * cell[1] + padding, channels), 255, np.uint8
    )
    for index, image in enumerate(images):
        top = padding + index // columns * cell[0]
        left = padding + index % columns * cell[1]
        sheet[top : top + height, left : left + width] = image
    return sheet


def interleave(originals, reproductions):
    """Puts each picture beside its reproduction: original, reproduction, original, ...

    Args:
        originals, reproductions: uint8 arrays `(num_images, height, width, channels)`.

    Returns:
        uint8 array `(2 * num_images, height, width, channels)`; in a grid with an even
        number of columns, originals and reproductions stand in alternate columns.
    """
    pairs = np.stack([originals, reproductions], axis=1)
    return pairs.reshape(-1, *originals.shape[1:])


def side_by_side(sheets, scale=2, columns=None, sheets_per_row=5):
    """Sheets of several models in one figure, each under its name.

    Args:
        sheets: Dict of a name to uint8 images `(num_images, height, width, channels)`.
        scale: Integer. Each pixel becomes `scale` × `scale`.
        columns: Integer. Of each sheet, as in `make_grid`.
        sheets_per_row: Integer. At most; rows are as long as each other, but for the last.

    Returns:
        uint8 array `(height, width, 3)`.
    """
    font = ImageFont.load_default(size=20)
    margin, title = 12, 32
    panels = []
    for name, images in sheets.items():
        panel = make_grid(images, columns).repeat(scale, axis=0).repeat(scale, axis=1)
        picture = Image.fromarray(np.broadcast_to(panel, (*panel.shape[:2], 3)))
        # A small sheet is not wide enough for its name.
        panels.append((name, picture, max(picture.width, math.ceil(font.getlength(name)))))
    num_rows = -(-len(panels) // sheets_per_row)
    length = -(-len(panels) // num_rows)
    rows = [panels[i : i + length] for i in range(0, len(panels), length)]
    heights = [title + max(panel.height for _, panel, _ in row) for row in rows]
    figure = Image.new(
        "RGB",
        (
            max(sum(width + margin for _, _, width in row) for row in rows) + margin,
            sum(heights) + margin,
        ),
        "white",
    )
    draw, top = ImageDraw.Draw(figure), 0
    for row, height in zip(rows, heights, strict=True):
        left = margin
        for name, panel, width in row:
            draw.text((left, top + 4), name, fill="black", font=font)
            figure.paste(panel, (left, top + title))
            left += width + margin
        top += height
    return np.asarray(figure)


def to_png(image):
    """Encodes one picture.

    Args:
        image: uint8 array `(height, width, channels)` with 1 or 3 channels.

    Returns:
        Bytes of a PNG file.
    """
    if image.shape[-1] == 1:
        image = image[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
