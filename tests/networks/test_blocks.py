import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras.networks.blocks import halved, scaled, upsample_to


@pytest.mark.parametrize(
    ("size", "width", "expected"), [(1024, 64, 1024), (1024, 16, 256), (500, 16, 125), (64, 1, 1)]
)
def test_scaled(size, width, expected):
    assert scaled(size, width) == expected


@pytest.mark.parametrize(("size", "times", "expected"), [(28, 2, 7), (45, 1, 23), (45, 2, 12)])
def test_halved_rounds_up(size, times, expected):
    assert halved(size, times) == expected


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 8), (45, 37)])
def test_upsampling_is_the_transpose_of_the_convolution(kernel_size, height, width):
    inputs = keras.Input((halved(height), halved(width), 2))
    kernel = keras.initializers.RandomNormal(seed=1)
    model = keras.Model(inputs, upsample_to(inputs, height, width, 3, kernel_size, kernel, False))
    x = np.random.default_rng(0).normal(size=(2, *inputs.shape[1:])).astype("float32")
    expected = tf.nn.conv2d_transpose(
        x, model.weights[0].value, (2, height, width, 3), strides=2, padding="SAME"
    )
    assert model(x).shape == (2, height, width, 3)
    np.testing.assert_allclose(model(x), expected, atol=1e-6)
