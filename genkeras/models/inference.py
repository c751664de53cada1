"""A function of tensors applied to many rows, a chunk at a time, by one worker or by several."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class _Sharing:
    index: int
    count: int
    exchange: Callable[[np.ndarray], np.ndarray]


_sharing = contextvars.ContextVar("sharing", default=None)


@contextlib.contextmanager
def shared(index, count, exchange):
    """Divides all that is done in chunks among workers, each of which runs the same block.

    Chunks are those of one worker alone, so the results are the same numbers.

    Args:
        index: Integer. The number of this worker, from 0.
        count: Integer. How many workers there are.
        exchange: Function of this worker's rows, an array `(num_rows, ...)`, that returns the
            rows of all workers, in the order of their numbers.
    """
    token = _sharing.set(_Sharing(index, count, exchange) if count > 1 else None)
    try:
        yield
    finally:
        _sharing.reset(token)


def alone():
    """Context in which nothing is divided: for what not all workers may have to do."""
    return shared(0, 1, None)


def own_chunks(starts):
    """Returns those of the chunks, a range of their first rows, that this worker computes."""
    sharing = _sharing.get()
    if not _is_divided(sharing, starts):
        return starts
    first = len(starts) * sharing.index // sharing.count
    return starts[first : len(starts) * (sharing.index + 1) // sharing.count]


def all_rows(own_rows, starts):
    """Returns the rows of all chunks; `own_rows` are those of `own_chunks(starts)`."""
    sharing = _sharing.get()
    return sharing.exchange(own_rows) if _is_divided(sharing, starts) else own_rows


def in_chunks(function, *arrays, chunk_size=256):
    """Applies `function` to consecutive rows of `arrays`, with bounded memory.

    Args:
        function: Function of tensors that treats rows independently.
        *arrays: Arrays or tensors of equal length `(num_rows, ...)`.
        chunk_size: Integer. Rows per call.

    Returns:
        Array `(num_rows, ...)`: the results, concatenated.
    """
    starts = range(0, len(arrays[0]), chunk_size)
    chunks = [
        np.asarray(function(*(array[start : start + chunk_size] for array in arrays)))
        for start in own_chunks(starts)
    ]
    return all_rows(np.concatenate(chunks), starts)


def _is_divided(sharing, starts):
    # Rows of none have no shape to tell.
    return sharing is not None and len(starts) >= sharing.count
