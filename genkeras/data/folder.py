"""Any folder of pictures.

Sub-folders are classes, and `train/` and `test/` are the split:

    flowers/train/rose/1.jpg        flowers/rose/1.jpg       flowers/1.jpg
    flowers/test/tulip/2.jpg        flowers/tulip/2.jpg      flowers/2.jpg

Without `train/` and `test/`, a hash of the relative name holds out 10 % for the test: the same
pictures on every machine, whatever else is added.
"""

import concurrent.futures
import hashlib
import logging
import os
import pathlib

import numpy as np

from genkeras.data import scan
from genkeras.data.dataset import DataError, DataOptions
from genkeras.data.pictures import dataset_from_pictures, load_pictures
from genkeras.data.preprocessing import Geometry

logger = logging.getLogger("genkeras")

TEST_SHARE = 0.1
# Beside `train/` and `test/` these are used for neither.
VALIDATION_FOLDERS = ("val", "valid", "validation")


def load_folder(path, options, name):
    """Loads a folder of pictures.

    Pictures are grey if every good file is, else RGB. They have labels if all of them lie in
    sub-folders.

    Args:
        path: The folder, or its name under `options.data_dir`.
        options: `DataOptions`.
        name: Name of the set.

    Returns:
        `ImageDataset`.

    Raises:
        DataError: If there is no such folder, it has no pictures, too many are bad, or none
            is left to train or to test with.
    """
    root = _find(path, options.data_dir)
    if options.label is not None:
        raise DataError(f"--label={options.label}: the classes of a folder are its sub-folders.")
    files, left_out, unmatched = scan.walk(root, options.input_fname_pattern)
    if not files:
        raise _no_pictures(root, options.input_fname_pattern, left_out, unmatched)
    train, test = split_files(root, files)
    train = train[: options.train_size]
    images, train_good, test_good, facts = load_pictures(
        name,
        root,
        [file for file, _ in train],
        [file for file, _ in test],
        Geometry.from_options(options),
        options,
        left_out,
    )
    train = [train[position] for position in train_good]
    test = [test[position] for position in test_good]
    class_names = _class_names(root, [*train, *test])
    train_labels, test_labels = _labels(train, class_names), _labels(test, class_names)
    facts["num_not_matching"] = unmatched
    class_names = class_names and tuple(map(scan.printable, class_names))
    return dataset_from_pictures(name, images, train_labels, test_labels, class_names, facts)


def load_images(path):
    """Reads all pictures of a folder as they are, whatever its sub-folders: nothing is resized.

    Grey if all of them are, else RGB. In the order of their names.

    Args:
        path: The folder.

    Returns:
        uint8 array `(num_images, height, width, channels)`.

    Raises:
        DataError: If there is no such folder, it has no pictures, one of them is bad, or they
            are of different sizes.
    """
    root = _find(path, None)
    files, left_out, unmatched = scan.walk(root)
    if not files:
        raise _no_pictures(root, None, left_out, unmatched)

    def read(file):
        try:
            return np.asarray(scan.read_picture(file.path, DataOptions.max_pixels))
        except scan.PictureError as error:
            return scan.LeftOut(file.name, str(error))

    with scan.pillow_limits(), concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = list(pool.map(read, files))
    bad = [item for item in left_out if item.bad]
    bad += [picture for picture in pictures if isinstance(picture, scan.LeftOut)]
    if bad:
        raise DataError(
            f"{root}: {len(bad)} files cannot be read; mend or remove them. The first: {bad[0]}."
        )
    sizes = {picture.shape[:2]: file.name for picture, file in zip(pictures, files, strict=True)}
    if len(sizes) > 1:
        told = " and ".join(
            f"{height}×{width} ({scan.printable(name)})"
            for (height, width), name in list(sizes.items())[:2]
        )
        raise DataError(
            f"{root} holds pictures of {told}, height × width: expected one size. Resize them "
            "first; how it is done changes what they are worth."
        )
    channels = max(1 if picture.ndim == 2 else picture.shape[2] for picture in pictures)
    images = np.empty((len(pictures), *next(iter(sizes)), channels), np.uint8)
    for row, picture in zip(images, pictures, strict=True):
        row[:] = np.atleast_3d(picture)
    return images


def split_files(root, files):
    """Divides files into training and test, and finds their classes.

    Args:
        root: Folder, for messages.
        files: List of `scan.PictureFile`, sorted by name.

    Returns:
        Pair of lists of `(file, class)`; `class` is `None` for a file in no sub-folder.

    Raises:
        DataError: If one of both parts is empty.
    """
    tops = {file.name.partition("/")[0] for file in files if "/" in file.name}
    loose = any("/" not in file.name for file in files)
    if {"train", "test"} <= tops:
        unused = sum(file.name.partition("/")[0] not in ("train", "test") for file in files)
        if unused:
            logger.warning(
                "%s: %d pictures beside train/ and test/ are used for neither.", root, unused
            )
        train = [(file, _first(file.name, 1)) for file in files if _first(file.name) == "train"]
        test = [(file, _first(file.name, 1)) for file in files if _first(file.name) == "test"]
        return train, test
    # A lone train/ is a split that lacks its test; beside other folders it is a class.
    depth = 1 if "train" in tops and not loose and tops <= {"train", *VALIDATION_FOLDERS} else 0
    if depth:
        files = [file for file in files if _first(file.name) == "train"]
    parts = ([], [])
    for file in files:
        parts[is_held_out(file.name)].append((file, _first(file.name, depth)))
    for part, what in zip(parts, ("training", "test"), strict=True):
        if not part:
            raise DataError(
                f"{root}: of {len(files)} pictures the hash of their names, which holds out "
                f"{TEST_SHARE:.0%}, leaves none for the {what} part. Add pictures, or sort them "
                "into sub-folders train/ and test/."
            )
    return parts


def is_held_out(name, share=TEST_SHARE):
    """Whether the hash of a relative name puts it into the test part."""
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _first(name, depth=0):
    parts = name.split("/")
    return parts[depth] if len(parts) > depth + 1 else None


def _class_names(root, members):
    classes = {class_name for _, class_name in members}
    if None not in classes:
        return tuple(sorted(classes))
    if len(classes) > 1:
        loose = next(file.name for file, class_name in members if class_name is None)
        logger.warning(
            "%s: some pictures lie in sub-folders and some do not (%s): no classes.",
            root,
            scan.printable(loose),
        )
    return None


def _labels(members, class_names):
    if class_names is None:
        return None
    numbers = {class_name: number for number, class_name in enumerate(class_names)}
    return np.array([numbers[class_name] for _, class_name in members], np.int64)


def _find(path, data_dir):
    path = pathlib.Path(path).expanduser()
    candidates = [path]
    if data_dir is not None and not path.is_absolute():
        candidates.append(pathlib.Path(data_dir).expanduser() / path)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
        if candidate.exists():
            raise DataError(f"{candidate} is a file; expected a folder of pictures.")
    raise DataError(f"There is no folder {' or '.join(map(str, candidates))}.")


def _no_pictures(root, pattern, left_out, unmatched):
    wanted = pattern or ", ".join(f"*{extension}" for extension in scan.EXTENSIONS)
    message = f"{root} has no pictures named {wanted}; {unmatched} other files are there."
    if left_out:
        message += " Refused: " + "; ".join(map(str, left_out[:20])) + "."
    if pattern:
        message += " Check --input_fname_pattern."
    return DataError(message)
