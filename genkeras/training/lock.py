"""One process at a time trains in a run directory."""

import os
import socket

from genkeras.training.errors import RunError

try:
    import fcntl
except ImportError:  # Windows: nothing keeps a second process out.
    fcntl = None

NAME = ".lock"


class RunLock:
    """Holds a run directory for this process, as a context manager.

    The lock is the operating system's, on the file `.lock` in the directory: it vanishes
    with its process, however that ends. The file stays, and holds the process's number and
    its machine's name. Programs that only read a run do not need it.

    Args:
        run_dir: Path of the run directory; it is made when missing.

    Raises:
        RunError: When it is entered and another process holds the directory, or moves it
            away at this moment, or its disk has no locks.
    """

    def __init__(self, run_dir):
        self._run_dir = run_dir
        self._file = None

    def __enter__(self):
        self._run_dir.mkdir(parents=True, exist_ok=True)
        # Not emptied by opening it: it says who has it.
        self._file = open(self._run_dir / NAME, "a+", encoding="utf-8", errors="replace")
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with self._file:
                self._file.seek(0)
                number, _, machine = self._file.read(300).strip().partition(" ")
            raise RunError(
                f"Process {number or 'of unknown number'} on {machine or 'an unknown machine'} is "
                f"training in {self._run_dir}. Wait until it is done, or stop it, or name another "
                "--run_dir."
            ) from None
        except OSError as error:
            self._file.close()
            raise RunError(
                f"{self._run_dir} cannot be locked ({error.strerror}): its disk does not support "
                "file locks, which keep a second training out. Name a directory on another disk "
                "with --run_dir or --checkpoint_dir."
            ) from error
        try:
            # Between opening and locking it may have been moved away, and be another's by now.
            self.verify()
        except RunError:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.write(f"{os.getpid()} {socket.gethostname()}\n")
        self._file.flush()
        return self

    def __exit__(self, *exception):
        self._file.close()

    def verify(self):
        """Checks that the directory is still the one that was locked.

        Raises:
            RunError: If it is not: a mount that is gone, a directory moved away. Whatever
                was written next would land somewhere else.
        """
        try:
            found = os.stat(self._run_dir / NAME)
        except OSError:
            found = None
        if found is None or not os.path.samestat(found, os.fstat(self._file.fileno())):
            raise RunError(
                f"{self._run_dir} is not there any more: its mount is gone, or somebody moved "
                "or deleted it. Its states are as they were; bring it back and start the same "
                "command again."
            )
