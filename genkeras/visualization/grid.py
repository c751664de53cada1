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


def side_by_side(sheets, scale=2):
    """Sheets of several models in one figure, each under its name.

    Args:
        sheets: Dict of a name to uint8 images `(num_images, height, width, channels)`.
        scale: Integer. Each pixel becomes `scale` × `scale`.

    Returns:
        uint8 array `(height, width, 3)`.
    """
    font = ImageFont.load_default(size=20)
    panels = []
    for name, images in sheets.items():
        panel = np.repeat(np.repeat(make_grid(images), scale, axis=0), scale, axis=1)
        panels.append((name, Image.fromarray(np.broadcast_to(panel, (*panel.shape[:2], 3)))))
    margin, title = 12, 32
    figure = Image.new(
        "RGB",
        (
            sum(panel.width + margin for _, panel in panels) + margin,
            max(panel.height for _, panel in panels) + title + margin,
        ),
        "white",
    )
    draw, left = ImageDraw.Draw(figure), margin
    for name, panel in panels:
        draw.text((left, 4), name, fill="black", font=font)
        figure.paste(panel, (left, title))
        left += panel.width + margin
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
