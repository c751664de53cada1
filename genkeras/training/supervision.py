"""Starts the workers of a training on this machine, and starts all again when one dies.

Needs no TensorFlow: the workers have it.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

from genkeras.training.errors import RunError, WorkerLostError

POLL_SECONDS = 0.1
# How long the others get to notice that one has stopped after a signal.
GRACE_SECONDS = 20.0
# How long the cause gets to end, when who lost it was quicker.
CAUSE_SECONDS = 5.0
# A terminal that is closed ends a program as SIGTERM does.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of a worker that could be started again a hundred times in vain: a mistake of its user, or
# somebody has told it to stop.
FINAL_STATUSES = (1, 2, 128 + signal.SIGINT, 128 + signal.SIGTERM)
LAST_LINES = 15


@dataclasses.dataclass
class Worker:
    """A worker that was started.

    Args:
        number: Integer. 0 is the chief.
        process: `subprocess.Popen`.
        log: Path of the file with what it prints.
    """

    number: int
    process: subprocess.Popen
    log: pathlib.Path

    @property
    def status(self):
        """Exit status, negative after a signal; `None` while it runs."""
        return self.process.poll()

    def ending(self):
        """Returns how it ended, in words."""
        if self.status < 0:
            how = f"was ended by {signal.Signals(-self.status).name}"
        else:
            how = f"ended with status {self.status}"
        return f"worker {self.number} (pid {self.process.pid}) {how}"


class Supervisor:
    """Runs a command as several workers, until all of them are done.

    Args:
        command: List of words.
        num_workers: Integer.
        log_dir: Path of the folder for `worker-<number>.log`; what is in them stays.
        max_restarts: Integer. How often all are started again, at most.
    """

    def __init__(self, command, num_workers, log_dir, max_restarts):
        self._command = command
        self._num_workers = num_workers
        self._log_dir = pathlib.Path(log_dir)
        self._max_restarts = max_restarts
        self._signals = []
        self._shown = 0

    def run(self):
        """Runs the workers; prints their process ids, and what the chief prints.

        Returns:
            Integer exit status: 0; that of a worker which ended for a reason that a restart
            does not mend; 1 after too many restarts; 130 or 143 after Ctrl-C or SIGTERM, 129
            when the terminal was closed.

        Raises:
            RunError: If the machine's GPUs do not divide among the workers.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        # What an earlier start left in the chief's log was shown then.
        self._shown = _size(self._log_of(0))
        with self._noting_signals():
            for restarts in range(self._max_restarts + 1):
                status, failed = self._attempt()
                if failed is None:
                    return status
                if restarts < self._max_restarts:
                    _show(
                        f"{failed.ending()}: starting all again from the last state "
                        f"({restarts + 1} of {self._max_restarts} restarts)\n"
                    )
        _show(
            f"{failed.ending()}, and all were started again {self._max_restarts} times already: "
            f"giving up. The end of {failed.log}:\n{_last_lines(failed.log)}\n",
            sys.stderr,
        )
        return 1

    def _attempt(self):
        """Returns an exit status and `None`, or anything and the worker that failed."""
        workers = []
        try:
            for number, environment in enumerate(environments(self._num_workers)):
                workers.append(self._start(number, environment))
            return self._watch(workers)
        finally:
            for worker in workers:
                _kill(worker)
            self._show_chief()

    def _start(self, number, environment):
        log = self._log_of(number)
        with open(log, "ab") as output:
            process = subprocess.Popen(
                self._command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches them through here alone, and once.
                start_new_session=True,
            )
        _show(f"worker {number}: pid {process.pid}, log {log}\n")
        return Worker(number, process, log)

    def _watch(self, workers):
        passed_on, deadline = 0, None
        while any(worker.status is None for worker in workers):
            time.sleep(POLL_SECONDS)
            self._show_chief()
            if passed_on < len(self._signals):
                if passed_on and self._signals[-1] == signal.SIGINT:
                    break  # Ctrl-C once more.
                number = self._signals[-1]
                for worker in workers:
                    # Nothing of theirs hangs on the terminal: their state is to be stored.
                    _send(worker, signal.SIGTERM if number == signal.SIGHUP else number)
                deadline = deadline if passed_on else None
                passed_on = len(self._signals)
            failures = [worker.status for worker in workers if worker.status]
            if self._signals:
                # One that stopped before it began to train leaves a chief that waits for it.
                ending, grace = failures or workers[0].status is not None, GRACE_SECONDS
            else:
                # Who was lost may still be telling why.
                ending, grace = failures, CAUSE_SECONDS
                if any(status != WorkerLostError.exit_status for status in failures):
                    break
            if ending:
                deadline = deadline or time.monotonic() + grace
                if time.monotonic() > deadline:
                    break
        if all(worker.status == 0 for worker in workers):
            return 0, None
        if self._signals:
            return 128 + self._signals[0], None
        failed = _first_cause(workers)
        if failed.status in FINAL_STATUSES:
            _show(
                f"{failed.ending()}; the others are stopped. The end of {failed.log}:\n"
                f"{_last_lines(failed.log)}\n",
                sys.stderr,
            )
            return failed.status, None
        return None, failed

    def _log_of(self, number):
        return self._log_dir / f"worker-{number}.log"

    def _show_chief(self):
        """Prints what the chief has printed since the last time."""
        with contextlib.suppress(FileNotFoundError), open(self._log_of(0), "rb") as log:
            log.seek(self._shown)
            text = log.read()
            self._shown += len(text)
            _show(text.decode(errors="replace"))

    @contextlib.contextmanager
    def _noting_signals(self):
        def note(number, frame):
            self._signals.append(number)

        # Under `nohup` a closed terminal is ignored.
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        noted = [n for n in SIGNALS if n != signal.SIGHUP or not ignored]
        previous = {n: signal.signal(n, note) for n in noted}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def environments(num_workers):
    """Returns what each worker gets in its environment, a list of dicts.

    `TF_CONFIG` names all workers, on ports of this machine that are free now. GPUs, where
    there are any, are dealt out.

    Raises:
        RunError: If they do not divide among the workers.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(num_workers)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    gpus = _gpus()
    if len(gpus) % num_workers:
        raise RunError(
            f"{len(gpus)} GPUs do not divide among {num_workers} workers: give another --workers, "
            "or name the GPUs to use in CUDA_VISIBLE_DEVICES (-1 for none)."
        )
    share = len(gpus) // num_workers
    result = []
    for number in range(num_workers):
        task = {"type": "worker", "index": number}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        result.append({"TF_CONFIG": config, "PYTHONUNBUFFERED": "1"})
        if share:
            own = gpus[number * share : (number + 1) * share]
            result[-1]["CUDA_VISIBLE_DEVICES"] = ",".join(own)
    return result


def _gpus():
    """Returns the NVIDIA GPUs that programs may use, by the names CUDA_VISIBLE_DEVICES has."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [word for word in named.split(",") if word and word != "-1"]
    found = (re.fullmatch(r"nvidia([0-9]+)", path.name) for path in pathlib.Path("/dev").iterdir())
    return sorted((match[1] for match in found if match), key=int)


def _first_cause(workers):
    """Returns the worker whose end made the others end, as far as one can tell."""
    ended = [worker for worker in workers if worker.status]
    # Who lost another one is not the cause; who was killed is.
    return min(
        ended, key=lambda worker: (worker.status == WorkerLostError.exit_status, worker.status)
    )


def _send(worker, number):
    if worker.status is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.process.pid, number)


def _kill(worker):
    if worker.status is None:
        # With what it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()


def _show(text, stream=None):
    """Prints, as long as there is somebody to read it; workers are not stopped for that."""
    stream = stream or sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        # Not all that workers print exists in Latin-1, say.
        stream.write(text.encode(encoding, errors="replace").decode(encoding))
        stream.flush()
    except OSError:  # A `tee` that was stopped, a terminal that was closed.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _last_lines(path):
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-LAST_LINES:])
