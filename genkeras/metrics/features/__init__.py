"""What turns pictures into the features and class probabilities that scores are made of.

Scores from different extractors are different scores, so each extractor names itself, and its
name becomes part of the score's: `inception` and `2015` give `inception_score_2015`.
"""

import dataclasses
import pathlib
import re

import numpy as np

from genkeras.metrics.features.errors import FeatureError

NAMES = ("inception_2015", "keras_inception", "classifier")


@dataclasses.dataclass(frozen=True)
class Extraction:
    """What an extractor makes of a set of pictures, one row per picture.

    Args:
        features: float32 array `(num_images, num_features)`.
        probabilities: float32 array `(num_images, num_classes)` whose rows sum to one, or
            `None` for an extractor that tells no classes.
    """

    features: np.ndarray
    probabilities: np.ndarray | None


class Extractor:
    """Makes features of pictures of any size, in batches.

    A subclass has `extract_batch(images)`, which takes a uint8 array
    `(batch_size, height, width, channels)` with 1 or 3 channels and returns a pair of features
    `(batch_size, num_features)` and class probabilities `(batch_size, num_classes)` or `None`.

    Args:
        kind: String, the network: it begins the names of the scores. Lower-case letters,
            digits and underscores.
        tag: String, the weights: it ends them.
        batch_size: Integer, the number of pictures per call of `extract_batch`.
        identity: String that changes when a feature does, so that features may be kept on disk;
            `None` where nobody can tell.

    Raises:
        FeatureError: If `kind` or `tag` cannot be part of a score's name.
    """

    def __init__(self, kind, tag, batch_size, identity=None):
        for what, word in (("kind", kind), ("tag", tag)):
            if not re.fullmatch("[a-z0-9_]+", word):
                raise FeatureError(
                    f"{what}={word!r} becomes part of the names of scores: expected lower-case "
                    "letters, digits and underscores."
                )
        self.kind, self.tag, self.batch_size = kind, tag, batch_size
        self.identity = identity

    def __call__(self, images):
        """The features of pictures.

        Args:
            images: uint8 array `(num_images, height, width, channels)` with 1 or 3 channels;
                a memory map is read batch by batch.

        Returns:
            `Extraction`.

        Raises:
            FeatureError: If the pictures are of another kind, or there are none.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise FeatureError(
                f"pictures {images.dtype}{images.shape}; expected uint8 (num_images, height, "
                "width, channels) with 1 or 3 channels. Round pictures of floats to 0..255."
            )
        if 0 in images.shape:
            raise FeatureError(f"pictures of shape {images.shape}: there is nothing to score.")
        features, probabilities = [], []
        for first in range(0, len(images), self.batch_size):
            batch = np.asarray(images[first : first + self.batch_size])
            rows, classes = self.extract_batch(batch)
            features.append(self._checked(rows, len(batch), "features"))
            if classes is not None:
                probabilities.append(self._checked(classes, len(batch), "probabilities"))
        return Extraction(
            np.concatenate(features), np.concatenate(probabilities) if probabilities else None
        )

    def _checked(self, rows, num_images, what):
        rows = np.asarray(rows, np.float32)
        if rows.ndim != 2 or len(rows) != num_images:
            raise FeatureError(
                f"{self.kind}_{self.tag} made {what} {rows.shape} of {num_images} pictures; "
                f"expected ({num_images}, n), one row per picture."
            )
        return rows


class FunctionExtractor(Extractor):
    """Features from any Python function.

    Example:

    ```python
    def mean_colour(images):
        return images.mean(axis=(1, 2))

    extractor = FunctionExtractor(mean_colour, kind="mean", tag="colour")
    features = extractor(images).features
    ```

    Args:
        function: Function of uint8 pictures `(batch_size, height, width, channels)` that
            returns features `(batch_size, num_features)`, or a pair of them and of class
            probabilities `(batch_size, num_classes)`.
        kind: As in `Extractor`.
        tag: As in `Extractor`.
        batch_size: Integer. Defaults to `256`.
    """

    def __init__(self, function, kind, tag, batch_size=256):
        super().__init__(kind, tag, batch_size)
        self.function = function

    def extract_batch(self, images):
        made = self.function(images)
        return made if isinstance(made, tuple) else (made, None)


def as_colour(images):
    """Grey pictures with their channel three times, as networks for colour want them."""
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images


def create(name, dataset=None, inception_graph=None, cache_dir=None):
    """The extractor of a name.

    Args:
        name: `"inception_2015"`, `"keras_inception"`, `"classifier"` (the shipped classifier
            of `dataset`), or the path of a classifier, `*.npz`.
        dataset: Name of the data set that the pictures are like.
        inception_graph: File to take instead of the published graph of `"inception_2015"`.
        cache_dir: Folder of the cache for the published graph; defaults to
            `$XDG_CACHE_HOME/genkeras`, or `~/.cache/genkeras`.

    Returns:
        `Extractor`.

    Raises:
        FeatureError: If there is no such extractor, or its weights cannot be had.
    """
    # TensorFlow comes with the modules imported here, and only with the one that is needed.
    if inception_graph is not None and name != "inception_2015":
        raise FeatureError(
            f"--inception_graph={inception_graph} is for --features=inception_2015, "
            f"not {name!r}: leave one of the two out."
        )
    if name == "inception_2015":
        from genkeras.metrics.features.inception_2015 import Inception2015

        return Inception2015(inception_graph, cache_dir)
    if name == "keras_inception":
        from genkeras.metrics.features.keras_inception import KerasInception

        return KerasInception()
    if name == "classifier":
        from genkeras.metrics.features import classifier

        return classifier.shipped(dataset)
    if str(name).endswith(".npz"):
        from genkeras.metrics.features import classifier

        return classifier.load(pathlib.Path(name).expanduser())
    raise FeatureError(
        f"--features={name} is unknown; expected {', '.join(NAMES)} or the path of a "
        "classifier, *.npz."
    )
