"""Where the file of the 2015 Inception graph comes from: the cache, or a download.

The graph is public as a member of the archive at `URL`. What `SHA256` rests on: no checksum is
published beside the archive. `SHA256` is what users of the copy that OpenAI's
`guided-diffusion` evaluator downloads
(`diffusion/jul-2021/ref_batches/classify_image_graph_def.pb`) recorded in three public
repositories, two of them with the size, 95,673,916 bytes, which is also the size listed for
the archive's member when it was new. It was not computed from a download of ours. Should the
archive hold another file after all, the download is refused with the checksum that was found,
and `--inception_graph=FILE` takes that file under a name of its own.
"""

import hashlib
import logging
import os
import pathlib
import tarfile
import urllib.request
import zlib
from http.client import HTTPException

from genkeras import atomic
from genkeras.metrics.features.errors import FeatureError, first_line

logger = logging.getLogger("genkeras")

URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
FILE_NAME = "classify_image_graph_def.pb"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
NUM_BYTES = 95_673_916
TIMEOUT_SECONDS = 30.0
CHUNK_BYTES = 1 << 20


def published_graph(cache_dir=None):
    """The published graph, downloaded when it is used for the first time.

    Args:
        cache_dir: Folder of the cache; the file lies in `features/` below it. Defaults to
            `$XDG_CACHE_HOME/genkeras`, or `~/.cache/genkeras`.

    Returns:
        Bytes whose SHA-256 is `SHA256`.

    Raises:
        FeatureError: If it cannot be downloaded or stored, or is another file.
    """
    path = _cache_dir(cache_dir) / "features" / FILE_NAME
    data = _read(path) if path.exists() else None
    if data is not None and sha256(data) != SHA256:
        logger.warning("%s is not the published graph: it is downloaded again.", path)
        data = None
    if data is None:
        _download(path)
        data = _read(path)
    return data


def custom_graph(path):
    """The bytes of a user's own file.

    Args:
        path: Path of the file.

    Raises:
        FeatureError: If it cannot be read.
    """
    return _read(pathlib.Path(path).expanduser())


def sha256(data):
    """SHA-256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _cache_dir(cache_dir):
    if cache_dir is not None:
        return pathlib.Path(cache_dir).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (pathlib.Path(base) if base else pathlib.Path.home() / ".cache") / "genkeras"


def _read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise FeatureError(
            f"The Inception graph {path} cannot be read: {error.strerror or error}."
        ) from error


def _download(path):
    logger.info("Downloading the 2015 Inception graph (89 MB) from %s", URL)
    try:
        with atomic.replacing(path) as file:
            _fill(file, path)
    except OSError as error:
        raise FeatureError(
            f"The 2015 Inception graph cannot be stored in {path.parent}: "
            f"{error.strerror or error}. Name a folder with room with --cache_dir."
        ) from error


def _fill(file, path):
    try:
        found = _copy_member(file)
    # No network, no such file, an archive cut short or of another kind.
    except (OSError, HTTPException, EOFError, zlib.error, tarfile.TarError) as error:
        raise _refused(path, f"cannot be downloaded: {first_line(error)}") from error
    if found is None:
        raise _refused(path, f"is not in the archive: no file {FILE_NAME}")
    if found != SHA256:
        raise _refused(path, f"is another file there: SHA-256 {found}, not {SHA256}")


def _copy_member(file):
    """Copies the graph out of the archive while that arrives; returns its SHA-256."""
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as response,
        tarfile.open(fileobj=response, mode="r|gz") as archive,
    ):
        for member in archive:
            # By its last name and as bytes: nothing is unpacked to where the archive says.
            if pathlib.PurePosixPath(member.name).name != FILE_NAME or not member.isfile():
                continue
            if member.size != NUM_BYTES:
                raise tarfile.ReadError(f"{FILE_NAME} has {member.size:,} bytes, not {NUM_BYTES:,}")
            source = archive.extractfile(member)
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
            return digest.hexdigest()
    return None


def _refused(path, reason):
    return FeatureError(
        f"The 2015 Inception graph {reason} ({URL}). Unpack {FILE_NAME} from that archive on a "
        f"machine with a network and put it at {path}, or name it with --inception_graph=FILE; "
        "or take other features: --features=keras_inception or --features=classifier."
    )
