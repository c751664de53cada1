"""MNIST and Fashion-MNIST from their four IDX files."""

import logging
import os
import pathlib

import numpy as np

from genkeras.data.dataset import (
    DataError,
    ImageDataset,
    Split,
    content_fingerprint,
    first_train_rows,
)
from genkeras.data.idx_file import read_idx, read_shape
from genkeras.data.preprocessing import Geometry, transform_array

logger = logging.getLogger("genkeras")

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": FASHION_MNIST_CLASSES,
}
# Of the unpacked bytes: repackaged files differ in their gzip headers. In the order of FILES.
MD5 = {
    "fashion_mnist": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
    "mnist": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
}
# Where Debian's package `dataset-fashion-mnist` puts the files.
SYSTEM_FOLDERS = {"fashion_mnist": pathlib.Path("/usr/share/datasets/fashion-mnist")}


def load_mnist(options):
    """MNIST: 60,000 training and 10,000 test pictures of handwritten digits, 28×28, grey."""
    return load_idx("mnist", options)


def load_fashion_mnist(options):
    """Fashion-MNIST: 60,000 training and 10,000 test pictures of clothes, 28×28, grey."""
    return load_idx("fashion_mnist", options)


def load_idx(name, options):
    """Loads one of the two sets.

    Looks in `data_dir/name/` and `data_dir`, then where the system's package puts the files,
    then downloads through TensorFlow Datasets.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        options: `DataOptions`.

    Returns:
        `ImageDataset`.

    Raises:
        DataError: If the files are incomplete or damaged, or the download fails.
    """
    if options.label is not None:
        raise DataError(f"--label={options.label}: {name} comes with its own ten classes.")
    folder = find_folder(name, options.data_dir)
    if folder is not None:
        arrays, facts = read_folder(name, folder)
    else:
        from genkeras.data.tfds import download_arrays

        arrays, facts = download_arrays(name)
    return dataset_from_arrays(name, arrays, facts, options)


def dataset_from_arrays(name, arrays, facts, options, class_names=None):
    """Applies the user's sizes to the four arrays of a small set.

    Args:
        name: Name of the set.
        arrays: Training images, training labels, test images, test labels, with images of
            shape `(num_images, height, width, 1)`.
        facts: Dictionary; what is counted here is added to it.
        options: `DataOptions`.
        class_names: Tuple of strings. Defaults to those known for `name`.

    Returns:
        `ImageDataset`.
    """
    train_images, train_labels, test_images, test_labels = arrays
    geometry = Geometry.from_options(options).resolve(train_images.shape[1:3])
    train = first_train_rows(Split(train_images, train_labels), options.train_size)
    train = Split(transform_array(train.images, geometry), train.labels)
    test = Split(transform_array(test_images, geometry), test_labels)
    facts = {
        **facts,
        "num_train": len(train.images),
        "num_test": len(test.images),
        "native_size": train_images.shape[1:3],
        "fingerprint": content_fingerprint(train.images, train.labels, test.images, test.labels),
        "num_left_out": 0,
        "left_out": [],
    }
    return ImageDataset(name, train, test, class_names or CLASS_NAMES[name], facts)


def find_folder(name, data_dir):
    """The first folder that holds the set's files, or `None`.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        data_dir: Folder of the user, or `None`.

    Raises:
        DataError: If a folder of the user holds some of the four files, but not all.
    """
    if data_dir is not None:
        candidates = (pathlib.Path(data_dir, name), pathlib.Path(data_dir))
        for folder in candidates:
            missing = [file for file in FILES if find_file(folder, file) is None]
            if not missing:
                return folder
            if len(missing) < len(FILES):
                raise DataError(
                    f"{folder} holds only part of {name}: {', '.join(missing)} (plain or with "
                    ".gz) is missing. Put all four IDX files there."
                )
        logger.warning(
            "No IDX files of %s in %s or %s: looking elsewhere.", name, *map(str, candidates)
        )
    folder = SYSTEM_FOLDERS.get(name)
    if folder is not None and all(find_file(folder, file) is not None for file in FILES):
        logger.info("%s: using the system's copy in %s.", name, folder)
        return folder
    return None


def find_file(folder, file):
    """Path of an IDX file, plain or packed, under either of its usual names, or `None`."""
    for variant in (file, file.replace("-idx", ".idx")):
        for path in (folder / variant, folder / f"{variant}.gz"):
            if path.is_file():
                return path
    return None


def read_folder(name, folder):
    """Reads and checks the four files.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        folder: Folder with all four files.

    Returns:
        Pair of the arrays, training images `(num_images, height, width, 1)` and int64 labels,
        then those of the test, and a dictionary of facts.

    Raises:
        DataError: If a file is damaged, or the files do not belong together.
    """
    paths = [find_file(pathlib.Path(folder), file) for file in FILES]
    _check_counts(paths)
    arrays, digests = [], []
    for path, file in zip(paths, FILES, strict=True):
        array, digest = read_idx(path, _num_dimensions(file))
        arrays.append(array)
        digests.append(digest)
    for labels in (1, 3):
        wrong = np.flatnonzero(arrays[labels] >= len(CLASS_NAMES[name]))
        if len(wrong):
            raise DataError(
                f"{paths[labels]}: label {arrays[labels][wrong[0]]} at position {wrong[0]}; "
                f"expected 0 to {len(CLASS_NAMES[name]) - 1}. The file is damaged: get it again."
            )
    _check_checksums(name, paths, digests)
    facts = {
        "source": os.fspath(folder),
        "md5": dict(zip(FILES, digests, strict=True)),
    }
    arrays = [
        array[..., np.newaxis] if array.ndim == 3 else array.astype(np.int64) for array in arrays
    ]
    return arrays, facts


def _num_dimensions(file):
    return 3 if "images" in file else 1


def _check_counts(paths):
    """Checks that the files belong together, by their headers: before much is unpacked."""
    shapes = [
        read_shape(path, _num_dimensions(file)) for path, file in zip(paths, FILES, strict=True)
    ]
    for images, labels in ((0, 1), (2, 3)):
        if shapes[images][0] != shapes[labels][0]:
            raise DataError(
                f"{paths[images]} holds {shapes[images][0]} pictures, but {paths[labels]} "
                f"{shapes[labels][0]} labels: they do not belong together. Get both again."
            )
    if shapes[0][1:] != shapes[2][1:]:
        raise DataError(
            f"{paths[0]} holds pictures of {shapes[0][1:]}, but {paths[2]} of {shapes[2][1:]}: "
            "they do not belong together."
        )


def _check_checksums(name, paths, digests):
    for other, known in MD5.items():
        if other != name and tuple(digests) == known:
            raise DataError(
                f"{paths[0].parent} holds the files of {other}, not of {name}: "
                f"use --dataset={other}, or put the files of {name} in a folder {name}/."
            )
    for path, digest, known in zip(paths, digests, MD5[name], strict=True):
        if digest != known:
            logger.warning(
                "%s is a sound file, but not the published one of %s: MD5 %s instead of %s.",
                path,
                name,
                digest,
                known,
            )
