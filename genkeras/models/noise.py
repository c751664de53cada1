"""Random numbers as pure functions of a seed, so that a training step can be repeated.

The Philox algorithm is named everywhere: TensorFlow's default choice differs between
compiled (XLA) and uncompiled code.
"""

import secrets

import tensorflow as tf

ALGORITHM = "philox"


def fold(seed, number):
    """Returns a seed for the `number`-th independent stream of `seed`.

    Args:
        seed: Integer, or an integer tensor `(2,)` returned by `fold`.
        number: Integer or scalar integer tensor.

    Returns:
        Integer tensor `(2,)`.
    """
    if isinstance(seed, int):
        seed = tf.constant([seed, 0], tf.int64)
    return tf.random.fold_in(seed, number, alg=ALGORITHM)


def fresh_seed():
    """Returns an integer seed that the operating system draws."""
    return secrets.randbits(31)


def normal(shape, seed):
    """N(0, 1) of the given shape; `seed` as returned by `fold`."""
    return tf.random.stateless_normal(shape, seed, alg=ALGORITHM)


def uniform_signed(shape, seed):
    """U(−1, 1) of the given shape; `seed` as returned by `fold`."""
    return tf.random.stateless_uniform(shape, seed, -1.0, 1.0, alg=ALGORITHM)


def uniform_unsigned(shape, seed):
    """U(0, 1) of the given shape; `seed` as returned by `fold`."""
    return tf.random.stateless_uniform(shape, seed, alg=ALGORITHM)


PRIORS = {
    "normal": normal,
    "uniform_signed": uniform_signed,
    "uniform_unsigned": uniform_unsigned,
}
