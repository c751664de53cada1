"""Enlarged and reduced sheets."""

import numpy as np
from PIL import Image


def scale(sheet, factor):
    """Resizes a sheet bilinearly, with antialiasing where it gets smaller.

    Args:
        sheet: uint8 array `(height, width, channels)` with 1 or 3 channels.
        factor: Positive float. 1.0 returns the sheet as it is.

    Returns:
        uint8 array `(round(factor * height), round(factor * width), channels)`, at least
        one pixel each way.
    """
    if factor == 1.0:
        return sheet
    height, width, channels = sheet.shape
    size = max(1, round(factor * width)), max(1, round(factor * height))
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR)).reshape(*size[::-1], -1)
