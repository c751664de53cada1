"""Decoded pictures on disk, as rows of uint8 that are mapped into memory.

One folder per key, which holds `images.u8`, the rows one after another, and `meta.json`.
A folder is filled under another name and renamed when it is whole, so that a reader, another
writer or a killed program never meets half of one.

The folder of the cache may be one of the user's, such as his home. What is removed there: a
damaged folder of a key, after a day what a killed program left, and lock files named
`.genkeras-*.lock`. Folders are known by their names, and stay if they hold any file that this
module does not write.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import pathlib
import re
import secrets
import shutil
import time

import numpy as np

from genkeras import atomic
from genkeras.data.dataset import DataError

try:
    import fcntl
except ImportError:  # Windows: the rename alone still keeps folders whole.
    fcntl = None

logger = logging.getLogger("genkeras")

FORMAT = 3
IMAGES, GREY, META = "images.u8", "grey.u8", "meta.json"
LOCK = ".genkeras.lock"
# The names that `_temporary_folder` and `_publish` give, and the files that may lie there.
_TEMPORARY = re.compile(r"\.tmp-.+-[0-9a-f]{16}-[0-9a-f]{8}(-damaged)?")
_WRITTEN = re.compile(r"images\.u8|grey\.u8|meta\.json|\.meta\.json\.[0-9a-f]{8}\.tmp")
ABANDONED_AFTER_SECONDS = 24 * 3600
CHUNK_ROWS = 256
# Files that this process has read through: path, inode, size, time of the last change.
_verified = set()


def default_cache_dir():
    """`$XDG_CACHE_HOME/genkeras`, or `~/.cache/genkeras`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (pathlib.Path(base) if base else pathlib.Path.home() / ".cache") / "genkeras"


def open_or_build(cache_dir, name, key, build):
    """Opens the rows stored under a key, or has them made.

    Args:
        cache_dir: Folder of the cache, or `None` for the default.
        name: String that begins the folder's name, for people.
        key: JSON-able dictionary of all that the rows depend on.
        build: Function of a `RowWriter` that appends all rows and returns a JSON-able
            dictionary, which is kept beside them. Not called when the rows are there.

    Returns:
        Pair of a read-only uint8 memory map `(num_rows, height, width, channels)` and the
        stored dictionary, with `sha256` of the rows in it, which they were checked against.

    Raises:
        DataError: If the folder cannot be written, or what `build` raises.
    """
    cache_dir = pathlib.Path(cache_dir).expanduser() if cache_dir else default_cache_dir()
    key = json.loads(json.dumps({"format": FORMAT, **key}))
    final = cache_dir / f"{name}-{_json_digest(key)[:16]}"
    existed = final.exists()
    found = _found(final, key)
    if found is None:
        # The workers of one training begin together, and need the same rows.
        with _one_builder(cache_dir, final.name) as waited:
            if waited or not existed:
                found = _found(final, key)
            if found is None:
                found = _build(cache_dir, final, key, build)
    return found


def _found(final, key):
    if not final.exists():
        return None
    try:
        return _open(final, key)
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("The cache %s is damaged (%s): making it again.", final, error)
        return None


def _build(cache_dir, final, key, build):
    with _temporary_folder(cache_dir, final.name) as temporary:
        with RowWriter(temporary) as writer:
            extra = json.loads(json.dumps(build(writer)))
        meta = {
            "key": key,
            "shape": [writer.num_rows, *writer.row_shape],
            "sha256": writer.sha256,
            "extra": extra,
            "extra_sha256": _json_digest(extra),
        }
        with _cannot_write(cache_dir):
            atomic.write_bytes(temporary / META, json.dumps(meta).encode())
            _publish(temporary, final, key)
    return _open(final, key)


