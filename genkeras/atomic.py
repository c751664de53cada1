"""Files that are either the old one or the new one, whatever happens in between."""

import contextlib
import json
import os
import pathlib
import secrets


@contextlib.contextmanager
def replacing(path):
    """Writes a file beside `path` and renames it over `path` when all of it is on disk.

    Args:
        path: Path of the file to make or replace; its folder is made when missing.

    Yields:
        A binary file object to write to. When the block raises, `path` is untouched.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # The disk may be gone.
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # A full disk does not say which one it is.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    sync(path.parent)


def write_bytes(path, data):
    """Writes a binary file in one piece."""
    with replacing(path) as file:
        file.write(data)


def write_text(path, text):
    """Writes a UTF-8 text file in one piece."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path, value):
    """Writes a JSON file in one piece, indented, keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sync(path):
    """Waits until a file's content, or a folder's list of names, is on disk."""
    # Without this a crash of the machine may forget a rename or empty a file. Not every file
    # system (or operating system) can open a folder.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
