"""Runs a training program that kills itself with SIGKILL at a chosen point.

    python victim.py PLAN MODULE [FLAGS ...]

PLAN is JSON: `where` (a key of `POINTS`), `count` (the how-manieth time that the point is
passed, in this process), `share` (how much of a file is written, or of a tenth of a second
passes before the end) and `log` (a file that gets one line before the end). Every point lies
behind the first training step of the process. Without `where` nothing is killed.
"""

import functools
import importlib
import io
import json
import os
import signal
import sys
import threading
import time


class Executioner:
    """Kills the process at the planned point, or has other points pass."""

    def __init__(self, plan):
        self.plan = plan
        self.passed = 0
        self.steps = 0

    def is_due(self, where):
        """Counts one passing of a point; whether it is the last one."""
        if self.plan["where"] != where or not self.steps:
            return False
        self.passed += 1
        return self.passed == self.plan["count"]

    def kill(self, **facts):
        """Ends the process, as pulling the plug would."""
        line = {"where": self.plan["where"], "steps": self.steps, **facts}
        with open(self.plan["log"], "a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    def kill_soon(self):
        """Ends the process a little later, wherever it is then."""
        threading.Timer(0.1 * self.plan["share"], self.kill).start()


def in_step(executioner):
    """In the middle of a training step, or between two."""
    from genkeras.training.callbacks.epoch_record import EpochRecord

    def begin(call, self, batch, logs=None):
        if executioner.is_due("step"):
            executioner.kill_soon()
        call(self, batch, logs)

    _wrap(EpochRecord, "on_train_batch_begin", begin)


def at_epoch_begin(executioner):
    """At the beginning of an epoch, before its first step."""
    from genkeras.training.callbacks.epoch_record import EpochRecord

    def begin(call, self, epoch, logs=None):
        if executioner.is_due("epoch_begin"):
            executioner.kill(epoch=epoch)
        call(self, epoch, logs)

    _wrap(EpochRecord, "on_epoch_begin", begin)


def in_save(executioner):
    """While a state is written: part of the file is there."""
    import numpy as np

    def save(call, file, **arrays):
        if executioner.is_due("save"):
            whole = io.BytesIO()
            call(whole, **arrays)
            size = int(len(whole.getvalue()) * executioner.plan["share"])
            file.write(whole.getvalue()[:size])
            file.flush()
            executioner.kill(file=os.path.basename(file.name), bytes=size)
        call(file, **arrays)

    _wrap(np, "savez", save)


def at_rename(executioner):
    """When a file is written whole: before it gets its name, or just behind that."""
    from genkeras import atomic

    def replace(call, source, target):
        if executioner.is_due("rename"):
            if executioner.plan["share"] >= 0.5:
                call(source, target)
            executioner.kill(file=os.path.basename(target))
        call(source, target)

    os_of_atomic = type(sys)("os_of_atomic")
    os_of_atomic.__dict__.update(vars(os))
    _wrap(os_of_atomic, "replace", replace)
    atomic.os = os_of_atomic


def in_sheet(executioner):
    """While the picture of a sheet is written."""
    from genkeras import atomic

    def write(call, path, data):
        if str(path).endswith(".png") and executioner.is_due("sheet"):
            with atomic.replacing(path) as file:
                file.write(data[: int(len(data) * executioner.plan["share"])])
                file.flush()
                executioner.kill(file=os.path.basename(path))
        call(path, data)

    _wrap(atomic, "write_bytes", write)


def in_score(executioner):
    """Behind the score of an epoch, or behind the best state and before the epoch's own."""
    from genkeras.training.callbacks.best_state import BestState
    from genkeras.training.callbacks.score_record import ScoreRecord

    def end(call, self, epoch, logs=None):
        call(self, epoch, logs)
        if executioner.is_due("score"):
            executioner.kill(behind=type(self).__name__)

    _wrap(ScoreRecord, "on_epoch_end", end)
    _wrap(BestState, "on_epoch_end", end)


def in_export(executioner):
    """While the sampler of the finished run is saved, before it is checked, when it is renamed."""
    import tensorflow as tf

    from genkeras.serving import publishing_check, versions

    def save(call, *arguments, **options):
        if executioner.is_due("export"):
            executioner.kill_soon()
        call(*arguments, **options)

    def check(call, folder, examples):
        if executioner.is_due("export"):
            executioner.kill(before="check")
        return call(folder, examples)

    def rename(call, temporary, model_dir, version):
        if not executioner.is_due("export"):
            return call(temporary, model_dir, version)
        if executioner.plan["share"] >= 0.5:
            call(temporary, model_dir, version)
        executioner.kill(renamed=executioner.plan["share"] >= 0.5)

    _wrap(tf.saved_model, "save", save)
    _wrap(publishing_check, "check_in_fresh_process", check)
    _wrap(versions, "_rename", rename)


POINTS = {
    "step": in_step,
    "epoch_begin": at_epoch_begin,
    "save": in_save,
    "rename": at_rename,
    "sheet": in_sheet,
    "score": in_score,
    "export": in_export,
}


def score_function(prepared, protocol):
    """A score that is a function of the samples, as real ones are, and needs no features."""

    def score(model):
        samples = model.sample(16, seed=0)
        return {"test_score": float(abs(samples).mean()), "test_spread": float(samples.std())}

    return score


def _wrap(owner, name, function):
    original = getattr(owner, name)
    setattr(
        owner,
        name,
        functools.partialmethod(_call, function, original)
        if isinstance(owner, type)
        else functools.partial(function, original),
    )


def _call(self, function, original, *arguments, **options):
    return function(original, self, *arguments, **options)


def main():
    """Runs the program."""
    plan, module, *words = sys.argv[1:]
    executioner = Executioner(json.loads(plan))
    app = importlib.import_module(module)
    from apps import runner
    from genkeras.training.callbacks.epoch_record import EpochRecord

    runner.score_function = score_function

    def count(call, self, batch, logs=None):
        call(self, batch, logs)
        executioner.steps += 1

    _wrap(EpochRecord, "on_train_batch_end", count)
    if executioner.plan["where"]:
        POINTS[executioner.plan["where"]](executioner)
    return app.main(words)


if __name__ == "__main__":
    sys.exit(main())
