"""What several models make of the same pictures, in one figure."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genkeras.visualization.grid import make_grid

ORIGINALS = "original"
_MARGIN, _GAP = 12, 2
# Smaller pictures are enlarged until they are as high.
_SMALLEST_HEIGHT = 56


def reproduction_figure(originals, reproductions, num_images=16):
    """Draws one row of originals, and below it one row for each model.

    Args:
        originals: uint8 array `(num_originals, height, width, channels)`.
        reproductions: Dict of a model's name to a uint8 array of the same shape.
        num_images: Integer. Pictures in a row, at most; the first ones are taken.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: If the pictures of a model have another shape than the originals.
    """
    for name, images in reproductions.items():
        if images.shape != originals.shape:
            raise ValueError(
                f"The pictures of {name} have the shape {images.shape}; expected that of the "
                f"originals, {originals.shape}."
            )
    rows = {ORIGINALS: originals, **reproductions}
    count = min(num_images, len(originals))
    scale = math.ceil(_SMALLEST_HEIGHT / originals.shape[1])
    strips = []
    for images in rows.values():
        enlarged = images[:count].repeat(scale, axis=1).repeat(scale, axis=2)
        strip = make_grid(enlarged, columns=count, padding=_GAP)
        strips.append(np.broadcast_to(strip, (*strip.shape[:2], 3)))
    height, width = strips[0].shape[:2]
    font = ImageFont.load_default(size=20)
    names = max(math.ceil(font.getlength(name)) for name in rows)
    left, pitch = _MARGIN + names + _MARGIN, height + _GAP
    # The originals stand a little apart.
    tops = [_MARGIN + index * pitch + (index > 0) * _MARGIN for index in range(len(rows))]
    figure = Image.new("RGB", (left + width + _MARGIN, tops[-1] + height + _MARGIN), "white")
    draw = ImageDraw.Draw(figure)
    for name, strip, top in zip(rows, strips, tops, strict=True):
        draw.text((_MARGIN, top + height // 2), name, fill="black", font=font, anchor="lm")
        figure.paste(Image.fromarray(strip), (left, top))
    return np.asarray(figure)
