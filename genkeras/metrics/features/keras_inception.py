"""Inception v3 as Keras has it: other weights than those of 2015, so other numbers.

Reference:
    [Szegedy et al., 2015](https://arxiv.org/abs/1512.00567).
"""

import hashlib
import os

import keras
import numpy as np
import tensorflow as tf

from genkeras.metrics.features import Extractor, as_colour
from genkeras.metrics.features.errors import FeatureError, first_line

SIDE = 299
WEIGHTS = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{WEIGHTS}"


def imagenet_model():
    """`keras.applications.InceptionV3` with Keras's ImageNet weights, downloaded by Keras.

    Raises:
        FeatureError: If the weights cannot be downloaded or read.
    """
    try:
        return keras.applications.InceptionV3(weights="imagenet")
    # Keras raises bare exceptions for a failed download and for a wrong checksum.
    except Exception as error:
        folder = os.path.join(os.environ.get("KERAS_HOME") or os.path.join("~", ".keras"), "models")
        raise FeatureError(
            f"The weights of Keras's InceptionV3 cannot be had: {first_line(error)}. Fetch {URL} "
            f"on a machine with a network and put it into {folder}; or take other features: "
            "--features=classifier."
        ) from error


def _identity(model):
    digest = hashlib.sha256(keras.__version__.encode())
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights))
    return digest.hexdigest()


class KerasInception(Extractor):
    """Features and class probabilities of `keras.applications.InceptionV3`.

    Pictures are resized to 299×299 bilinearly, **with** antialiasing, so that larger ones are
    not sampled with gaps; the result is not rounded. Then x / 127.5 − 1. The features are the
    layer `avg_pool` (2048), the probabilities the model's own output, with its bias: 1000
    classes. Grey pictures are repeated in three channels.

    Scores from it are not the published Inception Score or FID: weights, classes, resizing and
    bias all differ from the network of 2015. Compare them with each other only.

    Args:
        build_model: Function that returns the Keras model, with a layer `avg_pool`. Defaults
            to Keras's model with its ImageNet weights.
    """

    def __init__(self, build_model=imagenet_model):
        model = build_model()
        super().__init__("inception", "keras", 32, identity=_identity(model))
        model = keras.Model(model.inputs, [model.get_layer("avg_pool").output, *model.outputs])

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
        def run(images):
            resized = tf.image.resize(images, (SIDE, SIDE), "bilinear", antialias=True)
            return model(resized / 127.5 - 1.0, training=False)

        self._run = run

    def extract_batch(self, images):
        return self._run(as_colour(images))
