"""Features and class probabilities of a small classifier of the data set at hand.

On data unlike ImageNet an Inception network says little; a classifier of the data itself
says more, and its scores carry the data set's name.
"""

import importlib.resources
import random
import re

import keras
import numpy as np
from keras import layers
from PIL import Image

from genkeras.metrics.features import Extractor, classifier_file
from genkeras.metrics.features.errors import FeatureError

FEATURE_DIM = 64
# Data set -> the shipped classifier that scores its pictures.
SHIPPED = {
    "mnist": "mnist",
    "fashion_mnist": "fashion_mnist",
    "fashion_mnist_sample": "fashion_mnist",
}
_LAST_GRID = 4


def network(image_shape, num_classes, width=32, seed=0):
    """The classifier: 3×3 convolutions on ever smaller grids, then two dense layers.

    Grids are halved by max pooling until none of their sides is above 4. The first has `width`
    channels, the second `2 * width` and two convolutions, all others `4 * width`. Batch norm
    and ReLU follow each convolution. What is left of the grid is kept, not averaged: where on
    a picture something is counts too.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer.
        width: Integer. Channels of the first convolution. Defaults to `32`.
        seed: Integer. Seed of the initial weights.

    Returns:
        Functional Keras model from images `(batch_size, height, width, channels)` in `[0, 1]`
        to the dict of `features` `(batch_size, 64)`, not negative, and `probabilities`
        `(batch_size, num_classes)`. The layer `logits` precedes the latter.
    """
    # A string seeds Python's generator through SHA-512: the same on every machine.
    seeds = random.Random(f"{seed}:classifier")

    def initializer(kind):
        return kind(seed=seeds.getrandbits(31))

    images = outputs = keras.Input(image_shape, name="images")
    size, stage = max(image_shape[:2]), 0
    while stage == 0 or size > _LAST_GRID:
        for position in range(2 if stage == 1 else 1):
            name = f"{stage}_{position}"
            outputs = layers.Conv2D(
                width * min(2**stage, 4),
                3,
                padding="same",
                use_bias=False,
                kernel_initializer=initializer(keras.initializers.HeNormal),
                name=f"convolution_{name}",
            )(outputs)
            outputs = layers.BatchNormalization(momentum=0.9, name=f"norm_{name}")(outputs)
            outputs = layers.ReLU(name=f"relu_{name}")(outputs)
        outputs = layers.MaxPooling2D(2, padding="same", name=f"pool_{stage}")(outputs)
        size, stage = -(-size // 2), stage + 1
    outputs = layers.Flatten(name="grid")(outputs)
    outputs = layers.Dropout(0.2, seed=seeds.getrandbits(31), name="dropout")(outputs)
    features = layers.Dense(
        FEATURE_DIM,
        activation="relu",
        kernel_initializer=initializer(keras.initializers.HeNormal),
        name="features",
    )(outputs)
    logits = layers.Dense(
        num_classes,
        kernel_initializer=initializer(keras.initializers.GlorotUniform),
        name="logits",
    )(features)
    probabilities = layers.Softmax(name="probabilities")(logits)
    return keras.Model(
        images, {"features": features, "probabilities": probabilities}, name="classifier"
    )


def stored_arrays(model):
    """The weights of a `network` as they go into a file.

    Kernels are rounded to 16-bit floats, which halves the file; the few numbers of biases and
    batch norms are kept.

    Args:
        model: Keras model from `network`.

    Returns:
        Dict of arrays by the names of layer and weight.
    """
    arrays = {variable.path: variable.numpy() for variable in model.weights}
    return {
        name: array.astype(np.float16 if array.ndim > 1 else np.float32)
        for name, array in arrays.items()
    }


class Classifier(Extractor):
    """Features and probabilities of a trained `network`.

    Pictures of another size are resized by Pillow's bilinear filter, which averages over all
    pixels that a smaller picture covers (antialiasing); colours become grey by the BT.601
    weights, and grey fills three channels, as the network needs. `kind` is `"classifier"`,
    `tag` the name of the data set that it was trained on, and of which classifier of it.

    Args:
        arrays: Dict from `stored_arrays`.
        meta: Dict; see `classifier_file.META_TYPES`. Kept as the attribute `meta`.
        name: String, what tells it from other classifiers of that data set; `""` for the
            shipped one.

    Raises:
        ValueError: If names, shapes or types of the arrays are not those of the network that
            `meta` describes, or one holds a number that is not finite.
    """

    def __init__(self, arrays, meta, name=""):
        # The name of a folder may hold what the name of a score may not.
        tag = re.sub("[^a-z0-9_]+", "_", meta["dataset"].lower())
        super().__init__("classifier", f"{tag}_{name}" if name else tag, batch_size=256)
        self.meta = dict(meta)
        self._image_shape = tuple(meta["image_shape"])
        self._network = network(self._image_shape, len(meta["class_names"]), meta["width"])
        _assign(self._network, arrays)

    @property
    def class_names(self):
        """Tuple of strings, in the order of the probabilities."""
        return tuple(self.meta["class_names"])

    def extract_batch(self, images):
        pixels = _fitted(images, self._image_shape).astype(np.float32) / 255.0
        outputs = self._network(pixels, training=False)
        return outputs["features"].numpy(), outputs["probabilities"].numpy()


def load(path):
    """Loads a classifier made by `python -m apps.train_classifier`.

    Its name, and so that of its scores, ends with eight digits of its SHA-256: under another
    classifier, of the same data set too, the same pictures have other scores.

    Args:
        path: Path of its `.npz` file.

    Returns:
        `Classifier`.

    Raises:
        FeatureError: Naming the file, if it is missing, damaged or of another kind.
    """
    arrays, meta, digest = classifier_file.read(path)
    return _made(path, arrays, meta, digest[:8])


def shipped(dataset):
    """Loads the classifier that comes with genkeras for a data set.

    Args:
        dataset: Name of the data set.

    Returns:
        `Classifier`.

    Raises:
        FeatureError: If none fits the data set.
    """
    if dataset not in SHIPPED:
        raise FeatureError(
            f"No classifier for the data set {dataset!r} comes with genkeras; there are those for "
            f"{', '.join(SHIPPED)}. Make one with `python -m apps.train_classifier "
            f"--dataset={dataset} --output=FILE.npz` (it needs labels) and use "
            "--features=FILE.npz, or use --features=inception_2015."
        )
    path = importlib.resources.files(__package__) / "weights" / f"{SHIPPED[dataset]}.npz"
    arrays, meta, _ = classifier_file.read(path)
    return _made(path, arrays, meta)


def _made(path, arrays, meta, name=""):
    try:
        return Classifier(arrays, meta, name)
    except ValueError as error:
        raise FeatureError(f"{path}: {error}") from error


def _assign(model, arrays):
    """Assigns all arrays, after all were held against the network's weights."""
    expected = stored_arrays(model)
    missing, unknown = sorted(expected.keys() - arrays), sorted(arrays.keys() - expected.keys())
    if missing or unknown:
        raise ValueError(
            f"the classifier lacks the weights {missing[:3]} and has {unknown[:3]} beside."
        )
    for name, array in arrays.items():
        wanted = expected[name]
        if array.shape != wanted.shape or array.dtype != wanted.dtype:
            raise ValueError(
                f"the classifier's weight {name} is {array.dtype} {array.shape}; expected "
                f"{wanted.dtype} {wanted.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"the classifier's weight {name} holds numbers that are not finite.")
    for variable in model.weights:
        variable.assign(arrays[variable.path])


def _fitted(images, image_shape):
    """uint8 pictures as the network wants them; untouched if they are already."""
    height, width, channels = image_shape
    if images.shape[1:] == image_shape:
        return images
    fitted = np.empty((len(images), *image_shape), np.uint8)
    mode = "L" if channels == 1 else "RGB"
    for row, image in zip(fitted, images, strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert(mode)
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        row[:] = np.asarray(picture).reshape(image_shape)
    return fitted
