"""Sharpness against hand numbers and a loop."""

import numpy as np
import pytest

from genkeras.metrics.sharpness import sharpness


def test_a_flat_or_evenly_rising_picture_has_no_edges():
    rising = np.arange(6, dtype=np.uint8)[None, :, None, None] * np.ones((1, 1, 5, 1), np.uint8)
    assert sharpness(np.full((1, 6, 5, 1), 200, np.uint8)) == pytest.approx(0.0, abs=1e-12)
    assert sharpness(rising) == pytest.approx(0.0, abs=1e-10)


def test_a_single_white_pixel():
    image = np.zeros((1, 5, 5, 1), np.uint8)
    image[0, 2, 2, 0] = 255
    # The 3×3 response: one −4, four 1, four 0. Mean 0, mean square 20 / 9.
    assert sharpness(image) == pytest.approx(20.0 / 9.0, rel=1e-5)


def test_colours_are_weighed_as_grey_and_images_apart():
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 7, 3)).astype(np.uint8)
    expected = []
    for image in images / 255.0:
        grey = image @ [0.299, 0.587, 0.114]
        response = [
            grey[i - 1, j] + grey[i + 1, j] + grey[i, j - 1] + grey[i, j + 1] - 4 * grey[i, j]
            for i in range(1, 5)
            for j in range(1, 6)
        ]
        expected.append(np.var(response))
    np.testing.assert_allclose(sharpness(images), expected, rtol=1e-4)
