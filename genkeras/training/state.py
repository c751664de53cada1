"""All arrays of a training run in one checked file, written in one piece.

A state file is an `.npz` of plain arrays: no pickle, no code. Beside the arrays it holds
their SHA-256, so one flipped bit is noticed instead of trained on.
"""

import hashlib
import io
import itertools
import json
import logging
import re
import struct
import zipfile
import zlib

import numpy as np

from genkeras.atomic import replacing
from genkeras.training import host
from genkeras.training.errors import RunError, message

FORMAT_VERSION = 1
BEST = "best.npz"
# Not what somebody keeps under a name of their own, such as `state-before.npz`.
_NAME = re.compile(r"state-([0-9]{9,})\.npz")
# How often the states are listed, at most, while a training replaces them.
_MAX_LISTINGS = 10
_META = "meta"
_DIGEST = "sha256"
# What readers of files, archives and arrays raise when a disk or its bytes are bad; a changed
# bit may claim a password (RuntimeError), an array of terabytes (MemoryError) or another name
# (LookupError), and a single array under the name of an archive is none (TypeError).
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
_log = logging.getLogger("genkeras")


def collect(model):
    """Returns every number of a compiled model as a dict of arrays.

    Variables of the networks (moving statistics and the states of random generators
    included) and of the optimizers. Keys hold the position, since names in Keras depend
    on what else the process built before.
    """
    return {key: variable.numpy() for key, variable in _variables(model).items()}


def restore(model, arrays):
    """Assigns arrays from `collect` to a model of the same structure.

    All names, shapes and types are compared before the first assignment, so a failure
    leaves the model as it was.

    Args:
        model: Compiled model.
        arrays: Dict of arrays.

    Raises:
        RunError: If the arrays belong to another architecture.
    """
    variables = _variables(model)
    missing, unknown = sorted(variables.keys() - arrays), sorted(arrays.keys() - variables.keys())
    if missing or unknown:
        raise RunError(
            f"The state is of another model: it lacks {missing[:3]} and has {unknown[:3]} beside."
        )
    for key, variable in variables.items():
        if variable.shape != arrays[key].shape:
            raise RunError(
                f"The state is of another model: {key} has shape {arrays[key].shape}, "
                f"but this model's has {tuple(variable.shape)}."
            )
        if np.dtype(variable.dtype) != arrays[key].dtype:
            raise RunError(
                f"The state is of another model: {key} is {arrays[key].dtype}, "
                f"but this model's is {variable.dtype}."
            )
    for key, variable in variables.items():
        variable.assign(arrays[key])


def digest(arrays):
    """Returns the SHA-256 over names, types, shapes and bytes of a dict of arrays."""
    result = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        result.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        # `ascontiguousarray` turns a scalar into one row, hence after the shape.
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


def save(run_dir, step, arrays, meta, keep=2):
    """Writes `state-<step>.npz` and removes older ones, so that `keep` of them stay.

    States of later steps are not touched and not counted: they are damaged, or the run would
    have gone on from them.

    Args:
        run_dir: Path of the run directory.
        step: Integer. Training steps done.
        arrays: Dict from `collect`.
        meta: JSON-able dict stored with the arrays (history, epochs done).
        keep: Integer. How many states stay, this one included.
    """
    _save(run_dir / f"state-{step:09d}.npz", arrays, {"step": step, **meta})
    until_now = [path for number, path in _numbered(run_dir) if number <= step]
    for path in until_now[:-keep]:
        path.unlink()


def paths(run_dir):
    """Returns the paths of the states of a run, oldest first."""
    return [path for _, path in _numbered(run_dir)]


def save_best(run_dir, arrays, meta):
    """Writes `best.npz`, a state that stays until the next call; arguments as in `save`."""
    _save(run_dir / BEST, arrays, meta)


def load_best(run_dir):
    """Loads `best.npz`.

    Returns:
        Pair `(arrays, meta)`, or `None` if there is no such file.

    Raises:
        RunError: If it is damaged.
    """
    path = run_dir / BEST
    try:
        return _load(path)
    except FileNotFoundError:
        return None
    except _DamagedError as error:
        raise RunError(f"{path} is damaged ({error}).") from error


