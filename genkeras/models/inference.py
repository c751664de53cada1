"""A function of tensors applied to many rows, a chunk at a time."""

import numpy as np


def in_chunks(function, *arrays, chunk_size=256):
    """Applies `function` to consecutive rows of `arrays`, with bounded memory.

    Args:
        function: Function of tensors that treats rows independently.
        *arrays: Arrays or tensors of equal length `(num_rows, ...)`.
        chunk_size: Integer. Rows per call.

    Returns:
        Array `(num_rows, ...)`: the results, concatenated.
    """
    num_rows = len(arrays[0])
    chunks = [
        np.asarray(function(*(array[start : start + chunk_size] for array in arrays)))
        for start in range(0, num_rows, chunk_size)
    ]
    return np.concatenate(chunks)
