"""Features of a data set's pictures on disk, for networks that take minutes over them."""

import hashlib
import io
import json
import logging
import pathlib

import numpy as np

from genkeras import atomic
from genkeras.data.cache import default_cache_dir
from genkeras.metrics.features import Extraction
from genkeras.training.state import UNREADABLE

FORMAT = 1
_log = logging.getLogger("genkeras")


def cached(extractor, images, extract, cache_dir=None):
    """Returns the `Extraction` of pictures, from the cache where it is there.

    The key is the SHA-256 of the pixels and the extractor's `identity`; an extractor without
    one is never cached. What cannot be written is not cached, and said once in the log.

    Args:
        extractor: `Extractor`.
        images: uint8 array `(num_images, height, width, channels)`.
        extract: Function without arguments that computes the `Extraction`.
        cache_dir: Path of the cache's folder. Defaults to that of decoded pictures.
    """
    if extractor.identity is None:
        return extract()
    folder = pathlib.Path(cache_dir).expanduser() if cache_dir else default_cache_dir()
    path = folder / f"features-{extractor.kind}-{_key(extractor, images)}.npz"
    try:
        return _read(path, len(images))
    except FileNotFoundError:
        pass
    except UNREADABLE as error:
        _log.warning("The cache %s is damaged (%s): making it again.", path, error)
    extraction = extract()
    arrays = {"features": extraction.features}
    if extraction.probabilities is not None:
        arrays["probabilities"] = extraction.probabilities
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, buffer.getvalue())
    except OSError as error:
        _log.warning("The features are not cached: %s.", error)
    return extraction


def _key(extractor, images):
    digest = hashlib.sha256(
        json.dumps([FORMAT, extractor.tag, extractor.identity, images.shape]).encode()
    )
    for image in images:
        digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()[:32]


def _read(path, num_images):
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    for rows in found.values():
        if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != num_images:
            raise ValueError(f"an array {rows.dtype}{rows.shape}")
    return Extraction(found["features"], found.get("probabilities"))
