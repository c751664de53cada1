import io
import json
import os
import re
import signal
import sys
import threading
import time

import pytest

from genkeras.training import supervision
from genkeras.training.errors import RunError
from genkeras.training.supervision import Supervisor

pytestmark = pytest.mark.usefixtures("hearing_hangups")

# What workers have in common: their number, and how often they were started.
HEAD = """
import json, os, pathlib, signal, sys, time
number = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
log, other = (pathlib.Path({folder!r}) / f"starts-{{each}}" for each in (number, 1 - number))

def starts(log):
    return len(log.read_text().splitlines()) if log.exists() else 0

attempt = starts(log) + 1
print(f"attempt {{attempt}} of {{number}}", flush=True)
with open(log, "a") as file:
    file.write(os.environ["TF_CONFIG"] + "\\n")
# Whoever ends first has the other ended, which may not have begun yet.
while starts(other) < attempt:
    time.sleep(0.02)
"""


@pytest.fixture
def supervise(tmp_path):
    """Function of the text of a program that is run as two workers; returns the status."""

    def run(text, max_restarts=2):
        program = HEAD.format(folder=str(tmp_path)) + text
        command = [sys.executable, "-c", program]
        return Supervisor(command, 2, tmp_path / "logs", max_restarts).run()

    return run


@pytest.fixture
def starts(tmp_path):
    """Function of a worker's number: the `TF_CONFIG` of each of its starts."""

    def read(number):
        lines = (tmp_path / f"starts-{number}").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return read


@pytest.fixture
def send_when_ready(tmp_path):
    """Function of a signal, which this process gets when both workers have made `*.ready`."""
    senders = []

    def send(number):
        while len(list(tmp_path.glob("*.ready"))) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    def start(number):
        senders.append(threading.Thread(target=send, args=(number,)))
        senders[-1].start()

    yield start
    for sender in senders:
        sender.join()


def test_workers_are_named_to_each_other_and_told_of(supervise, starts, tmp_path, capfd):
    assert supervise("") == 0
    (first,), (second,) = starts(0), starts(1)
    assert first["cluster"] == second["cluster"]
    assert len(set(first["cluster"]["worker"])) == 2
    assert [first["task"], second["task"]] == [{"type": "worker", "index": n} for n in (0, 1)]
    printed = capfd.readouterr().out
    assert "worker 1: pid " in printed
    # The chief is seen, the others are in their logs.
    assert "attempt 1 of 0" in printed
    assert "of 1\n" not in printed
    assert (tmp_path / "logs/worker-1.log").read_text() == "attempt 1 of 1\n"


def test_all_are_started_again_when_one_is_killed(supervise, starts, tmp_path, capfd):
    text = """
if attempt == 1 and number == 1:
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60 if attempt == 1 else 0)
"""
    assert supervise(text) == 0
    assert [len(starts(number)) for number in (0, 1)] == [2, 2]
    assert "was ended by SIGKILL: starting all again" in capfd.readouterr().out
    # Logs go on, nothing in them is lost.
    assert (tmp_path / "logs/worker-0.log").read_text().count("attempt") == 2


def test_who_lost_a_worker_is_not_the_cause_and_is_started_again(supervise, capfd):
    text = "sys.exit(0 if attempt == 2 else [75, 3][number])"
    assert supervise(text) == 0
    assert re.search(r"worker 1 \(pid \d+\) ended with status 3", capfd.readouterr().out)


def test_restarts_are_bounded(supervise, starts, capfd):
    assert supervise("sys.exit(75)", max_restarts=1) == 1
    assert len(starts(0)) == 2
    told = capfd.readouterr().err
    assert "giving up" in told
    assert "attempt 2 of" in told


@pytest.mark.parametrize("status", [1, 2, 143])
def test_what_a_restart_does_not_mend_ends_all(supervise, starts, status, capfd):
    text = f"print('the reason', flush=True)\nif number: sys.exit({status})\ntime.sleep(60)"
    assert supervise(text) == status
    assert len(starts(0)) == 1
    assert "the reason" in capfd.readouterr().err


