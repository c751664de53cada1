"""Dropout whose masks differ between replicas."""

import keras
import tensorflow as tf

from genkeras.networks import replicas


class Dropout(keras.layers.Dropout):
    """Keras' dropout; on several replicas each drops what one device would in its rows.

    Keras' own has the same seed on every replica, and so the same mask.

    Args: as `keras.layers.Dropout`.
    """

    def call(self, inputs, training=False):
        if not training or replicas.count() == 1:
            return super().call(inputs, training=training)
        # Ones that are dropped or scaled: the mask.
        return inputs * replicas.own_rows(
            lambda shape: keras.layers.Dropout.call(
                self, tf.ones(shape, inputs.dtype), training=True
            ),
            inputs.shape,
        )
