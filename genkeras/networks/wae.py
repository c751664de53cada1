"""The networks of the WAE program (tolstikhin/wae).

Reference:
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), appendix E.

Kernels of convolutions start truncated normal, those of dense and transposed
convolutional layers normal, all with standard deviation 0.01. A layer followed directly
by batch normalization has no bias: the normalization's own shift takes its place.
"""

import math

import keras
from keras import layers

from genkeras.networks.blocks import batch_normalization, halved, scaled, upsample_to
from genkeras.networks.initialization import Initializers
from genkeras.networks.layers import Dense

STDDEV = 0.01
ENCODER_FILTERS = (128, 256, 512, 1024)
DECODER_FILTERS = 1024


def conv_encoder(image_shape, outputs, *, kernel_size, width=64, seed=0, name="encoder"):
    """Four stride-2 convolutions with batch norm and ReLU, then a linear layer.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size (halves by ceiling).
        outputs: Integer. The latent size, or twice it for means and log-variances.
        kernel_size: Integer. Of all convolutions: 4 for MNIST, 5 for CelebA.
        width: Integer. 64 is the published network (128 to 1024 channels).
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, *image_shape)` to `(batch_size, outputs)`.
    """
    init = Initializers(seed, name, STDDEV)
    inputs = x = keras.Input(image_shape)
    for filters in ENCODER_FILTERS:
        x = layers.Conv2D(
            scaled(filters, width),
            kernel_size,
            2,
            padding="same",
            use_bias=False,
            kernel_initializer=init.truncated_normal(),
        )(x)
        x = layers.ReLU()(batch_normalization()(x))
    x = Dense(outputs, kernel_initializer=init.normal(), dtype="float32")(layers.Flatten()(x))
    return keras.Model(inputs, x, name=name)


def conv_decoder(
    image_shape,
    latent_dim,
    *,
    num_layers,
    kernel_size,
    activation,
    width=64,
    seed=0,
    name="decoder",
):
    """A dense layer, stride-2 transposed convolutions, and one of stride 1.

    The dense layer makes a map of 1024 channels, `num_layers − 1` halvings smaller than
    the picture, with ReLU and no batch norm; every stride-2 layer halves the channels.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size (halves by ceiling).
        latent_dim: Integer. Length of the input vector.
        num_layers: Integer. Transposed convolutions, the last one of stride 1: 3 for
            28×28 pictures (from 7×7), 4 for 64×64 (from 8×8).
        kernel_size: Integer. Of all transposed convolutions.
        activation: String. `"sigmoid"` gives images in `[0, 1]`, `"tanh"` in `[-1, 1]`.
        width: Integer. 64 is the published network.
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to `(batch_size, *image_shape)`.
    """
    rows, columns, channels = image_shape
    init = Initializers(seed, name, STDDEV)
    upsamplings = num_layers - 1
    base = (
        halved(rows, upsamplings),
        halved(columns, upsamplings),
        scaled(DECODER_FILTERS, width),
    )
    inputs = keras.Input((latent_dim,))
    x = Dense(math.prod(base), kernel_initializer=init.normal())(inputs)
    x = layers.Reshape(base)(layers.ReLU()(x))
    for index in range(1, num_layers):
        x = upsample_to(
            x,
            halved(rows, upsamplings - index),
            halved(columns, upsamplings - index),
            scaled(DECODER_FILTERS // 2**index, width),
            kernel_size,
            init.normal(),
            use_bias=False,
        )
        x = layers.ReLU()(batch_normalization()(x))
    x = layers.Conv2DTranspose(
        channels, kernel_size, padding="same", kernel_initializer=init.normal()
    )(x)
    return keras.Model(inputs, layers.Activation(activation, dtype="float32")(x), name=name)


def mlp_encoder(image_shape, outputs, *, width=64, seed=0, name="encoder"):
    """Three times linear–batch norm–ReLU with 256 units, then a linear layer.

    Args: as `conv_encoder`.

    Returns:
        `keras.Model` from `(batch_size, *image_shape)` to `(batch_size, outputs)`.
    """
    init = Initializers(seed, name, STDDEV)
    inputs = keras.Input(image_shape)
    x = layers.Flatten()(inputs)
    for _ in range(3):
        x = Dense(scaled(256, width), use_bias=False, kernel_initializer=init.normal())(x)
        x = layers.ReLU()(batch_normalization()(x))
    x = Dense(outputs, kernel_initializer=init.normal(), dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def mlp_decoder(image_shape, latent_dim, *, activation, width=64, seed=0, name="decoder"):
    """Three times linear–ReLU–batch norm with 256 units, then a linear layer.

    Args: as `conv_decoder`.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to `(batch_size, *image_shape)`.
    """
    init = Initializers(seed, name, STDDEV)
    inputs = x = keras.Input((latent_dim,))
    for _ in range(3):
        x = Dense(scaled(256, width), kernel_initializer=init.normal())(x)
        x = batch_normalization()(layers.ReLU()(x))
    x = Dense(math.prod(image_shape), kernel_initializer=init.normal())(x)
    x = layers.Activation(activation, dtype="float32")(x)
    return keras.Model(inputs, layers.Reshape(image_shape, dtype="float32")(x), name=name)


def latent_discriminator(latent_dim, *, units, width=64, seed=0, name="discriminator"):
    """Four ReLU layers on codes and a linear one, without batch norm.

    Args:
        latent_dim: Integer. Length of a code.
        units: Integer. Of each hidden layer: 512 for MNIST, 1024 for CelebA.
        width: Integer. 64 is the published network.
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to logits `(batch_size, 1)`.
    """
    init = Initializers(seed, name, STDDEV)
    inputs = x = keras.Input((latent_dim,))
    for _ in range(4):
        x = Dense(scaled(units, width), activation="relu", kernel_initializer=init.normal())(x)
    x = Dense(1, kernel_initializer=init.normal(), dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def noise_matrix(latent_dim, *, seed=0, name="noise_matrix"):
    """The matrix A(E(x)) of the implicit encoder: tanh layers of 2d, 4d, 6d units.

    Args:
        latent_dim: Integer. The latent size d.
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to
        `(batch_size, latent_dim, latent_dim)`.
    """
    init = Initializers(seed, name, STDDEV)
    inputs = x = keras.Input((latent_dim,))
    for factor in (2, 4, 6):
        x = Dense(factor * latent_dim, activation="tanh", kernel_initializer=init.normal())(x)
    x = Dense(latent_dim**2, kernel_initializer=init.normal(), dtype="float32")(x)
    return keras.Model(
        inputs, layers.Reshape((latent_dim, latent_dim), dtype="float32")(x), name=name
    )
