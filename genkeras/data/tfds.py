"""Image sets of TensorFlow Datasets, which downloads what it does not have.

TensorFlow Datasets is imported only here, and only when such a set is asked for.
"""

import dataclasses
import logging
import os
import pathlib
import threading
import urllib.parse

import numpy as np
from PIL import Image

from genkeras.data import cache, scan
from genkeras.data.celeba import unknown_attribute
from genkeras.data.dataset import DataError
from genkeras.data.folder import is_held_out
from genkeras.data.idx import FILES
from genkeras.data.pictures import dataset_from_pictures
from genkeras.data.preprocessing import DEFAULT_CROPS, Geometry, transform

logger = logging.getLogger("genkeras")

CHUNK = 256
PROBE_SECONDS = 15.0
SAMPLE_HINT = (
    "Or choose the small sample that needs no download yourself: --dataset=fashion_mnist_sample."
)


def load_tfds(tfds_name, options, name):
    """Loads any TFDS image set: one with a feature `image` and, for classes, `label`.

    The splits `train` and `test` are used. A set without `test` has 10 % of `train` held out,
    by a hash of each picture's position.

    Args:
        tfds_name: Name as TFDS knows it, `name[/config][:version]`.
        options: `DataOptions`. `label` names another feature to serve as the class.
        name: Name of the data set for us.

    Returns:
        `ImageDataset`.

    Raises:
        DataError: If there is no such set, it has no pictures, or it cannot be downloaded.
    """
    builder = prepared_builder(
        tfds_name,
        options.data_dir,
        f"Fetch it on a machine with a network (tfds build {tfds_name}), copy it here and name "
        f"its folder with --data_dir. {SAMPLE_HINT}",
    )
    label = options.label or ("label" if "label" in builder.info.features else None)
    return _load(builder, options, name, Geometry.from_options(options), label)


def load_celeb_a(options):
    """CelebA as TFDS has it, for those who do not have the official files.

    Args:
        options: `DataOptions`. `label` names an attribute, such as `Smiling`.

    Returns:
        `ImageDataset`.

    Raises:
        DataError: If the attribute is unknown, or the download fails.
    """
    builder = prepared_builder(
        "celeb_a",
        options.data_dir,
        "Put img_align_celeba/, list_eval_partition.txt and list_attr_celeba.txt of CelebA into "
        f"DIR/celeba/ and name it with --data_dir=DIR. {SAMPLE_HINT}",
    )
    label, class_names = None, None
    if options.label is not None:
        attributes = builder.info.features["attributes"]
        if options.label not in attributes:
            raise DataError(unknown_attribute(options.label, list(attributes)))
        label = f"attributes/{options.label}"
        class_names = (f"not {options.label}", options.label)
    geometry = Geometry.from_options(options, DEFAULT_CROPS["celeba"])
    return _load(builder, options, "celeba", geometry, label, class_names)


def download_arrays(name):
    """MNIST or Fashion-MNIST from TFDS.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.

    Returns:
        Pair of the list of training images `(num_images, 28, 28, 1)`, int64 labels, and those
        of the test, and a dictionary of facts.

    Raises:
        DataError: If the download fails.
    """
    builder = prepared_builder(
        name,
        None,
        f"Put its four files ({', '.join(f'{file}.gz' for file in FILES)}) into DIR/{name}/ and "
        f"name it with --data_dir=DIR. {SAMPLE_HINT}",
    )
    arrays = []
    for split in ("train", "test"):
        examples = list(_examples(builder, split))
        arrays.append(np.stack([example["image"] for example in examples]))
        arrays.append(np.array([example["label"] for example in examples], np.int64))
    return arrays, {"source": f"tfds:{builder.info.full_name}"}