class RowWriter:
    """Appends rows to the file of a cache.

    Args:
        folder: Folder to write in.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.row_shape = None
        self.num_rows = 0
        self._digest = hashlib.sha256()
        self._file = None

    @property
    def sha256(self):
        """SHA-256 of all rows so far."""
        return self._digest.hexdigest()

    def __enter__(self):
        with _cannot_write(self.folder.parent):
            self._file = open(self.folder / IMAGES, "wb")
        return self

    def __exit__(self, kind, *exception):
        with _cannot_write(self.folder.parent), contextlib.closing(self._file):
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())

    def start(self, num_rows, row_shape):
        """Says what will come, so that a disk too small is found at the beginning.

        Args:
            num_rows: Largest number of rows.
            row_shape: `(height, width, channels)`.

        Raises:
            DataError: If the disk has no room for them.
        """
        self.row_shape = tuple(int(size) for size in row_shape)
        needed = num_rows * math.prod(self.row_shape)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DataError(
                f"The decoded pictures need {needed / 1e9:.2f} GB in {self.folder.parent}, which "
                f"has {free / 1e9:.2f} GB free: name another folder with --cache_dir."
            )

    def append(self, rows):
        """Appends a uint8 array `(num_rows, height, width, channels)`."""
        if rows.dtype != np.uint8 or rows.shape[1:] != self.row_shape:
            raise ValueError(f"rows {rows.dtype}{rows.shape[1:]}, not uint8{self.row_shape}")
        data = np.ascontiguousarray(rows).data
        with _cannot_write(self.folder.parent):
            self._file.write(data)
        self._digest.update(data)
        self.num_rows += len(rows)

    def keep_first_channel(self):
        """Makes grey rows of colour rows whose channels are equal."""
        images, grey = self.folder / IMAGES, self.folder / GREY
        digest = hashlib.sha256()
        with _cannot_write(self.folder.parent):
            self._file.flush()
            rows = np.memmap(images, np.uint8, "r", shape=(self.num_rows, *self.row_shape))
            with open(grey, "wb") as file:
                for first in range(0, len(rows), CHUNK_ROWS):
                    data = np.ascontiguousarray(rows[first : first + CHUNK_ROWS, ..., :1]).data
                    file.write(data)
                    digest.update(data)
            del rows
            self._file.close()
            os.replace(grey, images)
            self._file = open(images, "ab")  # noqa: SIM115
        self.row_shape, self._digest = (*self.row_shape[:2], 1), digest


def _open(folder, key):
    meta = json.loads((folder / META).read_text())
    if meta["key"] != key:
        raise ValueError("it holds another key")
    if _json_digest(meta["extra"]) != meta["extra_sha256"]:
        raise ValueError(f"the SHA-256 of what {META} holds does not match")
    shape = tuple(meta["shape"])
    size = (folder / IMAGES).stat().st_size
    if size != math.prod(shape) or len(shape) != 4:
        raise ValueError(f"{IMAGES} has {size:,} bytes, not those of {shape}")
    _verify(folder / IMAGES, meta["sha256"])
    images = np.memmap(folder / IMAGES, np.uint8, "r", shape=shape)
    return images, {**meta["extra"], "sha256": meta["sha256"]}


def _json_digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _verify(path, sha256):
    """Reads a file through, once per process: a flipped bit would be trained on unnoticed.

    A gigabyte takes about a second, and is then in memory, where training wants it anyway.
    """
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        version = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, sha256)
        if version in _verified:
            return
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ValueError(f"the SHA-256 of {IMAGES} does not match")
        _verified.add(version)


def _publish(temporary, final, key):
    with _locked(final.parent):
        if final.exists() and not _is_whole(final, key):
            # A damaged folder makes room. Whoever has it mapped keeps his pages.
            damaged = temporary.with_name(f"{temporary.name}-damaged")
            with contextlib.suppress(FileNotFoundError):  # Of two programs, one moves it.
                os.rename(final, damaged)
            _remove(damaged)
        try:
            os.rename(temporary, final)
        except OSError:
            # Another program was first, and what it wrote is as good.
            if not _is_whole(final, key):
                raise
        atomic.sync(final.parent)


def _is_whole(folder, key):
    try:
        _open(folder, key)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


@contextlib.contextmanager
def _temporary_folder(cache_dir, name):
    with _cannot_write(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache_dir)
        temporary = cache_dir / f".tmp-{name}-{secrets.token_hex(4)}"
        temporary.mkdir()
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove_abandoned(cache_dir):
    # A writer that lives appends to its file; one untouched for a day was killed.
    for folder in cache_dir.glob(".tmp-*"):
        if not _TEMPORARY.fullmatch(folder.name):
            continue
        with contextlib.suppress(OSError):
            times = [path.stat().st_mtime for path in (folder, *folder.iterdir())]
            if time.time() - max(times) > ABANDONED_AFTER_SECONDS:
                _remove(folder)


def _remove(folder):
    """Removes a folder with the files of a cache; one that holds anything else stays."""
    with contextlib.suppress(OSError):
        paths = list(folder.iterdir())
        if folder.is_symlink() or not all(_WRITTEN.fullmatch(path.name) for path in paths):
            return
        for path in paths:
            path.unlink()
        folder.rmdir()


@contextlib.contextmanager
def _one_builder(cache_dir, name):
    """Waits until no other program makes the same rows; yields whether one did."""
    if fcntl is None:
        yield False
        return
    with _cannot_write(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        path = cache_dir / f".genkeras-{name}.lock"
        file = open(path, "ab")  # noqa: SIM115
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waited = False
        except BlockingIOError:
            logger.info("Another program is decoding the same pictures: waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
            waited = True
        except OSError:  # A disk without locks: each for itself.
            waited = False
        try:
            yield waited
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def _locked(cache_dir):
    if fcntl is None:
        yield
        return
    # To append: opening empties no file, whoever wrote it.
    with open(cache_dir / LOCK, "ab") as file:
        with contextlib.suppress(OSError):  # A disk without locks.
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _cannot_write(cache_dir):
    try:
        yield
    except OSError as error:
        raise DataError(
            f"The cache for decoded pictures cannot be written in {cache_dir}: "
            f"{error.strerror or error}. Name a folder with room with --cache_dir."
        ) from error
