"""Files that hold a small classifier: plain arrays, JSON and their SHA-256, nothing to execute."""

import hashlib
import io
import json
import os
import pathlib
import zipfile
import zlib

import numpy as np

from genkeras.metrics.features.errors import FeatureError

FORMAT_VERSION = 1
_META = "meta"
_DIGEST = "sha256"
# Far above any classifier of this kind; below what would fill the memory of a small machine.
MAX_BYTES = 1 << 28
# What the metadata must hold, and of which type.
META_TYPES = {
    "format_version": int,
    "dataset": str,
    "class_names": list,
    "image_shape": list,
    "width": int,
    "test_accuracy": float,
    "num_test": int,
    "epochs": int,
    "command": str,
    "versions": dict,
    "data_fingerprint": str,
}


def to_bytes(arrays, meta):
    """Packs a classifier.

    Args:
        arrays: Dict of weight arrays by name.
        meta: Dict with the keys of `META_TYPES`, `format_version` aside.

    Returns:
        Bytes of an `.npz` file; equal for equal contents.
    """
    text = json.dumps({"format_version": FORMAT_VERSION, **meta}, ensure_ascii=False)
    content = {**arrays, _META: np.frombuffer(text.encode(), np.uint8)}
    checksum = np.frombuffer(bytes.fromhex(_digest(content)), np.uint8)
    file = io.BytesIO()
    np.savez(file, **content, **{_DIGEST: checksum})
    return file.getvalue()


def read(path):
    """Reads and checks a classifier.

    Args:
        path: Path of a file, or a resource of a package.

    Returns:
        Triple of the dict of weight arrays, the metadata, and the SHA-256 of both.

    Raises:
        FeatureError: Naming the file, if it is missing, damaged or of another kind.
    """
    if isinstance(path, str | os.PathLike):
        path = pathlib.Path(path).expanduser()
    content = _read_arrays(path)
    stored = content.pop(_DIGEST, None)
    if stored is None or _META not in content:
        raise _foreign(path, f"it has no {_META if stored is not None else _DIGEST}")
    digest = _digest(content)
    if stored.tobytes().hex() != digest:
        raise _damaged(path, "its SHA-256 does not match")
    meta = _checked_meta(path, content.pop(_META))
    return content, meta, digest


def _read_arrays(path):
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FeatureError(
            f"{path}: the classifier cannot be read ({error.strerror or error}). Expected a file "
            "made by `python -m apps.train_classifier`."
        ) from error
    if not data.startswith(b"PK"):
        raise _foreign(path, "it is no .npz archive")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise _foreign(path, f"it unpacks to {size:,} bytes; at most {MAX_BYTES:,} are read")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except FeatureError:
        raise
    # What zipfile, zlib and NumPy raise for bytes that are not as promised.
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
    ) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    if not all(isinstance(array, np.ndarray) for array in content.values()):
        raise _foreign(path, "it holds other things than arrays")
    return content


def _checked_meta(path, array):
    try:
        meta = json.loads(array.tobytes())
    except ValueError as error:
        raise _foreign(path, "its metadata is no JSON") from error
    version = meta.get("format_version") if isinstance(meta, dict) else None
    if version != FORMAT_VERSION:
        raise _foreign(path, f"its format version is {version!r}, not {FORMAT_VERSION}")
    for key, kind in META_TYPES.items():
        if not isinstance(meta.get(key), kind):
            raise _foreign(
                path, f"its metadata {key!r} is {meta.get(key)!r}, not a {kind.__name__}"
            )
    shape = meta["image_shape"]
    whole = len(shape) == 3 and all(isinstance(size, int) and 0 < size <= 4096 for size in shape)
    if not whole or shape[2] not in (1, 3):
        raise _foreign(path, f"its image shape is {shape}, not [height, width, 1 or 3]")
    if len(meta["class_names"]) < 2 or not 0 < meta["width"] <= 1024:
        raise _foreign(
            path, f"it has {len(meta['class_names'])} classes and a width of {meta['width']}"
        )
    return meta


def _digest(arrays):
    """SHA-256 over names, types, shapes and bytes."""
    result = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        result.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


def _damaged(path, what):
    return FeatureError(
        f"{path} is damaged: {what}. Get the file again, or make it anew with "
        "`python -m apps.train_classifier`."
    )


def _foreign(path, what):
    return FeatureError(
        f"{path} is no classifier of genkeras: {what}. Expected a file made by "
        "`python -m apps.train_classifier`."
    )
