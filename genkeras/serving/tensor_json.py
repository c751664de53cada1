"""Lists of numbers from a client -> an array of the right type and shape, or a clear refusal."""

import base64
import binascii
import itertools

import numpy as np

KINDS = {
    bool: "true or false",
    dict: "an object",
    float: "a number with a point",
    int: "an integer",
    list: "a list",
    str: "a text",
    type(None): "null",
}


class RequestError(Exception):
    """A request cannot be answered; the message goes to the client.

    Args:
        message: String.
        status: Integer. Of HTTP.
        headers: Dict of those that the answer needs, or `None`.
    """

    def __init__(self, message, status=400, headers=None):
        super().__init__(message)
        self.status, self.headers = status, headers


def to_array(name, column, spec):
    """Converts the rows of an input.

    Level by level, so that every list is known to have the right length, and every number the
    right type, before NumPy sees them: it would take `true` for 1, and 1.5 for 1.

    Args:
        name: String, for messages.
        column: List of rows.
        spec: `TensorFacts`.

    Returns:
        Array `(len(column), *spec.shape)` of `spec.dtype`.

    Raises:
        RequestError: If a list has another length, or a value another type or range.
    """
    leaves = column
    for size in spec.shape:
        for kind in set(map(type, leaves)) - {list}:
            raise RequestError(
                f"{name} holds {KINDS[kind]} where a list of {size} was expected: each row has "
                f"shape {list(spec.shape)}"
            )
        for length in set(map(len, leaves)) - {size}:
            raise RequestError(
                f"{name} holds a list of {length} where one of {size} was expected: each row has "
                f"shape {list(spec.shape)}"
            )
        leaves = list(itertools.chain.from_iterable(leaves))
    flat = _CONVERSIONS[spec.dtype.kind](name, leaves, spec.dtype)
    return flat.reshape(len(column), *spec.shape)


def _integers(name, leaves, dtype):
    limits = np.iinfo(dtype)
    out_of_range = RequestError(
        f"{name} holds a number out of range: expected {limits.min} to {limits.max}"
    )
    # Integers that do not fit in 64 bits come from the parser as floats.
    if any(type(leaf) is float and abs(leaf) >= 2**63 for leaf in leaves):
        raise out_of_range
    _check_types(name, leaves, {int}, "integers")
    try:
        return np.array(leaves, dtype)
    except OverflowError as error:
        raise out_of_range from error


def _floats(name, leaves, dtype):
    _check_types(name, leaves, {int, float}, "numbers")
    array = np.array(leaves, np.float64)
    # Written so that NaN fails too.
    if not (np.abs(array) <= np.finfo(dtype).max).all():
        raise RequestError(f"{name} holds a number too large for {dtype}: expected finite ones")
    return array.astype(dtype)


def _bytes(name, leaves, dtype):
    array = np.empty(len(leaves), object)
    for index, leaf in enumerate(leaves):
        try:
            if isinstance(leaf, str):
                array[index] = leaf.encode()
            else:
                (array[index],) = (base64.b64decode(leaf["b64"], validate=True),)
        except (TypeError, KeyError, ValueError, binascii.Error) as error:
            raise RequestError(
                f'{name} holds something else than a text or {{"b64": "..."}}'
            ) from error
    return array


_CONVERSIONS = {"u": _integers, "i": _integers, "f": _floats, "O": _bytes}


def _check_types(name, leaves, types, expected):
    for kind in set(map(type, leaves)) - types:
        raise RequestError(f"{name} holds {KINDS[kind]}: expected {expected}")
