"""What the values of a `config.json` may be: files are edited by hand."""

import dataclasses
import math

from genkeras import registry
from genkeras.data.dataset import DataOptions
from genkeras.training.errors import RunError

# A slip of the keyboard must not ask for an array of terabytes: widths of layers and latents
# are counted in thousands at most.
MAX_SIZE = 65_536
MAX_SEED = 2**63 - 1
_DATA_TYPES = {
    # A whole number is as good as a float.
    field.name: (int | float) if field.type is float else field.type
    for field in dataclasses.fields(DataOptions)
}


def check(content, path):
    """Checks the values of a configuration, one by one.

    Args:
        content: Dict with the fields of `Config`.
        path: Path of the file they are from, for the message.

    Raises:
        RunError: Naming the first value that is impossible.
    """
    for name, (is_right, expected) in _EXPECTED.items():
        if not is_right(content[name]):
            raise RunError(f"{path} has {name}={content[name]!r}; expected {expected}.")


def check_sizes(options):
    """Checks that the options of a model ask for a size that a computer may have.

    Args:
        options: Dict of options.

    Raises:
        RunError: Naming the first that does not.
    """
    for name, value in options.items():
        if _is_whole(value) and not -MAX_SIZE <= value <= MAX_SIZE:
            raise RunError(f"{name}={value} is too large: at most {MAX_SIZE:,} is supported.")


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value):
    return _is_whole(value) and value >= 1


def _is_option(value):
    # JSON as Python reads it has NaN and Infinity.
    is_number = _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
    return value is None or isinstance(value, bool | str) or is_number


def _is_data(value):
    return isinstance(value, dict) and all(
        name in _DATA_TYPES and isinstance(each, _DATA_TYPES[name]) for name, each in value.items()
    )


# What a hand that edits `config.json` may get wrong: a test of the value, and its wording.
_EXPECTED = {
    "model": (lambda value: value in list(registry.MODELS), f"one of {', '.join(registry.MODELS)}"),
    "dataset": (lambda value: isinstance(value, str), "the name of a data set"),
    "data": (
        _is_data,
        f"an object with keys among {', '.join(_DATA_TYPES)}, and values of their kinds",
    ),
    "image_shape": (
        lambda value: (
            isinstance(value, list)
            and len(value) == 3
            and all(_is_count(size) and size <= 4096 for size in value)
        ),
        "[height, width, channels], each from 1 to 4096",
    ),
    "class_names": (
        lambda value: (
            value is None
            or (isinstance(value, list) and value and all(isinstance(each, str) for each in value))
        ),
        "a list of strings, or null",
    ),
    "options": (
        lambda value: (
            isinstance(value, dict)
            and _is_count(value.get("batch_size"))
            and all(map(_is_option, value.values()))
        ),
        "an object of finite numbers, words, truth values and null, its batch_size at least 1",
    ),
    "epochs": (_is_count, "a whole number from 1"),
    "seed": (
        lambda value: _is_whole(value) and 0 <= value <= MAX_SEED,
        f"a whole number from 0 to {MAX_SEED}",
    ),
    "data_facts": (
        lambda value: (
            isinstance(value, dict)
            and isinstance(value.get("fingerprint"), str)
            and isinstance(value.get("default_sizes"), dict)
        ),
        "an object with a fingerprint and default_sizes",
    ),
}