def prepared_builder(tfds_name, data_dir, advice):
    """The TFDS builder of a set whose files are there.

    Args:
        tfds_name: Name as TFDS knows it.
        data_dir: Folder of the user; used if it holds the set as TFDS stores it, else TFDS
            uses its own.
        advice: What to do when the download fails.

    Returns:
        `tfds.core.DatasetBuilder`, prepared.

    Raises:
        DataError: If there is no such set, or it cannot be downloaded.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(f"tfds:{tfds_name} needs the package tensorflow-datasets.") from error
    folder = None
    if data_dir is not None:
        base = tfds_name.partition(":")[0].partition("/")[0]
        path = pathlib.Path(data_dir).expanduser()
        # Its files carry this description beside them, in a folder for each version.
        if next((path / base).glob("**/dataset_info.json"), None) is not None:
            folder = os.fspath(path)
    try:
        builder = tfds.builder(tfds_name, data_dir=folder)
    # It raises errors of many kinds for a name that does not parse or is not registered.
    except Exception as error:
        raise DataError(
            f"TensorFlow Datasets has no set {tfds_name!r}: {_first_line(error)}. "
            "The names are listed in its catalogue, under Image."
        ) from error
    try:
        if not pathlib.Path(builder.data_path).exists():
            logger.info("Downloading %s with TensorFlow Datasets.", tfds_name)
            _probe(builder)
        builder.download_and_prepare()
    except ImportError as error:
        raise DataError(
            f"{tfds_name} cannot be prepared: {error}. Install the missing package. {advice}"
        ) from error
    # Network, checksum, quota, disk: all that matters is what the user can do.
    except Exception as error:
        raise DataError(
            f"{tfds_name} cannot be downloaded: {_first_line(error)}. {advice}"
        ) from error
    return builder


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _probe(builder):
    """Fails within seconds where TFDS would retry for minutes: when nothing answers at all."""
    urls = [url for url in builder.url_infos or () if url.startswith("http")]
    if not urls:
        return
    import requests

    host = urllib.parse.urlsplit(urls[0]).hostname
    outcome = [ConnectionError(f"no answer from {host} within {PROBE_SECONDS:.0f} seconds")]

    def ask():
        try:
            # Any answer, a refusal included, shows that the network works.
            requests.head(urls[0], timeout=PROBE_SECONDS).close()
            outcome[0] = None
        except requests.exceptions.RequestException:
            outcome[0] = ConnectionError(f"{host} cannot be reached (is there a network?)")

    # A thread, since a name that does not resolve heeds no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if outcome[0] is not None:
        raise outcome[0]


def _load(builder, options, name, geometry, label, class_names=None):
    features = builder.info.features
    shape = features["image"].shape if "image" in features else ()
    if len(shape) != 3:
        raise DataError(
            f"tfds:{builder.info.full_name} has no pictures in a feature 'image'; "
            f"its features: {', '.join(features)}."
        )
    label_feature = _feature(features, label, builder.info.full_name)
    splits = builder.info.splits
    if "train" not in splits:
        raise DataError(
            f"tfds:{builder.info.full_name} has no split 'train'; its splits: {', '.join(splits)}."
        )
    native = shape[:2] if None not in shape[:2] else None
    geometry = geometry.resolve(native and tuple(native))
    channels = 1 if shape[2] == 1 else 3
    key = {
        "tfds": builder.info.full_name,
        "root": os.fsencode(os.path.realpath(builder.data_path)).hex(),
        "files": _files(splits),
        "num_examples": {split: splits[split].num_examples for split in splits},
        "geometry": dataclasses.asdict(geometry),
        "label": label,
        "train_size": options.train_size,
    }

    def build(writer):
        return _write_rows(builder, geometry, channels, label, options.train_size, writer)

    images, stored = cache.open_or_build(options.cache_dir, name, key, build)
    train_labels = test_labels = None
    if label is not None:
        labels = np.array(stored["labels"], np.int64)
        train_labels, test_labels = labels[: stored["num_train"]], labels[stored["num_train"] :]
        names = getattr(label_feature, "names", None)
        class_names = class_names or (
            tuple(names) if names else tuple(map(str, range(labels.max() + 1)))
        )
    facts = {
        "source": f"tfds:{builder.info.full_name}",
        "num_train": stored["num_train"],
        "num_test": len(images) - stored["num_train"],
        "native_size": native,
        "pixels_sha256": stored["sha256"],
        "num_left_out": 0,
        "left_out": [],
    }
    return dataset_from_pictures(name, images, train_labels, test_labels, class_names, facts)


def _files(splits):
    """Name, bytes and time of the last change of each file that `_part` reads.

    Two folders may hold other pixels under one name, version and number of examples.
    """
    files = []
    for split in ("train", "test"):
        for path in splits[split].filepaths if split in splits else ():
            found = os.stat(path)
            files.append([path.name, found.st_size, found.st_mtime_ns])
    return files


def _feature(features, label, full_name):
    """The feature that a name such as `label` or `attributes/Smiling` leads to."""
    feature = features
    for part in label.split("/") if label else ():
        if not hasattr(feature, "keys") or part not in feature:
            raise DataError(
                f"--label={label}: tfds:{full_name} has no such feature; it has "
                f"{', '.join(features)}."
            )
        feature = feature[part]
    # Truth values are classes too.
    if label and (feature.shape != () or np.dtype(feature.np_dtype).kind not in "iub"):
        raise DataError(f"--label={label}: expected whole numbers, not {feature}.")
    return feature


def _write_rows(builder, geometry, channels, label, train_size, writer):
    splits = builder.info.splits
    num_rows = splits["train"].num_examples
    num_rows += splits["test"].num_examples if "test" in splits else 0
    writer.start(num_rows, (geometry.output_height, geometry.output_width, channels))
    labels, counts = [], []
    for held_out in (False, True):
        before = writer.num_rows
        limit = None if held_out else train_size
        rows = []
        for example in _part(builder, held_out):
            if limit is not None and writer.num_rows + len(rows) - before >= limit:
                break
            rows.append(_row(example["image"], geometry, channels))
            if label is not None:
                for part in label.split("/"):
                    example = example[part]
                labels.append(int(example))
            if len(rows) == CHUNK:
                writer.append(np.stack(rows))
                rows = []
        if rows:
            writer.append(np.stack(rows))
        counts.append(writer.num_rows - before)
    if 0 in counts:
        raise DataError(
            f"tfds:{builder.info.full_name} gives {counts[0]} training and {counts[1]} test "
            "pictures; expected some of both."
        )
    if labels and min(labels) < 0:
        raise DataError(
            f"tfds:{builder.info.full_name} has pictures whose {label} is {min(labels)}, "
            "that is unknown: name another feature with --label."
        )
    return {"num_train": counts[0], "labels": labels}


def _part(builder, held_out):
    if "test" in builder.info.splits:
        yield from _examples(builder, "test" if held_out else "train")
        return
    for index, example in enumerate(_examples(builder, "train")):
        if is_held_out(f"train/{index}") == held_out:
            yield example


def _examples(builder, split):
    import tensorflow_datasets as tfds

    return tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))


def _row(image, geometry, channels):
    if image.dtype == np.uint16:
        image = np.rint(image / scan.SIXTEEN_BIT_STEP).astype(np.uint8)
    if image.dtype != np.uint8:
        raise DataError(f"pictures of {image.dtype}; expected uint8 or uint16.")
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = scan.to_eight_bits(picture).convert("L" if channels == 1 else "RGB")
    row = np.asarray(transform(picture, geometry))
    return row.reshape(*row.shape[:2], channels)