def set_best_aside(run_dir):
    """Renames `best.npz`, if there is one, to `best.old-<number>.npz`, the first that is free."""
    path = run_dir / BEST
    if path.exists():
        names = (path.with_name(f"{path.stem}.old-{n}{path.suffix}") for n in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        path.rename(aside)
        _log.warning("%s cannot be compared with the scores of now: it is now %s", path, aside)


def load_newest(run_dir):
    """Loads the newest valid state of a run; a damaged one is named in the log and passed over.

    A training may go on meanwhile: when it has replaced the states that were found, those of now
    are looked for.

    Returns:
        Pair `(arrays, meta)`, or `None` if the run has no state yet.

    Raises:
        RunError: If there are states, but none is valid or none can be read.
    """
    listed, failures = [], {}
    for _ in range(_MAX_LISTINGS):
        before, listed = listed, paths(run_dir)
        if listed == before:
            break
        for path in reversed(listed):
            try:
                return _load(path)
            except FileNotFoundError as error:
                failures[path] = error
            except _DamagedError as error:
                _log.warning("%s is damaged (%s); trying the one before it.", path, error)
                failures[path] = error.__cause__
    if not listed:
        return None
    obstacles = [_obstacle(failures[path]) for path in reversed(listed)]
    if any(obstacles):
        raise RunError(
            f"None of the {len(listed)} states in {run_dir} can be read "
            f"({next(filter(None, obstacles))}). They may be whole: when this is mended, start "
            "the same command again."
        )
    raise RunError(
        f"None of the {len(listed)} states in {run_dir} is valid. Start with --fresh to train "
        "anew: what is there is moved aside."
    )


class _DamagedError(Exception):
    pass


def _obstacle(error):
    """Returns what kept a file from being read, in words, or `None` if its bytes are bad."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    # Errors of archives and arrays have no number.
    return message(error) if getattr(error, "errno", None) is not None else None


def _numbered(run_dir):
    """Returns pairs `(step, path)` of the states of a run, oldest first."""
    found = [(_NAME.fullmatch(path.name), path) for path in run_dir.glob("state-*.npz")]
    return sorted((int(match[1]), path) for match, path in found if match)


def _save(path, arrays, meta):
    facts = {"format_version": FORMAT_VERSION, "host": host.facts()}
    meta_bytes = json.dumps(facts | meta).encode()
    content = {**arrays, _META: np.frombuffer(meta_bytes, np.uint8)}
    checksum = np.frombuffer(bytes.fromhex(digest(content)), np.uint8)
    with replacing(path) as file:
        np.savez(file, **content, **{_DIGEST: checksum})


def _load(path):
    try:
        data = io.BytesIO(path.read_bytes())
        with zipfile.ZipFile(data) as archive:
            # Ours never are: a small file that unpacks to a disk's worth is not read.
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise _DamagedError("it is compressed")
        # NumPy looks at the bytes where `ZipFile` has stopped; above 2 GiB it knows them not.
        data.seek(0)
        with np.load(data, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    except UNREADABLE as error:
        raise _DamagedError(str(error) or type(error).__name__) from error
    try:
        stored = content.pop(_DIGEST, None)
        if stored is None or _META not in content or stored.tobytes().hex() != digest(content):
            raise _DamagedError("its SHA-256 does not match")
        meta = json.loads(content.pop(_META).tobytes())
        version = meta["format_version"]
    except UNREADABLE as error:
        # Somebody else may give the right SHA-256 to anything.
        raise _DamagedError(f"it is no state: {error!r}") from error
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {version}; this genkeras reads {FORMAT_VERSION}. Use the "
            "version of genkeras that wrote it."
        )
    return content, meta


def _variables(model):
    variables = {
        f"model/{index:03d}/{variable.name}": variable
        for index, variable in enumerate(model.variables)
    }
    for name, optimizer in model.optimizers.items():
        for index, variable in enumerate(optimizer.variables):
            # An optimizer names its slots after the variables' paths, which depend on
            # what else the process built; the last word does not.
            kind = variable.name.rsplit("_", 1)[-1]
            variables[f"{name}_optimizer/{index:03d}/{kind}"] = variable
    return variables
