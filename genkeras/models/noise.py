"""Random numbers as pure functions of a seed, so that a training step can be repeated.

TensorFlow's own stateless floats differ between compiled (XLA) and uncompiled code: by
default in the algorithm, and with the same algorithm in which bits of a word become the
fraction. Its integers agree once the algorithm is named, so floats are made of them here.

Shapes begin with the rows of a batch. Where several replicas share a batch, each gets its
rows of the numbers that one device would draw for all of it.
"""

import math
import secrets

import tensorflow as tf

from genkeras.networks.replicas import own_rows

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
    # Cast, because TensorFlow folds a 32-bit number into another seed than a 64-bit one.
    return tf.random.fold_in(seed, tf.cast(number, tf.int64), alg=ALGORITHM)


def fresh_seed():
    """Returns an integer seed that the operating system draws."""
    return secrets.randbits(31)


def uniform_unsigned(shape, seed):
    """U(0, 1) of the given shape, 1 excluded; `seed` as returned by `fold`."""
    return own_rows(lambda shape: _uniform(shape, seed), shape)


def _uniform(shape, seed):
    words = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg=ALGORITHM
    )
    # 24 bits are what a float32 holds exactly.
    return tf.cast(tf.bitwise.right_shift(words, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def uniform_signed(shape, seed):
    """U(−1, 1) of the given shape; `seed` as returned by `fold`."""
    return 2.0 * uniform_unsigned(shape, seed) - 1.0


def normal(shape, seed):
    """N(0, 1) of the given shape, by Box and Muller's transform; `seed` as returned by `fold`."""

    def draw(shape):
        uniform = _uniform((2, *shape), seed)
        # 1 − u is never 0.
        radius = tf.sqrt(-2.0 * tf.math.log(1.0 - uniform[0]))
        return radius * tf.cos(2.0 * math.pi * uniform[1])

    return own_rows(draw, shape)


PRIORS = {
    "normal": normal,
    "uniform_signed": uniform_signed,
    "uniform_unsigned": uniform_unsigned,
}
