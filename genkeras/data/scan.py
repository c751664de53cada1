"""Finds the pictures of a folder and opens them, with a reason for everyone it refuses."""

import contextlib
import dataclasses
import errno
import fnmatch
import os
import stat
import threading
import warnings

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif")
# The formats Pillow may try, whatever a file is called: others of its plugins start programs.
# The last two are for patterns of the user, such as `*.tif`.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"GIF8": "GIF",
}
GREY_MODES = ("1", "L", "LA", "La", "I", "F")
# What the system says when a broken header makes Pillow seek where no file can reach.
ERRNOS_OF_DAMAGE = (errno.EINVAL, errno.EOVERFLOW)
# Counts of 16 bits per 8-bit count: 65535 / 255.
SIXTEEN_BIT_STEP = 257

_limits_lock = threading.RLock()


class PictureError(Exception):
    """One file that cannot be used; the message is the reason."""


class UnreadableError(PictureError):
    """A file that this machine cannot read now; what it holds is not known."""


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """One file to read.

    Args:
        name: Name relative to the set's folder, with `/` between its parts.
        path: Where to open it.
        size: Bytes.
        mtime_ns: Time of its last change, in nanoseconds.
    """

    name: str
    path: str
    size: int
    mtime_ns: int


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why.

    Args:
        name: Name relative to the set's folder.
        reason: String.
        bad: Whether it counts as a bad file; a link to a picture read anyway does not.
    """

    name: str
    reason: str
    bad: bool = True

    def __str__(self):
        return f"{printable(self.name)}: {self.reason}"


def printable(name):
    """A file name that any terminal and JSON file can take."""
    name = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def walk(root, pattern=None):
    """Finds the pictures of a folder, at any depth.

    Hidden files and folders (`.name`) are ignored. A link out of the folder is refused; a
    linked folder is not entered, so a loop of links neither hangs nor multiplies pictures.

    Args:
        root: Folder.
        pattern: Pattern such as `"*.jpg"`, matched whatever the case against the file's name,
            or against its relative name when it holds a `/`. Defaults to the known extensions.

    Returns:
        Triple of the list of `PictureFile`, sorted by name, the list of `LeftOut`, and the
        number of files that the pattern did not match.
    """
    root = os.path.realpath(root)
    files, links, left_out, unmatched = {}, [], [], 0
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(os.path.join(root, folder)))
        except OSError as error:
            reason = f"this folder cannot be read: {error.strerror}"
            left_out.append(LeftOut(f"{folder.rstrip('/')}/", reason))
            continue
        for entry in entries:
            name = folder + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.append((name, entry.path))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(f"{name}/")
            elif not matches(name, pattern):
                unmatched += 1
            elif not entry.is_file(follow_symlinks=False):
                left_out.append(LeftOut(name, "not a regular file"))
            else:
                found = entry.stat(follow_symlinks=False)
                files[entry.path] = PictureFile(name, entry.path, found.st_size, found.st_mtime_ns)
    for name, path in sorted(links):
        target, refusal = _resolve_link(root, name, path, pattern)
        if refusal is not None:
            left_out.append(refusal)
        elif target is None:
            unmatched += 1
        elif target in files:
            reason = f"link to {printable(files[target].name)}, which is read already"
            left_out.append(LeftOut(name, reason, bad=False))
        else:
            found = os.stat(target)
            files[target] = PictureFile(name, target, found.st_size, found.st_mtime_ns)
    ordered = sorted(files.values(), key=lambda file: file.name)
    return ordered, sorted(left_out, key=lambda item: item.name), unmatched


def matches(name, pattern=None):
    """Whether a file is meant to be a picture, judged by its relative name."""
    name = name.lower()
    if pattern is None:
        return name.endswith(EXTENSIONS)
    pattern = pattern.lower()
    if "/" not in pattern:
        name = name.rpartition("/")[2]
    return fnmatch.fnmatchcase(name, pattern)


def leaves(root, path):
    """Whether a resolved path lies outside a resolved folder."""
    return os.path.commonpath([root, path]) != root


def _resolve_link(root, name, path, pattern):
    """Target of a link to follow, or a `LeftOut`, or neither for a file of no interest."""
    target = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        reason = f"link that leads nowhere ({error.strerror}): refused"
        return None, LeftOut(name, reason, bad=matches(name, pattern))
    is_folder = stat.S_ISDIR(mode)
    if not is_folder and not matches(name, pattern):
        return None, None
    if leaves(root, target):
        reason = f"link that leaves the folder (to {printable(target)}): refused"
        return None, LeftOut(name, reason)
    if is_folder:
        if leaves(target, path):
            reason = "link to another folder of this set: not followed, its pictures count once"
        else:
            reason = "link to a folder that holds it, a loop: not followed"
        return None, LeftOut(name, reason, bad=False)
    if not stat.S_ISREG(mode):
        return None, LeftOut(name, "link to something that is not a regular file: refused")
    return target, None


@contextlib.contextmanager
def pillow_limits():
    """While it lasts, `max_pixels` is the only limit on pictures, and Pillow does not warn.

    Pillow's own limits are global variables, so this belongs around a whole pool of readers.
    """
    with _limits_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = saved


def read_header(path, max_pixels):
    """Reads what a picture says of itself, without decoding it.

    Args:
        path: Path of the file.
        max_pixels: Largest number of pixels allowed.

    Returns:
        Triple `(height, width, grey)`; `grey` may be `False` for a palette picture whose
        coloured entries are unused.

    Raises:
        UnreadableError: If rights, the disk, open files or memory stand in the way.
        PictureError: With the reason why the picture is refused.
    """
    with _opened(path, max_pixels) as picture:
        if picture.mode in ("P", "PA"):
            palette = np.array(picture.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
            grey = bool((palette == palette[:, :1]).all())
        else:
            grey = is_grey(picture.mode)
        return picture.height, picture.width, grey


def read_picture(path, max_pixels):
    """Decodes a picture.

    The first frame of an animation; turned upright as its EXIF orientation says; transparent
    parts on white; 16-bit values scaled to 8 bits; colour profiles are not applied.

    Args:
        path: Path of the file.
        max_pixels: Largest number of pixels allowed.

    Returns:
        PIL image of mode `L` (grey) or `RGB`.

    Raises:
        UnreadableError: If rights, the disk, open files or memory stand in the way.
        PictureError: With the reason why the picture is refused.
    """
    with _opened(path, max_pixels, decode=True) as picture:
        try:
            picture = ImageOps.exif_transpose(picture)
        except Exception as error:
            # A broken EXIF block does not make the pixels wrong.
            if _is_passing(error):
                raise
        return to_eight_bits(picture)


def is_grey(mode):
    """Whether a PIL mode other than a palette has no colours."""
    return mode in GREY_MODES or mode.startswith("I;16")


def to_eight_bits(picture):
    """Converts a picture of any PIL mode to `L` or `RGB`.

    Args:
        picture: PIL image. Modes `I;16` and `I` hold 0 to 65535, mode `F` 0 to 1.

    Returns:
        PIL image of mode `L` or `RGB`; transparent parts are composited on white.

    Raises:
        PictureError: If the values do not lie in the range of their mode.
    """
    mode = picture.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        values = np.asarray(picture).astype(np.float64)
        top = 1.0 if mode == "F" else 65535.0
        # Written so that NaN is refused too.
        if not (values.min() >= 0.0 and values.max() <= top):
            raise PictureError(
                f"values from {values.min():g} to {values.max():g} in mode {mode}; "
                f"expected 0 to {top:g}"
            )
        step = 1.0 / 255.0 if mode == "F" else SIXTEEN_BIT_STEP
        return Image.fromarray(np.rint(values / step).astype(np.uint8))
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        if mode == "La":
            picture = picture.convert("LA")
        picture = picture.convert("RGBA")
        background = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        background.alpha_composite(picture)
        picture = background.convert("RGB")
    elif mode == "P":
        picture = picture.convert("RGB")
    if is_grey(mode):
        return picture.convert("L")
    if mode in ("P", "PA"):
        values = np.asarray(picture)
        return picture.convert("L") if (values == values[..., :1]).all() else picture
    return picture.convert("RGB")


@contextlib.contextmanager
def _opened(path, max_pixels, decode=False):
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise PictureError("empty file (0 bytes)")
            picture = _identify(file)
            pixels = picture.width * picture.height
            if pixels > max_pixels:
                raise PictureError(
                    f"{picture.width}x{picture.height} is {pixels:,} pixels, "
                    f"more than --max_pixels={max_pixels:,}"
                )
            if decode:
                if picture.format == "PNG":
                    # Decoding alone does not compare a PNG's checksums.
                    picture.verify()
                    picture = _identify(file)
                picture.load()
            yield picture
    except PictureError:
        raise
    # A broken file makes Pillow's decoders raise nearly anything, SyntaxError included.
    except Exception as error:
        if _is_passing(error):
            what = getattr(error, "strerror", None) or "not enough memory"
            raise UnreadableError(f"cannot be read: {what}") from error
        raise PictureError(f"damaged or cut short: {error or type(error).__name__}") from error


def _is_passing(error):
    """Whether an error is the machine's, not the picture's, and may be gone the next time."""
    if isinstance(error, OSError):
        # Pillow's own have no number.
        return error.errno is not None and error.errno not in ERRNOS_OF_DAMAGE
    return isinstance(error, MemoryError)


def _identify(file):
    file.seek(0)
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        raise PictureError(_what_it_is(file.read(512))) from None


def _what_it_is(start):
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page (HTML), not a picture"
    if text.startswith(b"<"):
        return "an XML or SVG file, not a picture of pixels"
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            return f"damaged: begins like a {kind}, but its header is broken"
    return f"not a PNG, JPEG, WebP, BMP or GIF picture (begins with {start[:8].hex(' ')})"
