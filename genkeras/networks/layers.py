"""Keras' layers with the same mathematics in operations that take less time.

What is rewritten is what the profile of a training step on a CPU showed; the variables,
their names and shapes stay Keras'. Each is held against Keras' own layer by a test.
"""

import math

import numpy as np
import tensorflow as tf
from keras import layers

# Weights from which on a transposed kernel is slow.
LARGE_KERNEL = 1 << 20


class Dense(layers.Dense):
    """`keras.layers.Dense` whose input gradient multiplies by the kernel as it is stored.

    `δ Wᵀ` with a transposed kernel of millions of weights takes twice as long as
    `(W δᵀ)ᵀ`, which transposes the small matrices. Small kernels are left to Keras.

    Args: as `keras.layers.Dense`.
    """

    def call(self, inputs, training=None):
        # Where nothing is trained, no gradient function shall get into an exported graph.
        if not training or math.prod(self.kernel.shape) < LARGE_KERNEL:
            return super().call(inputs, training)
        outputs = _matmul(tf.convert_to_tensor(inputs), tf.convert_to_tensor(self.kernel.value))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias.value)
        return self.activation(outputs)


class BatchNormalization(layers.BatchNormalization):
    """`keras.layers.BatchNormalization` as one operation per direction while it trains.

    Over the last axis, of maps `(batch_size, height, width, channels)` or vectors
    `(batch_size, units)`. The moving variance is that of the batch as it is, without
    Bessel's correction, as in Keras.

    Args: as `keras.layers.BatchNormalization`.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable) or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        inputs = tf.convert_to_tensor(inputs)
        maps = inputs
        if inputs.shape.rank == 2:
            maps = tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            maps,
            tf.cast(self.gamma, tf.float32),
            tf.cast(self.beta, tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = math.prod(maps.shape[:3]) if maps.shape.is_fully_defined() else _count(maps)
        _move(self.moving_mean, mean, 1.0 - self.momentum)
        # The operation has applied Bessel's correction.
        _move(self.moving_variance, variance * ((count - 1) / count), 1.0 - self.momentum)
        return outputs if inputs is maps else tf.reshape(outputs, tf.shape(inputs))


class Upsampling(layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` of stride 2 as a sub-pixel convolution.

    A convolution of stride 1 draws the four pixels that an input pixel becomes as channels,
    and they are laid beside each other. It pays for few output channels, on which the
    transposed form is slow.

    Reference:
        [Shi et al., 2016](https://arxiv.org/abs/1609.07009).

    Args: as `keras.layers.Conv2DTranspose`; `strides` are 2, `padding` is `"same"`.
    """

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(filters, kernel_size, strides=2, padding="same", **kwargs)

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in config if name not in ("strides", "padding")}

    def call(self, inputs):
        size = self.kernel_size[0]
        selection = _sub_pixel_selection(size)
        taps = math.isqrt(len(selection) // 4)
        kernel = tf.transpose(tf.convert_to_tensor(self.kernel.value), (0, 1, 3, 2))
        channels = kernel.shape[2]
        kernel = tf.constant(selection, kernel.dtype) @ tf.reshape(kernel, (size * size, -1))
        kernel = tf.reshape(kernel, (taps, taps, 4, channels, self.filters))
        kernel = tf.reshape(tf.transpose(kernel, (0, 1, 3, 2, 4)), (taps, taps, channels, -1))
        outputs = tf.nn.depth_to_space(tf.nn.conv2d(inputs, kernel, 1, "SAME"), 2)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias.value)
        return self.activation(outputs)


@tf.custom_gradient
def _matmul(inputs, kernel):
    def gradient(upstream):
        return (
            tf.transpose(tf.matmul(kernel, tf.transpose(upstream))),
            tf.matmul(inputs, upstream, transpose_a=True),
        )

    return tf.matmul(inputs, kernel), gradient


def _count(maps):
    return tf.cast(tf.size(maps) // maps.shape[-1], tf.float32)


def _move(average, value, share):
    average.assign_add((value - average.value) * share)


def _sub_pixel_selection(size):
    """Which element of a transposed kernel an element of the sub-pixel kernel is.

    Output pixel `2i + p` is the sum over input pixels `i + d` of the kernel's element
    `p − 2d + ⌊(size − 2)/2⌋`, as far as it has one.

    Returns:
        Array `(4 * taps**2, size**2)` of zeros and ones: rows run over the taps' rows and
        columns, then the four pixels.
    """
    before = (size - 2) // 2
    reach = size // 2
    taps = range(-reach, reach + 1)
    line = np.zeros((len(taps), 2, size), np.float32)
    for tap, distance in enumerate(taps):
        for pixel in range(2):
            if 0 <= (element := pixel - 2 * distance + before) < size:
                line[tap, pixel, element] = 1.0
    used = line.any(axis=(1, 2)) | line.any(axis=(1, 2))[::-1]
    line = line[used]
    return np.einsum("apk,bql->abpqkl", line, line).reshape(4 * len(line) ** 2, size**2)
