"""Sharpness: the variance of a picture's edges.

Reference:
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), section 4.
"""

import numpy as np

# ITU-R BT.601 weights of red, green and blue in a grey value.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Pixels that the filter needs, in height and in width.
MIN_SIZE = 3


def sharpness(images):
    """Variance of the response to the Laplace filter, per image.

    The grey image in `[0, 1]` is convolved with [[0, 1, 0], [1, −4, 1], [0, 1, 0]], without
    padding. A blurred picture has a small variance. Report the mean and the minimum over
    images.

    Args:
        images: uint8 array `(num_images, height, width, channels)` of at least 3×3 pixels,
            with 1 or 3 channels.

    Returns:
        float32 array `(num_images,)`.
    """
    pixels = images.astype(np.float32) / 255.0
    grey = pixels[..., 0] if images.shape[-1] == 1 else pixels @ _LUMA
    centre = grey[:, 1:-1, 1:-1]
    vertical = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1]
    horizontal = grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.var(vertical + horizontal - 4.0 * centre, axis=(1, 2))
