"""The networks of InfoGAN, which the comparisons of 28×28 models share.

Reference:
    [Chen et al., 2016](https://arxiv.org/abs/1606.03657), appendix C.1, as used by
    [Lucic et al., 2018](https://arxiv.org/abs/1711.10337).

Kernels of convolutions start truncated normal, those of dense and transposed
convolutional layers normal, all with standard deviation 0.02. A layer followed by a
normalization has no bias: the normalization's own shift takes its place (entirely for
batch norm; layer normalization, the other choice, would see a bias in its mean and variance).
"""

import keras
from keras import layers

from genkeras.networks.blocks import batch_normalization, halved, scaled, upsample_to
from genkeras.networks.initialization import Initializers
from genkeras.networks.layers import Dense


def generator(image_shape, latent_dim, *, width=64, activation="tanh", seed=0, name="generator"):
    """Generator or decoder: two dense layers and two 4×4 stride-2 transposed convolutions.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size (halves by ceiling).
        latent_dim: Integer. Length of the input vector.
        width: Integer. 64 is the published network (1024, 128 and 64 hidden units).
        activation: String. `"tanh"` gives images in `[-1, 1]`, `"linear"` gives logits.
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to `(batch_size, *image_shape)`.
    """
    rows, columns, channels = image_shape
    init = Initializers(seed, name)
    base = (halved(rows, 2), halved(columns, 2), scaled(128, width))

    inputs = keras.Input((latent_dim,))
    x = Dense(scaled(1024, width), use_bias=False, kernel_initializer=init.normal())(inputs)
    x = layers.ReLU()(batch_normalization()(x))
    units = base[0] * base[1] * base[2]
    x = Dense(units, use_bias=False, kernel_initializer=init.normal())(x)
    x = layers.ReLU()(batch_normalization()(x))
    x = layers.Reshape(base)(x)
    x = upsample_to(
        x, halved(rows), halved(columns), scaled(64, width), 4, init.normal(), use_bias=False
    )
    x = layers.ReLU()(batch_normalization()(x))
    x = upsample_to(x, rows, columns, channels, 4, init.normal(), use_bias=True)
    return keras.Model(inputs, layers.Activation(activation, dtype="float32")(x), name=name)


def discriminator(
    image_shape, *, outputs=1, width=64, normalization="batch", seed=0, name="discriminator"
):
    """Discriminator, critic or encoder: two 4×4 stride-2 convolutions and a dense layer.

    Args:
        image_shape: Tuple `(height, width, channels)`; any size.
        outputs: Integer. 1 for a discriminator, twice the latent size for an encoder.
        width: Integer. 64 is the published network (64, 128 and 1024 hidden units).
        normalization: `"batch"`, `"layer"` or `None`, after the second and third layer.
        seed: Integer. Seed of the initial weights.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, *image_shape)` to `(batch_size, outputs)`, linear.
    """
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"normalization={normalization!r} is unknown; use one of {list(NORMALIZATIONS)}."
        )
    normalize = NORMALIZATIONS[normalization]
    use_bias = normalization is None
    init = Initializers(seed, name)

    inputs = keras.Input(image_shape)
    x = layers.Conv2D(
        scaled(64, width), 4, 2, padding="same", kernel_initializer=init.truncated_normal()
    )(inputs)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.Conv2D(
        scaled(128, width),
        4,
        2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=init.truncated_normal(),
    )(x)
    x = layers.LeakyReLU(0.2)(normalize(x))
    x = layers.Flatten()(x)
    x = Dense(scaled(1024, width), use_bias=use_bias, kernel_initializer=init.normal())(x)
    x = layers.LeakyReLU(0.2)(normalize(x))
    x = Dense(outputs, kernel_initializer=init.normal(), dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


NORMALIZATIONS = {
    "batch": lambda x: batch_normalization()(x),
    # One group: over all pixels and channels of an image, scale and shift per channel.
    "layer": lambda x: layers.GroupNormalization(groups=1, epsilon=1e-5)(x),
    None: lambda x: x,
}
