"""The folders `NAME/<version>/` that TensorFlow Serving reads: new ones appear in one piece."""

import contextlib
import os
import pathlib
import re
import secrets
import shutil

from genkeras import atomic
from genkeras.training.errors import RunError

try:
    import fcntl
except ImportError:  # Windows: what killed programs leave stays.
    fcntl = None


def find(model_dir):
    """Returns a dict of version numbers to paths below `model_dir`, oldest first."""
    model_dir = pathlib.Path(model_dir)
    names = [path.name for path in model_dir.iterdir()] if model_dir.is_dir() else []
    numbered = {int(name): model_dir / name for name in names if re.fullmatch(r"[0-9]+", name)}
    return dict(sorted(numbered.items()))


def check(output, name, content, version=None):
    """Refuses a version that could not be published, before anything is computed.

    Args:
        output: Path of the folder of samplers.
        name: String. The sampler's name.
        content: String. The file that all of its versions hold.
        version: Integer, or `None` for the next.

    Raises:
        RunError: If the name or the folder cannot be used, or there is such a version.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+=,-]*", name):
        raise RunError(
            f"--name={name}: expected letters, digits and . _ + = , - (it stands in an address)."
        )
    model_dir = pathlib.Path(output, name)
    existing = next(path for path in (model_dir, *model_dir.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise RunError(f"{existing} is a file, not a folder: name another --output or --name.")
    there = find(model_dir)
    for path in there.values():
        if not (path / content).exists():
            raise RunError(
                f"{path} is no version of such a sampler: it has no {content}. Name another "
                "--output or --name, so that a server is not given both."
            )
    if version in there:
        raise RunError(
            f"{there[version]} exists, and nothing is overwritten: leave --version out for the "
            f"next, {next_version(model_dir)}."
        )


def next_version(model_dir):
    """Returns the number after the newest version; 1 for the first."""
    return max(find(model_dir), default=0) + 1


def publish(model_dir, write, version=None):
    """Makes a version, which is there when all of it is.

    What programs that were killed had written of theirs is removed.

    Args:
        model_dir: Path of the folder of all versions.
        write: Function of the path of an empty folder that fills it. When it raises, nothing
            stays.
        version: Integer, or `None` for the next.

    Returns:
        Path of the version.

    Raises:
        RunError: If there is such a version by now.
    """
    model_dir = pathlib.Path(model_dir)
    missing = [path for path in (model_dir, *model_dir.parents) if not path.exists()]
    # A server passes over what is not a number.
    temporary = model_dir / f".{secrets.token_hex(4)}.tmp"
    held = contextlib.ExitStack()
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        # So that nobody finds our folder between its making and its locking.
        with _locked(model_dir, wait=True):
            _remove_unfinished(model_dir)
            temporary.mkdir()
            held.enter_context(_locked(temporary))
        with held:
            write(temporary)
            for path in [*temporary.rglob("*"), temporary]:
                atomic.sync(path)
            path = _rename(temporary, model_dir, version)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for path in missing:
            # Somebody else may have put something there.
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
    atomic.sync(model_dir)
    return path


def _remove_unfinished(model_dir):
    """Removes the folders of versions whose makers are gone, and with them their locks."""
    for path in model_dir.glob(".*.tmp"):
        if re.fullmatch(r"\.[0-9a-f]{8}\.tmp", path.name) and path.is_dir():
            with _locked(path) as is_ours:
                if is_ours:
                    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder, wait=False):
    """Locks a folder for this process, and yields whether that could be done.

    The lock is the operating system's and vanishes with its process, however that ends. Some
    file systems lock no folders: there nobody gets it.

    Args:
        folder: Path.
        wait: Boolean. Whether to wait for another process to release it.
    """
    with contextlib.ExitStack() as opened:
        is_ours = False
        if fcntl is not None:
            with contextlib.suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY)
                opened.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                is_ours = True
        yield is_ours


def _rename(temporary, model_dir, version):
    while True:
        path = model_dir / str(next_version(model_dir) if version is None else version)
        try:
            # Fails where a folder with something in it has appeared since.
            os.rename(temporary, path)
        except OSError as error:
            if not path.exists():
                raise
            if version is not None:
                raise RunError(f"{path} exists, and nothing is overwritten.") from error
        else:
            return path
