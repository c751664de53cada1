"""CelebA in its official layout.

`img_align_celeba/NNNNNN.jpg`, `list_eval_partition.txt` and, for `--label`,
`list_attr_celeba.txt`, in `data_dir/celeba/` or `data_dir`.
"""

import difflib
import logging
import os
import pathlib

import numpy as np

from genkeras.data import scan
from genkeras.data.dataset import DataError
from genkeras.data.pictures import dataset_from_pictures, load_pictures
from genkeras.data.preprocessing import DEFAULT_CROPS, Geometry

logger = logging.getLogger("genkeras")

PICTURES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
ATTRIBUTES = "list_attr_celeba.txt"
TRAIN, VALIDATION, TEST = "0", "1", "2"


def load_celeba(options):
    """CelebA: 162,770 training and 19,962 test faces, 178×218, RGB.

    The official validation part is used for neither.

    Args:
        options: `DataOptions`. `label` names an attribute, such as `Smiling`.

    Returns:
        `ImageDataset`.

    Raises:
        DataError: If the files are incomplete or damaged, the attribute is unknown, or the
            download fails.
    """
    root = find_root(options.data_dir)
    if root is None:
        from genkeras.data.tfds import load_celeb_a

        return load_celeb_a(options)
    parts = read_partition(root / PARTITION)
    attributes = None
    if options.label is not None:
        attributes = read_attribute(root / ATTRIBUTES, options.label)
    train, left_out = _files(root / PICTURES, parts[TRAIN][: options.train_size])
    test, left_out_of_test = _files(root / PICTURES, parts[TEST])
    images, train_good, test_good, facts = load_pictures(
        "celeba",
        root / PICTURES,
        train,
        test,
        Geometry.from_options(options, DEFAULT_CROPS["celeba"]),
        options,
        [*left_out, *left_out_of_test],
    )
    labels = [None, None]
    class_names = None
    if attributes is not None:
        class_names = (f"not {options.label}", options.label)
        for part, (files, good) in enumerate(((train, train_good), (test, test_good))):
            labels[part] = np.array(
                [_value(attributes, files[position].name, root) for position in good], np.int64
            )
    return dataset_from_pictures("celeba", images, *labels, class_names, facts)


def find_root(data_dir):
    """The folder that holds the set, or `None`.

    Raises:
        DataError: If a folder holds some of what is needed, but not all, or loose pictures
            (the layout of DCGAN-tensorflow), which belong to no split.
    """
    if data_dir is None:
        return None
    data_dir = pathlib.Path(data_dir).expanduser()
    own = [data_dir / name for name in ("celeba", "CelebA", "celebA")]
    for root in (*own, data_dir):
        found = [name for name in (PICTURES, PARTITION) if (root / name).exists()]
        if len(found) == 1:
            missing = PARTITION if found == [PICTURES] else f"{PICTURES}/"
            raise DataError(
                f"{root} has {found[0]}, but not {missing}: put the official files of CelebA there."
            )
        if found:
            return root
        if root in own and any(root.glob("*.jpg")):
            raise DataError(
                f"{root} holds pictures, but not in CelebA's official layout: move them to "
                f"{root / PICTURES}/ and put {PARTITION}, the official split, beside it. Or train "
                f"on the folder as on any other, with --dataset=folder:{root}."
            )
    logger.warning("No %s/ in %s/celeba or %s: looking elsewhere.", PICTURES, data_dir, data_dir)
    return None


def read_partition(path):
    """Reads which picture belongs to which part.

    Args:
        path: Path of `list_eval_partition.txt`, lines such as `000001.jpg 0`.

    Returns:
        Dictionary from `"0"` (train), `"1"` (validation) and `"2"` (test) to lists of names.

    Raises:
        DataError: For a line of another form, a name given twice, or an empty part.
    """
    parts = {TRAIN: [], VALIDATION: [], TEST: []}
    seen = set()
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[1] not in parts:
            raise DataError(
                f"{path}, line {number}: {line[:80]!r}; expected a file name and 0 (train), "
                "1 (validation) or 2 (test)."
            )
        name, part = words
        if name in seen:
            raise DataError(f"{path}, line {number}: {name} is listed twice.")
        if not _is_plain(name):
            raise DataError(f"{path}, line {number}: {name!r} is not a plain file name.")
        seen.add(name)
        parts[part].append(name)
    for part, what in ((TRAIN, "training"), (TEST, "test")):
        if not parts[part]:
            raise DataError(f"{path} lists no {what} pictures ({part}).")
    return parts


def read_attribute(path, attribute):
    """Reads one attribute of every picture.

    Args:
        path: Path of `list_attr_celeba.txt`.
        attribute: Name of the attribute, such as `Smiling`.

    Returns:
        Dictionary from file name to 0 or 1.

    Raises:
        DataError: If the file is missing or malformed, or there is no such attribute.
    """
    lines = iter(_lines(path))
    next(lines, None)
    _, header = next(lines, (2, ""))
    names = header.split()
    if attribute not in names:
        raise DataError(unknown_attribute(attribute, names))
    column = names.index(attribute) + 1
    values = {}
    for number, line in lines:
        words = line.split()
        if len(words) != len(names) + 1 or words[column] not in ("-1", "1"):
            raise DataError(
                f"{path}, line {number}: expected a file name and {len(names)} values "
                f"-1 or 1, not {line[:80]!r}."
            )
        values[words[0]] = int(words[column] == "1")
    return values


def unknown_attribute(attribute, names):
    """The message for an attribute that is not there."""
    lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(attribute.lower(), lower, n=1)
    hint = f" Did you mean {lower[close[0]]}?" if close else ""
    return f"--label={attribute}: CelebA has no such attribute.{hint} Known: {', '.join(names)}."


def _lines(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.strip()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _is_plain(name):
    return name not in (".", "..") and "/" not in name and "\\" not in name


def _files(folder, names):
    """`PictureFile`s of names, and `LeftOut`s of those that are missing or links outwards."""
    files, left_out = [], []
    root = os.path.realpath(folder)
    for name in names:
        path = os.path.join(root, name)
        try:
            found = os.stat(path)
        except OSError as error:
            reason = f"listed in {PARTITION}, but not in {PICTURES}/ ({error.strerror})"
            left_out.append(scan.LeftOut(name, reason))
            continue
        target = os.path.realpath(path)
        if os.path.islink(path) and scan.leaves(root, target):
            reason = f"link that leaves the folder (to {scan.printable(target)}): refused"
            left_out.append(scan.LeftOut(name, reason))
        else:
            files.append(scan.PictureFile(name, path, found.st_size, found.st_mtime_ns))
    return files, left_out


def _value(attributes, name, root):
    if name not in attributes:
        raise DataError(f"{root / ATTRIBUTES} has no line for {name}, which {PARTITION} lists.")
    return attributes[name]
