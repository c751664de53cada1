"""The samplers of a folder, each in its newest version that can be served."""

import contextlib
import logging
import pathlib
import threading

from genkeras.serving import rest, versions
from genkeras.serving.sampler import Sampler, SamplerError
from genkeras.training.errors import RunError

_MODEL_FILE = "saved_model.pb"
_log = logging.getLogger("genkeras")


class Repository:
    """The folders `NAME/<version>/` of a folder, and what is loaded of them.

    Args:
        model_dir: Path, the `--output` of `apps.export`.
        load: Function of a path, a name and a version that returns a `Sampler`.

    Raises:
        RunError: If there is no such folder, or no sampler in it.
    """

    def __init__(self, model_dir, load=Sampler):
        self._model_dir, self._load = pathlib.Path(model_dir), load
        self._check()
        # Replaced as a whole, as the next, so that readers need no lock.
        self._ready = {}
        # (name, version) -> a mark of the files, and why it was refused.
        self._refused = {}
        # What cannot be read, and was told.
        self._unreadable = frozenset()
        # What no address can name, and was told.
        self._nameless = frozenset()
        self._refreshing = threading.Lock()

    @property
    def names(self):
        """Tuple of the samplers that are ready, in alphabetical order."""
        return tuple(sorted(self._ready))

    def find(self, name, version=None):
        """Returns a `Sampler`; `None` if it, or the version asked for, is not served."""
        sampler = self._ready.get(name)
        return sampler if sampler and version in (None, sampler.version) else None

    def refused(self, name):
        """Returns a dict of version numbers to the reasons why they are not served."""
        return {
            version: reason for (of, version), (_, reason) in self._refused.items() if of == name
        }

    def refresh(self):
        """Looks for new versions, loads them, and lets old ones go once a newer is ready.

        What cannot be read is told once. If it was served, it is served on.
        """
        with self._refreshing:
            found, unreadable = self._find()
            for path in sorted(unreadable.keys() - self._unreadable):
                _log.warning("%s cannot be read: %s.", path, unreadable[path].strerror)
            self._unreadable = frozenset(unreadable)
            if self._model_dir in unreadable:
                return
            nameless = frozenset(name for name in found if not rest.is_name(name))
            for name in sorted(nameless - self._nameless):
                _log.warning(
                    "%s is not served: no address can name it. Rename it, without a colon.",
                    self._model_dir / name,
                )
            self._nameless = nameless
            found = {name: there for name, there in found.items() if name not in nameless}
            refused = {
                key: why for key, why in self._refused.items() if key[1] in found.get(key[0], ())
            }
            ready = {}
            for name in sorted(found.keys() | self._ready.keys()):
                sampler = self._newest(name, found.get(name, {}), refused)
                current = self._ready.get(name)
                if sampler is None and current is not None:
                    folder = self._model_dir / name
                    if {folder, folder / str(current.version)} & unreadable.keys():
                        sampler = current
                    else:
                        _log.warning("%s is not served any more: its versions are gone.", name)
                if sampler is not None:
                    ready[name] = sampler
            self._ready, self._refused = ready, refused

    def _newest(self, name, there, refused):
        """Returns the newest version that can be served, or `None`; notes those that cannot."""
        current = self._ready.get(name)
        for version, path in sorted(there.items(), reverse=True):
            if current is not None and current.version == version:
                return current
            mark = _mark(path)
            if refused.get((name, version), (None,))[0] == mark:
                continue
            try:
                sampler = self._load(path, name, version)
            except SamplerError as error:
                refused[name, version] = (mark, str(error))
                _log.warning("%s/%d is not served: %s.", name, version, str(error).rstrip("."))
            else:
                refused.pop((name, version), None)
                _log.info("%s/%d is served.", name, version)
                return sampler
        return None

    def _find(self):
        """Returns two dicts: names to dicts of version numbers to paths, and paths to errors."""
        found, unreadable = {}, {}
        try:
            folders = sorted(self._model_dir.iterdir())
        except OSError as error:
            return found, {self._model_dir: error}
        for folder in folders:
            try:
                there = versions.find(folder)
            except OSError as error:
                unreadable[folder] = error
                continue
            for version, path in there.items():
                try:
                    if (path / _MODEL_FILE).is_file():
                        found.setdefault(folder.name, {})[version] = path
                except OSError as error:
                    unreadable[path] = error
        return found, unreadable

    def _check(self):
        if not self._model_dir.is_dir():
            what = "a file" if self._model_dir.exists() else "not there"
            raise RunError(
                f"--model_dir={self._model_dir} is {what}: expected the folder that apps.export "
                "--output=DIR has written to."
            )
        if self._find()[0]:
            return
        if versions.find(self._model_dir):
            raise RunError(
                f"--model_dir={self._model_dir} is one sampler: name the folder it is in, "
                f"--model_dir={self._model_dir.absolute().parent}."
            )
        raise RunError(
            f"--model_dir={self._model_dir} holds no NAME/<version>/{_MODEL_FILE}: python -m "
            f"apps.export --run_dir=... --output={self._model_dir} makes one."
        )


def _mark(path):
    """Returns what changes when a version is replaced by another of the same number."""
    marks = []
    for file in sorted(path.rglob("*")):
        with contextlib.suppress(OSError):  # It may be on its way out.
            facts = file.stat()
            marks.append((str(file), facts.st_size, facts.st_mtime_ns, facts.st_ino))
    return marks
