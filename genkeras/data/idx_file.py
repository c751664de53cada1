"""IDX files.

The format: two zero bytes, a type code, the number of dimensions, each dimension as a
big-endian 32-bit number, then the values (http://yann.lecun.com/exdb/mnist/).
"""

import contextlib
import gzip
import hashlib
import math
import os
import pathlib
import struct
import zlib

import numpy as np

from genkeras.data.dataset import DataError

UNSIGNED_BYTE = 0x08
# Twenty times the largest file of MNIST: more would be a damaged header, or a trap.
MAX_BYTES = 1 << 30
# Deflate cannot pack more than about 1032 bytes into one, so a header that promises more than
# this many bytes per packed byte lies.
MAX_DEFLATE_RATIO = 1040
CHUNK = 1 << 20


def read_shape(path, num_dimensions):
    """Reads the header of an IDX file; arguments and errors as for `read_idx`.

    Returns:
        Tuple of integers.
    """
    path = pathlib.Path(path)
    with _opened(path) as (stream, limits):
        return _read_header(path, stream, num_dimensions, **limits)[1]


def read_idx(path, num_dimensions):
    """Reads one IDX file of unsigned bytes, plain or gzip-packed.

    Nothing is allocated before the header was held against the size of the file, and no more
    is unpacked than the header promises.

    Args:
        path: Path; packed files are told by their first bytes, not by their name.
        num_dimensions: Number of dimensions expected.

    Returns:
        Pair of a read-only uint8 array and the hexadecimal MD5 of the unpacked file.

    Raises:
        DataError: If the file is not a sound IDX file of that kind, or larger than memory.
    """
    path = pathlib.Path(path)
    with _opened(path) as (stream, limits):
        header, shape = _read_header(path, stream, num_dimensions, **limits)
        data = _read_data(path, stream, math.prod(shape))
    digest = hashlib.md5(header, usedforsecurity=False)
    digest.update(data)
    array = np.frombuffer(data, np.uint8).reshape(shape)
    array.flags.writeable = False
    return array, digest.hexdigest()


@contextlib.contextmanager
def _opened(path):
    """Yields a stream of the unpacked file, and what its size allows as a dict.

    Raises:
        DataError: If it cannot be read or unpacked in the block.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=file) as stream:
                    yield stream, {"most": size * MAX_DEFLATE_RATIO}
            else:
                yield file, {"exact_size": size}
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"its gzip data does not unpack ({error})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise DataError(f"{path} holds more than there is memory for.") from error


def _read_header(path, stream, num_dimensions, exact_size=None, most=MAX_BYTES):
    """Returns the header's bytes and the shape it promises, which the file's size allows."""
    header = stream.read(4 + 4 * num_dimensions)
    if len(header) < 4 + 4 * num_dimensions:
        raise _damaged(path, f"it ends within its header, after {len(header)} bytes")
    zeros, kind, dimensions = struct.unpack(">HBB", header[:4])
    if zeros != 0 or kind != UNSIGNED_BYTE or dimensions != num_dimensions:
        raise DataError(
            f"{path}: begins with {header[:4].hex()}, but an IDX file of bytes with "
            f"{num_dimensions} dimension(s) begins with 000008{num_dimensions:02x}. "
            "It is another kind of file, or damaged: get it again."
        )
    shape = struct.unpack(f">{num_dimensions}I", header[4:])
    size = math.prod(shape)
    if size == 0:
        raise _damaged(path, f"its header promises an empty array {shape}")
    if exact_size is not None and exact_size != len(header) + size:
        raise _damaged(
            path,
            f"its header promises {shape}, a file of {len(header) + size:,} bytes, "
            f"but it has {exact_size:,}",
        )
    if size > most:
        raise _damaged(path, f"its header promises {size:,} bytes, more than it can hold")
    if size > MAX_BYTES:
        raise DataError(
            f"{path} holds {size:,} bytes by its header; at most {MAX_BYTES:,} are read. It is "
            "another kind of file, or damaged: get it again."
        )
    return header, shape


def _read_data(path, stream, size):
    data = bytearray()
    while len(data) < size:
        chunk = stream.read(min(CHUNK, size - len(data)))
        if not chunk:
            raise _damaged(
                path, f"its header promises {size:,} bytes of data, but it has {len(data):,}"
            )
        data += chunk
    # Reading past the end is also what makes gzip compare its checksum.
    if stream.read(1):
        raise _damaged(path, f"it goes on after the {size:,} bytes its header promises")
    return data


def _damaged(path, what):
    return DataError(f"{path} is damaged: {what}. Get the file again.")
