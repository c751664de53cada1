"""The networks of DCGAN-tensorflow, without and with classes, for pictures of any size.

Reference:
    [Radford et al., 2016](https://arxiv.org/abs/1511.06434), figure 1 and section 3, at
    the widths of the DCGAN program.

5×5 kernels with stride 2 throughout; sizes are halved by ceiling (28 → 14 → 7 → 4 → 2).
Kernels of convolutions start truncated normal, those of dense and transposed
convolutional layers normal, all with standard deviation 0.02. A layer followed by a
normalization has no bias: the normalization's own shift takes its place.
"""

import keras
from keras import layers

from genkeras.networks.blocks import batch_normalization, halved, scaled, upsample_to
from genkeras.networks.initialization import Initializers
from genkeras.networks.layers import Dense

KERNEL_SIZE = 5


def generator(image_shape, latent_dim, *, width=64, seed=0, name="generator"):
    """Dense layer and four transposed convolutions, tanh.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size.
        latent_dim: Integer. Length of the input vector.
        width: Integer. 64 is the published network (512, 256, 128 and 64 channels).
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to `(batch_size, *image_shape)`, in
        `[-1, 1]`.
    """
    rows, columns, channels = image_shape
    init = Initializers(seed, name)
    base = (halved(rows, 4), halved(columns, 4), scaled(512, width))

    inputs = keras.Input((latent_dim,))
    x = _dense(inputs, base[0] * base[1] * base[2], init, use_bias=False)
    # Reshaped first: the statistics are those of a channel, not of a unit.
    x = layers.ReLU()(batch_normalization()(layers.Reshape(base)(x)))
    for times, filters in ((3, 256), (2, 128), (1, 64)):
        size = (halved(rows, times), halved(columns, times))
        x = _upsample(x, size, scaled(filters, width), init, use_bias=False)
        x = layers.ReLU()(batch_normalization()(x))
    x = _upsample(x, (rows, columns), channels, init, use_bias=True)
    return keras.Model(inputs, layers.Activation("tanh", dtype="float32")(x), name=name)


def discriminator(image_shape, *, width=64, seed=0, name="discriminator"):
    """Four convolutions, all but the first with batch norm, and a dense layer.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size.
        width: Integer. 64 is the published network (64, 128, 256 and 512 channels).
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, *image_shape)` to logits `(batch_size, 1)`.
    """
    init = Initializers(seed, name)
    inputs = keras.Input(image_shape)
    x = layers.LeakyReLU(0.2)(_convolution(inputs, scaled(64, width), init, use_bias=True))
    for filters in (128, 256, 512):
        x = _convolution(x, scaled(filters, width), init, use_bias=False)
        x = layers.LeakyReLU(0.2)(batch_normalization()(x))
    return keras.Model(inputs, _score(layers.Flatten()(x), init), name=name)


def conditional_generator(
    image_shape, latent_dim, num_classes, *, width=64, seed=0, name="generator"
):
    """Two dense layers and two transposed convolutions, each told the class, sigmoid.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size.
        latent_dim: Integer. Length of the latent vector, the class not included.
        num_classes: Integer.
        width: Integer. 64 is the published network (1024 units, 128 and 128 channels).
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from latents with the one-hot class behind them,
        `(batch_size, latent_dim + num_classes)`, to `(batch_size, *image_shape)`, in
        `[0, 1]`.
    """
    rows, columns, channels = image_shape
    init = Initializers(seed, name)
    quarter = (halved(rows, 2), halved(columns, 2))
    half = (halved(rows), halved(columns))

    inputs = keras.Input((latent_dim + num_classes,))
    classes = inputs[:, latent_dim:]
    x = _dense(inputs, scaled(1024, width), init, use_bias=False)
    x = layers.ReLU()(batch_normalization()(x))
    x = layers.Concatenate()([x, classes])
    filters = scaled(128, width)
    x = _dense(x, quarter[0] * quarter[1] * filters, init, use_bias=False)
    x = layers.ReLU()(batch_normalization()(x))
    x = layers.Reshape((*quarter, filters))(x)
    x = layers.Concatenate()([x, _planes(classes, quarter)])
    x = _upsample(x, half, filters, init, use_bias=False)
    x = layers.ReLU()(batch_normalization()(x))
    x = layers.Concatenate()([x, _planes(classes, half)])
    x = _upsample(x, (rows, columns), channels, init, use_bias=True)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name=name)


def conditional_discriminator(image_shape, num_classes, *, width=64, seed=0, name="discriminator"):
    """Two convolutions and two dense layers, each told the class.

    The program's convolutions have 11 and 74 channels for one channel and ten classes:
    `channels + num_classes`, which depends on the data alone and which `width` does not
    change, and `64 + num_classes`, of which it scales the 64.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size.
        num_classes: Integer.
        width: Integer. 64 is the published network.
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from images with a constant channel for each class behind theirs,
        `(batch_size, height, width, channels + num_classes)`, to logits `(batch_size, 1)`.
    """
    rows, columns, channels = image_shape
    init = Initializers(seed, name)
    half = (halved(rows), halved(columns))

    inputs = keras.Input((rows, columns, channels + num_classes))
    classes = inputs[:, 0, 0, channels:]
    x = _convolution(inputs, channels + num_classes, init, use_bias=True)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.Concatenate()([x, _planes(classes, half)])
    x = _convolution(x, scaled(64, width) + num_classes, init, use_bias=False)
    x = layers.LeakyReLU(0.2)(batch_normalization()(x))
    x = layers.Concatenate()([layers.Flatten()(x), classes])
    x = _dense(x, scaled(1024, width), init, use_bias=False)
    x = layers.LeakyReLU(0.2)(batch_normalization()(x))
    x = layers.Concatenate()([x, classes])
    return keras.Model(inputs, _score(x, init), name=name)


def _dense(inputs, units, init, use_bias):
    return Dense(units, use_bias=use_bias, kernel_initializer=init.normal())(inputs)


def _score(inputs, init):
    return Dense(1, kernel_initializer=init.normal(), dtype="float32")(inputs)


def _convolution(inputs, filters, init, use_bias):
    return layers.Conv2D(
        filters,
        KERNEL_SIZE,
        strides=2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=init.truncated_normal(),
    )(inputs)


def _upsample(inputs, size, filters, init, use_bias):
    return upsample_to(inputs, *size, filters, KERNEL_SIZE, init.normal(), use_bias)


def _planes(classes, size):
    """Spreads one-hot classes `(batch_size, num_classes)` over planes of `size`."""
    pixel = layers.Reshape((1, 1, classes.shape[-1]))(classes)
    return layers.UpSampling2D(size)(pixel)