def test_a_reason_that_is_told_after_the_loss_ends_all(supervise, starts, capfd):
    """Who lost a worker may be gone before the worker is that knows why."""
    text = "if number: sys.exit(75)\ntime.sleep(0.5)\nprint('the reason', flush=True)\nsys.exit(1)"
    assert supervise(text) == 1
    assert len(starts(0)) == 1
    assert "the reason" in capfd.readouterr().err


def test_nobody_waits_long_for_a_reason(supervise, starts, monkeypatch):
    monkeypatch.setattr(supervision, "CAUSE_SECONDS", 0.2)
    text = "if attempt == 1:\n    sys.exit(75) if number else time.sleep(60)"
    assert supervise(text) == 0
    assert len(starts(0)) == 2


def test_workers_go_on_when_nobody_reads_any_more(supervise, starts, tmp_path, monkeypatch):
    """As when Ctrl-C has stopped a `tee` behind it."""
    reading, writing = os.pipe()
    os.close(reading)
    text = "time.sleep(0.5)\npathlib.Path(log).with_suffix('.done').touch()"
    with open(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert supervise(text) == 0
    assert len(starts(0)) == 1
    assert len(list(tmp_path.glob("*.done"))) == 2


@pytest.mark.parametrize(
    ("encoding", "shown"), [("latin-1", "café ?"), ("ascii", "caf? ?"), ("utf-8", "café —")]
)
def test_what_the_terminal_cannot_show_ends_no_worker(supervise, monkeypatch, encoding, shown):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert supervise(f"os.write(1, {'café —'.encode()!r})") == 0
    assert shown in terminal.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_is_passed_on_and_waited_for(
    supervise, starts, send_when_ready, tmp_path, number, status
):
    text = """
def stop(number, frame):
    time.sleep(0.3)
    pathlib.Path(log).with_suffix(".stored").touch()
    sys.exit(128 + number)
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, stop)
pathlib.Path(log).with_suffix(".ready").touch()
time.sleep(60)
"""
    send_when_ready(number)
    before = signal.getsignal(number)
    assert supervise(text) == status
    assert signal.getsignal(number) is before
    assert len(starts(0)) == 1
    assert len(list(tmp_path.glob("*.stored"))) == 2


def test_the_chief_s_end_is_that_of_all_after_a_signal(supervise, send_when_ready, monkeypatch):
    """A worker that waits for the chief in vain is ended when its time is over."""
    monkeypatch.setattr(supervision, "GRACE_SECONDS", 0.2)
    text = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143) if number == 0 else None)
pathlib.Path(log).with_suffix(".ready").touch()
while True:
    time.sleep(0.1)
"""
    send_when_ready(signal.SIGTERM)
    assert supervise(text) == 143


def test_a_chief_that_waits_for_who_has_stopped_is_ended(
    supervise, send_when_ready, tmp_path, monkeypatch
):
    """It may be waiting for a worker that was told to stop before it came."""
    monkeypatch.setattr(supervision, "GRACE_SECONDS", 0.2)
    text = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143) if number else None)
pathlib.Path(log).with_suffix(".ready").touch()
for _ in range(50):
    time.sleep(0.1)
pathlib.Path(log).with_suffix(".waited").touch()
"""
    send_when_ready(signal.SIGTERM)
    assert supervise(text) == 143
    assert not list(tmp_path.glob("*.waited"))


def test_gpus_are_dealt_out(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2,3,5")
    shares = [each["CUDA_VISIBLE_DEVICES"] for each in supervision.environments(2)]
    assert shares == ["0,2", "3,5"]
    with pytest.raises(RunError, match="4 GPUs do not divide among 3 workers"):
        supervision.environments(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert all("CUDA_VISIBLE_DEVICES" not in each for each in supervision.environments(3))
