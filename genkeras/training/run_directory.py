"""Which directories are run directories, may become one, or make room for one."""

import itertools
import logging
import re

from genkeras.training import config as configuration
from genkeras.training import lock
from genkeras.training.errors import RunError

# What a killed program leaves of a file that `genkeras.atomic` was writing.
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")
# What a run has in its directory beside sheets.
_WRITTEN = re.compile(
    r"state-[0-9]{9,}\.npz|best\.npz|scores\.png|history\.csv|(?:config|metrics)\.json"
)
_log = logging.getLogger("genkeras")


def is_run(run_dir):
    """Whether a directory holds a run."""
    return (run_dir / "config.json").exists()


def check_takes(run_dir, config):
    """Checks that a run may be begun or gone on with in a directory.

    Args:
        run_dir: Path; there may be nothing.
        config: `Config` of this start.

    Raises:
        RunError: If it holds another run, or something else.
    """
    if is_run(run_dir):
        configuration.check_same_run(configuration.load(run_dir), config)
        return
    if not run_dir.exists():
        return
    if not run_dir.is_dir() or any(not _is_ours(path) for path in run_dir.iterdir()):
        raise RunError(
            f"{run_dir} exists, but is not a run directory (it has no config.json). Name a new "
            "or an empty directory, so that nothing in this one is overwritten."
        )


def set_aside(run_dir):
    """Renames a run directory to `<run_dir>.old-<number>`, the first number that is free.

    A symbolic link stays: the directory it leads to is renamed, and an empty one put there.

    Returns:
        Path of the directory under its new name.

    Raises:
        RunError: If another process is training in it.
    """
    actual = run_dir.resolve()
    with lock.RunLock(actual):
        names = (actual.with_name(f"{actual.name}.old-{n}") for n in itertools.count(1))
        aside = next(path for path in names if not path.exists())
        actual.rename(aside)
        if run_dir.is_symlink():
            actual.mkdir()  # A link that leads nowhere is no place for a run.
    _log.info("The run that was in %s is now %s", run_dir, aside)
    return aside


def remove_unfinished(run_dir):
    """Removes what killed processes had written of a run's files. For who holds its lock."""
    for path in run_dir.glob(".*.tmp"):
        match = _UNFINISHED.fullmatch(path.name)
        if match and _WRITTEN.fullmatch(match["name"]):
            path.unlink()
    for path in (run_dir / "samples").glob(".*.tmp"):  # Sheets have many names.
        if _UNFINISHED.fullmatch(path.name):
            path.unlink()


def _is_ours(path):
    # A program may have been killed before it had written the configuration.
    match = _UNFINISHED.fullmatch(path.name)
    return path.name == lock.NAME or (match and match["name"] == "config.json")
