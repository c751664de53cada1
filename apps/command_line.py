"""How a command line is read.

Every app has flag values of its own, so that importing two apps in one process (tests,
`apps.compare`) mixes nothing.
"""

import math
import re
import sys

from absl import flags as absl_flags

from apps import flags

# What stands behind a boolean flag as its value; of these absl knows the first six.
_TRUE_FALSE = {"true", "t", "1", "false", "f", "0", "yes", "y", "no", "n"}
_EXPECTED = {"integer": "a whole number", "float": "a number", "boolean": "true or false"}


def _define_all(flag_values, definitions):
    """Defines flags and their aliases."""
    for name, flag in definitions.items():
        _define(flag_values, name, flag, flag.help, flag.default)
        for alias in flag.aliases:
            _define(flag_values, alias, flag, f"The same as --{name}.", None)


def parse(argv, description, *groups):
    """Reads a command line.

    Args:
        argv: List of words after the program's name.
        description: String. First lines of `--help`.
        *groups: Dicts of name to `flags.Flag`, such as `flags.DATA`.

    Returns:
        Dict of every flag's canonical name to its value, `None` where nothing was given.

    Raises:
        flags.UsageError: If a word is not UTF-8, a flag is unknown, a value is out of range or
            empty, two aliases contradict each other, or words are left over.
        SystemExit: After `--help` has been printed.
    """
    flag_values = absl_flags.FlagValues()
    for group in groups:
        _define_all(flag_values, group)
    definitions = {name: flag for group in groups for name, flag in group.items()}
    for word in argv:
        flags.check_text(word, "The command line")
    if any(word in ("--help", "-help", "-h", "--helpfull") for word in argv):
        print(description.strip(), "\n\nflags:", _help_text(definitions), sep="\n")
        raise SystemExit(0)
    try:
        rest = flag_values([sys.argv[0], *_join_booleans(argv, definitions)])[1:]
    except (absl_flags.Error, ValueError) as error:  # absl raises both.
        raise flags.UsageError(_told(error, definitions)) from error
    if rest:
        raise flags.UsageError(
            f"Did not understand {' '.join(map(repr, rest))}: flags are written --name=value."
        )
    return {name: _value(flag_values, name, flag) for name, flag in definitions.items()}


def _define(flag_values, name, flag, text, default):
    shared = {"flag_values": flag_values}
    if flag.kind == "integer":
        absl_flags.DEFINE_integer(
            name, default, text, lower_bound=flag.minimum, upper_bound=flag.maximum, **shared
        )
    elif flag.kind == "float":
        absl_flags.DEFINE_float(
            name, default, text, lower_bound=flag.minimum, upper_bound=flag.maximum, **shared
        )
    elif flag.kind == "boolean":
        absl_flags.DEFINE_boolean(name, default, text, **shared)
    elif flag.kind == "enum":
        absl_flags.DEFINE_enum(name, default, list(flag.values), text, **shared)
    elif flag.kind == "list":
        absl_flags.DEFINE_list(name, default, text, **shared)
    else:
        absl_flags.DEFINE_string(name, default, text, **shared)


def _join_booleans(argv, definitions):
    """Turns `--crop False` into `--crop=False`; absl alone would leave a stray word."""
    booleans = {
        dashes + spelling
        for name, flag in definitions.items()
        if flag.kind == "boolean"
        for spelling in (name, *flag.aliases)
        for dashes in ("-", "--")
    }
    joined = []
    for word in argv:
        if joined and joined[-1] in booleans and word.lower() in _TRUE_FALSE:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _value(flag_values, name, flag):
    """Returns the value given under any of a flag's names; absl would take the last one."""
    found = {
        spelling: flag_values[spelling].value
        for spelling in (name, *flag.aliases)
        if flag_values[spelling].present
    }
    if len(set(map(repr, found.values()))) > 1:
        words = " and ".join(f"--{spelling}={value}" for spelling, value in found.items())
        raise flags.UsageError(
            f"{words} are the same flag with different values; give one of them."
        )
    value = next(iter(found.values()), flag_values[name].value)
    if flag.kind == "float" and value is not None and not math.isfinite(value):
        raise flags.UsageError(f"--{next(iter(found))}={value}: expected a finite number.")
    if found and flag.kind in ("string", "path", "list") and not "".join(value).strip():
        # As of a variable of the shell that is not set: what would be done is not what was meant.
        raise flags.UsageError(
            f"--{next(iter(found))}= is empty: give it a value, or leave it out."
        )
    if flag.kind == "path" and found:
        # The trailing slash that marks a folder stays.
        value = str(flags.expanded(value, f"--{next(iter(found))}")) + "/" * value.endswith("/")
    return value


def _told(error, definitions):
    """Returns what absl says of a command line; of a number or a boolean what was expected."""
    text, reason = str(error), f": {error.__context__}"
    found = re.match(r"flag --(\w+)=", text)
    if isinstance(error, absl_flags.IllegalFlagValueError) and found and text.endswith(reason):
        for name, flag in definitions.items():
            if found[1] in (name, *flag.aliases) and flag.kind in _EXPECTED:
                value = text[found.end() : -len(reason)]
                return f"--{found[1]}={value}: expected {_expected(flag)}."
    return text


def _expected(flag):
    bounds = (("at least", flag.minimum), ("at most", flag.maximum))
    told = [f"{word} {bound}" for word, bound in bounds if bound is not None]
    return ", ".join([_EXPECTED[flag.kind], *told])


def _help_text(definitions):
    lines = []
    for name, flag in definitions.items():
        names = ", ".join(f"--{spelling}" for spelling in (name, *flag.aliases))
        values = f" One of: {', '.join(flag.values)}." if flag.values else ""
        lines.append(f"  {names}\n      {flag.help}{values}")
    return "\n".join(lines)
