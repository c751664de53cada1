"""What every source of images hands over, and what a user may ask of it."""

import dataclasses
import hashlib

import numpy as np


class DataError(ValueError):
    """A user's mistake or a broken input.

    The message says what was found, what was expected and how to mend it, so a program may
    print it alone, without a traceback.
    """


@dataclasses.dataclass(frozen=True)
class Split:
    """One part of a data set.

    Args:
        images: uint8 array `(num_images, height, width, channels)`, in memory or a read-only
            memory map.
        labels: int64 array `(num_images,)`, or `None` when the pictures have no classes.
    """

    images: np.ndarray
    labels: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """Training and test pictures of one size, with where they came from.

    Args:
        name: String that can stand as a folder's name.
        train: `Split` to learn from.
        test: `Split` never seen in training.
        class_names: Tuple of strings, in the order of the labels, or `None`.
        facts: JSON-able dictionary: the source, the numbers of pictures, the files left out
            with their reasons, and `fingerprint`, which changes when the pixels or labels do.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...] | None
    facts: dict

    @property
    def image_shape(self):
        """`(height, width, channels)` of every picture."""
        return tuple(int(size) for size in self.train.images.shape[1:])

    @property
    def num_classes(self):
        """Number of classes, or `None` when the pictures have none."""
        return None if self.class_names is None else len(self.class_names)


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """What a user may set; `None` means the data set's own default.

    Args:
        data_dir: Folder that holds the data sets.
        cache_dir: Folder for decoded pictures. Defaults to `$XDG_CACHE_HOME/genkeras`,
            or `~/.cache/genkeras`.
        crop: Whether to crop before resizing.
        crop_mode: `"center"`, which `crop` alone means; `"wae"`, the 140×140 box at left 19
            and top 39; or `"wae_resize"`, to 64×78 and then rows 7 to 70. Each implies `crop`.
        input_height: Height of the centred crop box.
        input_width: Its width. Defaults to `input_height`.
        output_height: Height of the pictures handed over. Defaults to the native height of
            28×28 sets, else to 64.
        output_width: Their width. Defaults to `output_height`.
        input_fname_pattern: Which files of a folder are pictures, such as `"*.jpg"`.
        label: What serves as the class: an attribute of CelebA, a feature of a TFDS set.
        train_size: Use only the first so many training pictures of the source.
        max_pixels: Pictures with more pixels are refused before they are decoded.
        max_bad_fraction: Share of bad files above which a data set is refused.
    """

    data_dir: str | None = None
    cache_dir: str | None = None
    crop: bool = False
    crop_mode: str | None = None
    input_height: int | None = None
    input_width: int | None = None
    output_height: int | None = None
    output_width: int | None = None
    input_fname_pattern: str | None = None
    label: str | None = None
    train_size: int | None = None
    max_pixels: int = 64_000_000
    max_bad_fraction: float = 0.01

    def __post_init__(self):
        sizes = ("input_height", "input_width", "output_height", "output_width", "train_size")
        for field in (*sizes, "max_pixels"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise DataError(f"--{field}={value}: expected a positive number.")
        for field in ("output_height", "output_width"):
            # A slip of the keyboard must not ask for an array of terabytes.
            if (getattr(self, field) or 0) > 4096:
                raise DataError(f"--{field}={getattr(self, field)}: at most 4096 is supported.")
        if not 0.0 <= self.max_bad_fraction <= 1.0:
            raise DataError(
                f"--max_bad_fraction={self.max_bad_fraction}: expected a share between 0 and 1."
            )


def content_fingerprint(*arrays_or_digests):
    """SHA-256 over arrays (shape, type and bytes) and digests of arrays too large to hold.

    Args:
        *arrays_or_digests: NumPy arrays, strings, or `None` for labels that are not there.

    Returns:
        Hexadecimal string.
    """
    digest = hashlib.sha256()
    for part in arrays_or_digests:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def first_train_rows(split, train_size):
    """The first `train_size` pictures of a split; the whole split for `None`."""
    if train_size is None:
        return split
    labels = None if split.labels is None else split.labels[:train_size]
    return Split(split.images[:train_size], labels)
