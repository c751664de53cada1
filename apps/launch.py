"""Starts the workers of a training on this machine, and starts all again when one dies.

python -m apps.launch --workers=2 -- apps.dcgan --dataset=fashion_mnist_sample --epochs=5
"""

import importlib.util
import itertools
import pathlib
import sys
import time

from apps import command_line, flags, runner

FLAGS = {
    "workers": flags.Flag(
        "integer", "Workers to start; their share of GPUs is equal.", minimum=1, maximum=1000
    ),
    "max_restarts": flags.Flag(
        "integer",
        "How often all are started again when one dies, from the last stored state. Default: 3.",
        default=3,
        minimum=0,
    ),
    "log_dir": flags.Flag(
        "path",
        "Folder for worker-0.log, worker-1.log, ... What is there stays. Default: a new one in "
        "launch_logs.",
    ),
}


def main(argv=None):
    return runner.run(_launch, argv)


def _launch(words):
    own, command = _split(words)
    values = command_line.parse(own, __doc__, FLAGS)
    flags.require(values, "workers")
    _check(command)
    from genkeras.training.supervision import Supervisor

    log_dir = values["log_dir"] or _new_log_dir()
    command = [sys.executable, "-m", *command]
    return Supervisor(command, values["workers"], log_dir, values["max_restarts"]).run()


def _split(words):
    """Returns the words before and after `--`."""
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def _check(command):
    if not command:
        raise flags.UsageError(
            "There is nothing to start: name a training program and its flags after --, such as "
            "apps.launch --workers=2 -- apps.vae --epochs=5."
        )
    name = command[0]
    programs = _programs()
    if name not in programs:
        raise flags.UsageError(
            f"{name} is no program that workers share: expected {', '.join(programs)}."
        )
    if any(word.lstrip("-").split("=")[0] == "fresh" for word in command[1:]):
        raise flags.UsageError(
            "--fresh would begin anew at every restart: name another --run_dir, or move the old "
            "run away."
        )


def _programs():
    """Returns the names of the programs whose work is divided among workers."""
    from genkeras.registry import MODELS

    # `apps.wae` trains two models.
    names = [f"apps.{name}" for name in (*MODELS, "wae", "evaluate")]
    return [name for name in names if importlib.util.find_spec(name) is not None]


def _new_log_dir():
    stem = time.strftime("launch_logs/%Y%m%d-%H%M%S")
    names = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(1)))
    return next(path for path in map(pathlib.Path, names) if not path.exists())


if __name__ == "__main__":
    sys.exit(main())
