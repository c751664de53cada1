"""Checks of the files that flags name, before hours of work for one that cannot be written."""

import os
import pathlib
import tempfile

from apps import flags


def require_png(values, name="output"):
    """Checks that a flag names a PNG file that can be written; `None` passes.

    Raises:
        flags.UsageError: If it does not, before anything is computed.
    """
    if values[name] is not None and not values[name].endswith(".png"):
        raise flags.UsageError(f"--{name}={values[name]}: expected the name of a .png file.")
    require_file(values, name)


def require_file(values, name):
    """Checks that a flag names a file that can be written; `None` passes.

    Raises:
        flags.UsageError: If it is a folder or a device, lies below a file, or in a folder that
            cannot be written to.
    """
    if values[name] is None:
        return
    path = pathlib.Path(values[name])
    if path.is_dir() or values[name].endswith("/"):
        raise flags.UsageError(f"--{name}={values[name]} is a folder: expected a file's name.")
    # Files are replaced by a rename, which would take the place of a device or a pipe.
    if path.exists() and not path.is_file():
        raise flags.UsageError(f"--{name}={values[name]} is no file: expected a file's name.")
    require_place(values, name)


def require_place(values, name):
    """Checks that a file or folder can be made where a flag says; `None` passes.

    Folders that are missing will be made, in the nearest one that is there.

    Raises:
        flags.UsageError: If that is a file, or cannot be written to.
    """
    if values[name] is None:
        return
    path = pathlib.Path(values[name]).absolute()
    folder = path
    while not folder.is_dir() and (folder == path or not folder.exists()):
        folder = folder.parent
    if not folder.is_dir():
        raise flags.UsageError(f"--{name}={values[name]}: {folder} is a file, not a folder.")
    try:
        # Permissions do not tell: some file systems take nothing, whoever asks.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise flags.UsageError(
            f"--{name}={values[name]}: nothing can be written in {folder} ({error.strerror}): "
            "name another place."
        ) from error


def require_distinct(values, written, read=()):
    """Checks that no file which is written takes the place of another, or of what is read.

    Args:
        values: Dict from `command_line.parse`.
        written: Names of flags of files that are written.
        read: Names of flags of files that are read.

    Raises:
        flags.UsageError: Naming both flags.
    """
    seen = {}
    for name in (*read, *written):
        if values[name] is None:
            continue
        other = seen.setdefault(os.path.realpath(values[name]), name)
        if other != name and name in written:
            raise flags.UsageError(
                f"--{other}={values[other]} and --{name}={values[name]} are the same file: the "
                "one would take the place of the other."
            )
