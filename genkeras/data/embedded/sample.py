"""The embedded sample of Fashion-MNIST.

The rule: of each class, the first 1,000 pictures of the training file and the first 200 of the
test file, kept in the order of the files. `python -m genkeras.data.embedded.make` makes it.
"""

import importlib.resources

import numpy as np

from genkeras.data.dataset import DataError
from genkeras.data.idx import FASHION_MNIST_CLASSES, dataset_from_arrays

TRAIN_PER_CLASS = 1_000
TEST_PER_CLASS = 200
FILE = "fashion_mnist_sample.npz"
KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def load_fashion_mnist_sample(options):
    """10,000 training and 2,000 test pictures of Fashion-MNIST, balanced; needs no download.

    Args:
        options: `DataOptions`.

    Returns:
        `ImageDataset`.

    Raises:
        DataError: If a label is asked for.
    """
    if options.label is not None:
        raise DataError(f"--label={options.label}: the sample comes with its own ten classes.")
    train_images, train_labels, test_images, test_labels = read_sample()
    arrays = (
        train_images[..., np.newaxis],
        train_labels.astype(np.int64),
        test_images[..., np.newaxis],
        test_labels.astype(np.int64),
    )
    facts = {
        "source": "embedded sample of Fashion-MNIST (MIT licence, (c) 2017 Zalando SE): "
        f"the first {TRAIN_PER_CLASS} training and {TEST_PER_CLASS} test pictures of each class"
    }
    return dataset_from_arrays(
        "fashion_mnist_sample", arrays, facts, options, FASHION_MNIST_CLASSES
    )


def read_sample():
    """The four uint8 arrays as stored: images `(num_images, 28, 28)`, labels `(num_images,)`."""
    resource = importlib.resources.files("genkeras.data.embedded") / FILE
    with resource.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return tuple(arrays[key] for key in KEYS)


def select(labels, per_class):
    """Positions of the first `per_class` pictures of each class, in the order of the file.

    Args:
        labels: Integer array `(num_images,)`.
        per_class: Integer.

    Returns:
        Sorted int64 array of positions.
    """
    chosen = [np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
