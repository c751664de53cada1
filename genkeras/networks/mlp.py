"""The multilayer perceptrons of the VAE program (tensorflow-mnist-VAE).

Hidden layers: one ELU, one tanh, in mirrored order in encoder and decoder, with dropout.
Initial kernels: He et al., 2015, truncated normal over the fan-in, output layers too.
"""

import math

import keras
from keras import layers

from genkeras.networks.dropout import Dropout
from genkeras.networks.initialization import Initializers
from genkeras.networks.layers import Dense


def encoder(
    image_shape,
    outputs,
    *,
    n_hidden=500,
    dropout_rate=0.1,
    centred=False,
    seed=0,
    name="encoder",
):
    """Pixels → ELU → tanh → linear.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        outputs: Integer. Twice the latent size: means, then raw standard deviations.
        n_hidden: Integer. Units of each hidden layer.
        dropout_rate: Float. Share of hidden units dropped in training (the program
            keeps 0.9).
        centred: Boolean. Whether pixels are first mapped from `[0, 1]` to `[-1, 1]`.
        seed: Integer. Seed of the initial weights and of dropout.
        name: String. Name of the network.

    Returns:
        `keras.Model` from `(batch_size, *image_shape)` to `(batch_size, outputs)`.
    """
    init = Initializers(seed, name)
    inputs = keras.Input(image_shape)
    x = layers.Flatten()(inputs)
    if centred:
        x = layers.Rescaling(2.0, offset=-1.0)(x)
    x = _hidden(x, n_hidden, "elu", dropout_rate, init)
    x = _hidden(x, n_hidden, "tanh", dropout_rate, init)
    x = Dense(outputs, kernel_initializer=init.he(), dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def decoder(image_shape, latent_dim, *, n_hidden=500, dropout_rate=0.1, seed=0, name="decoder"):
    """Latents → tanh → ELU → one logit per pixel and channel.

    Args: as `encoder`; `latent_dim` is the length of the input vector.

    Returns:
        `keras.Model` from `(batch_size, latent_dim)` to `(batch_size, *image_shape)`.
    """
    init = Initializers(seed, name)
    inputs = keras.Input((latent_dim,))
    x = _hidden(inputs, n_hidden, "tanh", dropout_rate, init)
    x = _hidden(x, n_hidden, "elu", dropout_rate, init)
    x = Dense(math.prod(image_shape), kernel_initializer=init.he(), dtype="float32")(x)
    return keras.Model(inputs, layers.Reshape(image_shape, dtype="float32")(x), name=name)


def _hidden(x, units, activation, dropout_rate, init):
    x = Dense(units, activation=activation, kernel_initializer=init.he())(x)
    return Dropout(dropout_rate, seed=init.next_seed())(x)
