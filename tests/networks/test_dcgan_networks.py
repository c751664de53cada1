import keras
import numpy as np
import pytest

from genkeras.networks import dcgan

SHAPES = [(28, 28, 1), (45, 37, 3), (8, 8, 3)]


def _trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def _kernels(model):
    return [tuple(weight.shape) for weight in model.weights if weight.name == "kernel"]


def _layers(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_published_networks_counted_by_hand():
    generator = dcgan.generator((64, 64, 3), 100)
    # A batch norm (2 per channel) stands in place of the bias, except in the last layer.
    dense = 100 * 4 * 4 * 512 + 2 * 512
    convolutions = 25 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
    assert _trainable(generator) == dense + convolutions + 2 * (256 + 128 + 64) + 3

    discriminator = dcgan.discriminator((64, 64, 3))
    convolutions = 25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    normalizations = 2 * (128 + 256 + 512)
    assert _trainable(discriminator) == convolutions + normalizations + 64 + 4 * 4 * 512 + 1


def test_published_conditional_networks_counted_by_hand():
    generator = dcgan.conditional_generator((28, 28, 1), 100, 10)
    # The class stands beside the input of every layer.
    assert _kernels(generator) == [
        (110, 1024),
        (1034, 7 * 7 * 128),
        (5, 5, 128, 138),
        (5, 5, 1, 138),
    ]
    assert _trainable(generator) == (
        110 * 1024 + 1034 * 6272 + 25 * 138 * 128 + 25 * 138 + 2 * (1024 + 6272 + 128) + 1
    )

    discriminator = dcgan.conditional_discriminator((28, 28, 1), 10)
    assert _kernels(discriminator) == [
        (5, 5, 11, 11),
        (5, 5, 21, 74),
        (7 * 7 * 74 + 10, 1024),
        (1034, 1),
    ]
    assert _trainable(discriminator) == (
        25 * 11 * 11 + 25 * 21 * 74 + 3636 * 1024 + 1034 + 11 + 2 * (74 + 1024) + 1
    )


def test_the_first_normalization_is_per_channel():
    norm = _layers(dcgan.generator((64, 64, 3), 100), keras.layers.BatchNormalization)[0]
    assert norm.gamma.shape == (512,)


def test_sizes_halve_by_ceiling():
    discriminator = dcgan.discriminator((28, 28, 1), width=4)
    sizes = [layer.output.shape[1] for layer in _layers(discriminator, keras.layers.Conv2D)]
    assert sizes == [14, 7, 4, 2]
    generator = dcgan.generator((28, 28, 1), 3, width=4)
    sizes = [norm.output.shape[1] for norm in _layers(generator, keras.layers.BatchNormalization)]
    assert sizes == [2, 4, 7, 14]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_size(shape):
    images = dcgan.generator(shape, 5, width=2)(np.ones((3, 5), "float32"))
    assert images.shape == (3, *shape)
    assert dcgan.discriminator(shape, width=2)(images).shape == (3, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_size_with_classes(shape):
    images = dcgan.conditional_generator(shape, 5, 2, width=2)(np.ones((3, 7), "float32"))
    assert images.shape == (3, *shape)
    planes = np.ones((3, *shape[:2], 2), "float32")
    discriminator = dcgan.conditional_discriminator(shape, 2, width=2)
    assert discriminator(np.concatenate([images, planes], axis=-1)).shape == (3, 1)


def test_width_scales_all_but_what_the_data_fixes():
    kernels = _kernels(dcgan.conditional_discriminator((28, 28, 3), 10, width=16))
    assert [kernel[-1] for kernel in kernels] == [13, 16 + 10, 256, 1]
    filters = [kernel[-1] for kernel in _kernels(dcgan.discriminator((64, 64, 3), width=16))]
    assert filters == [16, 32, 64, 128, 1]


def _check_joined_classes(network, inputs, one_hot, inner_joins):
    """Every concatenation ends with the one-hot class, the same at every pixel."""
    joins = _layers(network, keras.layers.Concatenate)
    assert len(joins) == inner_joins
    for join in joins:
        joined = np.asarray(keras.Model(network.input, join.output)(inputs))
        last = joined[..., -one_hot.shape[1] :]
        pixels = last.reshape(len(one_hot), -1, one_hot.shape[1])
        np.testing.assert_array_equal(pixels, np.broadcast_to(one_hot[:, None], pixels.shape))


def test_every_inner_layer_is_told_the_class():
    one_hot = np.eye(3, dtype="float32")[[2, 0]]
    random = np.random.default_rng(0)
    latents = random.normal(size=(2, 5)).astype("float32")
    generator = dcgan.conditional_generator((9, 6, 1), 5, 3, width=2)
    _check_joined_classes(generator, np.concatenate([latents, one_hot], axis=1), one_hot, 3)
    images = random.normal(size=(2, 9, 6, 1)).astype("float32")
    planes = np.broadcast_to(one_hot[:, None, None], (2, 9, 6, 3))
    discriminator = dcgan.conditional_discriminator((9, 6, 1), 3, width=2)
    _check_joined_classes(discriminator, np.concatenate([images, planes], axis=3), one_hot, 3)


@pytest.mark.parametrize(("conditional", "low", "high"), [(False, -1, 1), (True, 0, 1)])
def test_output_range(conditional, low, high):
    if conditional:
        generator = dcgan.conditional_generator((8, 8, 1), 3, 2, width=4)
    else:
        generator = dcgan.generator((8, 8, 1), 5, width=4)
    images = np.asarray(generator(1e8 * np.random.default_rng(0).normal(size=(9, 5))))
    assert images.min() == pytest.approx(low, abs=1e-3)
    assert images.max() == pytest.approx(high, abs=1e-3)


def test_slopes_and_constants():
    for network in (
        dcgan.discriminator((8, 8, 1), width=2),
        dcgan.conditional_discriminator((8, 8, 1), 2, width=2),
    ):
        slopes = [layer.negative_slope for layer in _layers(network, keras.layers.LeakyReLU)]
        assert slopes == [0.2] * len(slopes)
        assert len(slopes) == (4 if network.input_shape[-1] == 1 else 3)
    norm = _layers(dcgan.discriminator((8, 8, 1), width=2), keras.layers.BatchNormalization)[0]
    assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)
    first = _layers(dcgan.discriminator((8, 8, 1), width=2), keras.layers.Layer)[2]
    assert isinstance(first, keras.layers.LeakyReLU)  # No batch norm after the first layer.


def test_initial_weights():
    generator = dcgan.generator((32, 32, 1), 100, width=32, seed=3)
    for kernel in [weight.numpy() for weight in generator.weights if weight.name == "kernel"][:3]:
        assert kernel.std() == pytest.approx(0.02, rel=0.02)
        assert abs(kernel).max() > 0.05  # normal: not cut at two standard deviations
    for layer in _layers(dcgan.discriminator((32, 32, 1), seed=3), keras.layers.Conv2D)[1:]:
        assert 0.039 < abs(layer.kernel.numpy()).max() <= 0.0401  # truncated normal
