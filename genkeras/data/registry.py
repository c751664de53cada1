"""The names of the data sets, and the one way to load any of them."""

import dataclasses
import difflib
import hashlib
import importlib
import logging
import pathlib
import re

from genkeras.data.dataset import DataError
from genkeras.data.preprocessing import DEFAULT_CROPS, default_sizes

# Name -> "module:function"; the module is imported when the set is asked for.
DATASETS = {
    "mnist": "genkeras.data.idx:load_mnist",
    "fashion_mnist": "genkeras.data.idx:load_fashion_mnist",
    "fashion_mnist_sample": "genkeras.data.embedded.sample:load_fashion_mnist_sample",
    "celeba": "genkeras.data.celeba:load_celeba",
}
# Prefix of "prefix:argument" -> "module:function", called with the argument and the options.
PREFIXES = {
    "folder": "genkeras.data.folder:load_folder",
    "tfds": "genkeras.data.tfds:load_tfds",
}
ALIASES = {
    "celeb_a": "celeba",
    "fashionmnist": "fashion_mnist",
    "fmnist": "fashion_mnist",
}
# These need nothing from the user's folder, so a wrong folder does not stop them.
_WITHOUT_DATA_DIR = ("fashion_mnist_sample",)
_logger = logging.getLogger("genkeras")


def canonical_name(name):
    """The registered name a user means: `celebA` is `celeba`, `fashion-mnist` `fashion_mnist`.

    Args:
        name: String.

    Returns:
        A key of `DATASETS`; `folder:PATH`, `tfds:NAME` and unknown names as they are.
    """
    name = name.strip()
    plain = name.lower().replace("-", "_")
    plain = ALIASES.get(plain, plain)
    return plain if plain in DATASETS else name


def directory_name(name):
    """A name that can stand as a folder's: `folder:/pictures/cats` is `folder_cats_`
    and eight letters that tell it from other folders of that name.

    Args:
        name: Name of a data set as given to `load`.

    Returns:
        String of letters, digits and `._-`.
    """
    name = canonical_name(name)
    prefix, colon, argument = name.partition(":")
    if colon and prefix == "folder":
        # Resolved, so that "." has a name; hashed, so that two folders of one name differ.
        try:
            path = pathlib.Path(argument).expanduser().resolve()
        except RuntimeError as error:
            raise DataError(f"--dataset={name}: there is no such user.") from error
        digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()
        name = f"folder_{path.name}_{digest[:8]}"
    return re.sub(r"[^\w.-]", "_", name).strip(".") or "_"


def load(name, options):
    """Loads a data set.

    Args:
        name: A key of `DATASETS` (or another spelling of one), `folder:PATH`, `tfds:NAME`,
            or the name of a folder of pictures under `options.data_dir`.
        options: `DataOptions`.

    Returns:
        `ImageDataset`; its facts hold `default_sizes`, what each size option is by default.

    Raises:
        DataError: If there is no such set, or its files are missing or broken.
    """
    try:
        dataset = _load(name, options)
    except OSError as error:
        what = error.filename or "A file of the data set"
        raise DataError(f"{what} cannot be read: {error.strerror or error}.") from error
    sizes = default_sizes(
        options, dataset.facts["native_size"], DEFAULT_CROPS.get(canonical_name(name))
    )
    return dataclasses.replace(dataset, facts={**dataset.facts, "default_sizes": sizes})


def _load(name, options):
    known = canonical_name(name)
    data_dir = options.data_dir and pathlib.Path(options.data_dir).expanduser()
    options = dataclasses.replace(options, data_dir=data_dir and str(data_dir))
    if data_dir and known not in _WITHOUT_DATA_DIR and not data_dir.is_dir():
        what = "is not a folder" if data_dir.exists() else "does not exist"
        raise DataError(f"--data_dir={options.data_dir} {what}: name the folder with the data.")
    if options.input_fname_pattern is not None and (known in DATASETS or known.startswith("tfds:")):
        _logger.warning(
            "--input_fname_pattern=%s does nothing: it is for folders of pictures, and %s has its "
            "own files.",
            options.input_fname_pattern,
            known,
        )
    if known in DATASETS:
        return _function(DATASETS[known])(options)
    prefix, colon, argument = known.partition(":")
    if colon and prefix in PREFIXES:
        if not argument:
            raise DataError(f"--dataset={name}: expected something after the colon.")
        return _function(PREFIXES[prefix])(argument, options, name=directory_name(known))
    if data_dir and _is_plain(known) and (data_dir / known).is_dir():
        load_folder = _function(PREFIXES["folder"])
        return load_folder(data_dir / known, options, name=directory_name(known))
    raise _unknown(name, known, data_dir)


def _is_plain(name):
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name


def _unknown(name, known, data_dir):
    folders = []
    if data_dir:
        folders = [path.name for path in data_dir.iterdir() if path.is_dir()]
    close = difflib.get_close_matches(
        known.lower().replace("-", "_"), [*DATASETS, *folders], n=1, cutoff=0.6
    )
    hint = f" Did you mean {close[0]}?" if close else ""
    where = f" a folder of pictures under {data_dir}," if data_dir else ""
    return DataError(
        f"Unknown data set {name!r}.{hint} Known: {', '.join(DATASETS)},{where} "
        "folder:PATH (any folder of pictures), tfds:NAME (any TensorFlow Datasets image set)."
    )


def _function(path):
    module, _, function = path.partition(":")
    return getattr(importlib.import_module(module), function)
