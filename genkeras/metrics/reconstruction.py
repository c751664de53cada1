"""How well pictures are reproduced: one number for each pair, of pictures as [0, 1].

Reference:
    [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861): structural similarity.
"""

import math

import numpy as np

from genkeras.metrics.checks import check_uint8_pairs
from genkeras.metrics.distances import row_blocks

# The paper's window and constants.
WINDOW_SIZE = 11
_WINDOW_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def mean_squared_errors(originals, reproductions):
    """Mean squared difference of each pair of pictures, over pixels and channels.

    Args:
        originals, reproductions: uint8 arrays `(num_images, height, width, channels)`;
            they are compared as numbers in `[0, 1]`.

    Returns:
        float64 array `(num_images,)`.

    Raises:
        ValueError: If they are no uint8 pictures of the same shape.
    """
    originals, reproductions = check_uint8_pairs(originals, reproductions)
    errors = np.empty(len(originals))
    # One at a time: thousands of large pictures as float64 would fill the memory.
    for index, pair in enumerate(zip(originals, reproductions, strict=True)):
        original, reproduction = (picture.astype(np.float64) / 255.0 for picture in pair)
        errors[index] = np.square(original - reproduction).mean()
    return errors


def peak_signal_to_noise_ratios(originals, reproductions):
    """−10 log₁₀ of the mean squared error of each pair, in decibels.

    The field's convention is the mean of the ratios of all pictures. Equal pictures have an
    infinite ratio, and one such pair makes that mean infinite.

    Args:
        originals, reproductions: uint8 arrays `(num_images, height, width, channels)`.

    Returns:
        float64 array `(num_images,)`.

    Raises:
        ValueError: If they are no uint8 pictures of the same shape.
    """
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(mean_squared_errors(originals, reproductions))


def structural_similarities(originals, reproductions):
    """Structural similarity (SSIM) of each pair: luminance, contrast and structure.

    In every window, (2μ_xμ_y + C₁)(2σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂)), with
    C₁ = 0.01², C₂ = 0.03² and moments weighed by an 11×11 Gaussian of σ = 1.5; then the mean
    over all windows that lie inside the picture, and over channels.

    Args:
        originals, reproductions: uint8 arrays `(num_images, height, width, channels)` of at
            least 11×11 pixels.

    Returns:
        float64 array `(num_images,)`, at most 1 (equal pictures).

    Raises:
        ValueError: If they are no uint8 pictures of the same shape, or too small.
    """
    originals, reproductions = check_uint8_pairs(originals, reproductions, WINDOW_SIZE)
    similarities = np.empty(len(originals))
    # Several maps of a block are held at once, and small blocks stay in the cache.
    for block in row_blocks(len(originals), 16 * math.prod(originals.shape[1:])):
        x, y = (
            pictures[block].astype(np.float64) / 255.0 for pictures in (originals, reproductions)
        )
        x_mean, y_mean = _window_means(x), _window_means(y)
        variances = _window_means(x * x) - x_mean**2 + _window_means(y * y) - y_mean**2
        covariance = _window_means(x * y) - x_mean * y_mean
        values = (2.0 * x_mean * y_mean + _K1**2) * (2.0 * covariance + _K2**2)
        values /= (x_mean**2 + y_mean**2 + _K1**2) * (variances + _K2**2)
        similarities[block] = values.mean(axis=(1, 2, 3))
    return similarities


def _window_means(pictures):
    """Gaussian means of all windows inside pictures, one axis after the other."""
    offsets = np.arange(WINDOW_SIZE) - WINDOW_SIZE // 2
    weights = np.exp(-(offsets**2) / (2.0 * _WINDOW_SIGMA**2))
    weights /= weights.sum()
    height = pictures.shape[1] - WINDOW_SIZE + 1
    width = pictures.shape[2] - WINDOW_SIZE + 1
    rows = sum(weight * pictures[:, i : i + height] for i, weight in enumerate(weights))
    return sum(weight * rows[:, :, i : i + width] for i, weight in enumerate(weights))
