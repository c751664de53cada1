"""Which directories are run directories, may become one, or make room for one."""

import itertools
import logging
import re

from genkeras.training import config as configuration
from genkeras.training import lock
from genkeras.training.errors import RunError

# What a program leaves that was killed before it had written the configuration.
_LEFTOVER = re.compile(r"\.config\.json\.\w+\.tmp")
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

    Returns:
        Path of the directory under its new name.

    Raises:
        RunError: If another process is training in it.
    """
    with lock.RunLock(run_dir):
        names = (run_dir.with_name(f"{run_dir.name}.old-{n}") for n in itertools.count(1))
        aside = next(path for path in names if not path.exists())
        run_dir.rename(aside)
    _log.info("The run that was in %s is now %s", run_dir, aside)
    return aside


def _is_ours(path):
    return path.name == lock.NAME or _LEFTOVER.fullmatch(path.name)
