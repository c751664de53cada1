"""TensorFlow is imported once per process; tests draw their own pictures."""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest


@pytest.fixture
def hearing_hangups():
    """SIGHUP as it is in a terminal: under `nohup`, where the tests may run, it is ignored."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.fixture
def draw_images():
    """Function `(num_images, image_shape, seed=0)` that returns uint8 pictures with a square
    of one brightness and place per picture: something to learn in a few steps."""

    def draw(num_images, image_shape=(28, 28, 1), seed=0):
        random = np.random.default_rng(seed)
        height, width, _ = image_shape
        images = np.zeros((num_images, *image_shape), np.uint8)
        for image in images:
            top, left = random.integers(0, height // 2), random.integers(0, width // 2)
            image[top : top + height // 2, left : left + width // 2] = random.integers(100, 256)
        return images

    return draw
