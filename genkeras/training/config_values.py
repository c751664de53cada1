"""What the values of a `config.json` may be: files are edited by hand."""

import dataclasses
import math

from genkeras import registry
from genkeras.data.dataset import DataError, DataOptions
from genkeras.training.errors import RunError

# A slip of the keyboard must not ask for an array of terabytes: widths of layers and latents
# are counted in thousands at most.
MAX_SIZE = 65_536
MAX_SEED = 2**63 - 1
# What float32 can hold.
MAX_FLOAT = 3e38
# Numbers are never negative; of these, some make no sense at 0 and some from 1 on.
_POSITIVE = ("learning_rate", "discriminator_learning_rate", "clip_value", "prior_scale")
_BELOW_ONE = ("beta_1", "beta_2", "ema_decay", "dropout_rate")
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
    try:
        DataOptions(**content["data"])
    except DataError as error:
        raise RunError(f"{path} has in its data what no flag may be: {error}") from error


def check_options(model, options, owner):
    """Checks that the options of a model are of the kinds of their defaults.

    Args:
        model: String. A key of `registry.MODELS`.
        options: Dict of options.
        owner: What has them, for the message: a path, or the model.

    Raises:
        RunError: Naming the first that is unknown, or of another kind.
    """
    recipe = registry.recipe(model)
    try:
        recipe.complete(options)
    except ValueError as error:
        raise RunError(f"{owner} does not fit: {error}") from error
    tables = [recipe.complete({}), *(recipe.variants[1].values() if recipe.variants else ())]
    for name, value in options.items():
        kinds = [_kind(table[name]) for table in tables if name in table]
        if kinds and not any(is_right(value) for is_right, _ in kinds):
            expected = " or ".join(dict.fromkeys(wording for _, wording in kinds))
            raise RunError(f"{owner} has {name}={value!r}; expected {expected}.")
        if kinds and _is_number(value) and not _is_in_range(name, value):
            bounds = " above 0" if name in _POSITIVE else " from 0"
            bounds += ", below 1" if name in _BELOW_ONE else ""
            raise RunError(f"{owner} has {name}={value!r}; expected a number{bounds}.")


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


def _is_in_range(name, value):
    return (value > 0 if name in _POSITIVE else value >= 0) and (
        value < 1 or name not in _BELOW_ONE
    )


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value):
    return _is_whole(value) and value >= 1


def _is_number(value):
    # JSON as Python reads it has NaN and Infinity.
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_option(value):
    return value is None or isinstance(value, bool | str) or _is_number(value)


def _kind(default):
    """Returns a test for values like a default, and its wording."""
    if isinstance(default, bool):
        return (lambda value: isinstance(value, bool)), "true or false"
    if isinstance(default, int):
        return _is_count, "a whole number from 1"
    if isinstance(default, float):
        return _is_single, "a number that 32 bits can hold"
    if isinstance(default, str):
        return (lambda value: isinstance(value, str)), "a word"
    # Sizes and rates that are made of other options.
    return (lambda value: value is None or _is_single(value)), "a number or null"


def _is_single(value):
    return _is_number(value) and abs(value) <= MAX_FLOAT


def _is_data(value):
    return isinstance(value, dict) and all(
        name in _DATA_TYPES
        and isinstance(each, _DATA_TYPES[name])
        # To Python, true is a whole number.
        and (_DATA_TYPES[name] is bool or not isinstance(each, bool))
        for name, each in value.items()
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
