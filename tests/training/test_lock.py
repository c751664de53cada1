import errno
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from genkeras.training import lock
from genkeras.training.errors import RunError
from genkeras.training.lock import RunLock

ROOT = pathlib.Path(__file__).parents[2]
HOLD = """
import pathlib, sys, time
from genkeras.training.lock import RunLock
with RunLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_told_where_the_first_is(tmp_path, holder):
    message = rf"Process {holder.pid} on {socket.gethostname()} is training in .*run"
    for _ in range(2):  # Being refused changes nothing.
        with pytest.raises(RunError, match=message):
            RunLock(tmp_path / "run").__enter__()


def test_the_lock_vanishes_with_its_process_however_that_ends(tmp_path, holder):
    holder.kill()
    holder.wait()
    with RunLock(tmp_path / "run"):
        assert (tmp_path / "run/.lock").read_text() == f"{os.getpid()} {socket.gethostname()}\n"


def test_a_disk_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    message = (
        r"run cannot be locked \(No locks available\): its disk .* --run_dir or --checkpoint_dir"
    )
    with pytest.raises(RunError, match=message):
        RunLock(tmp_path / "run").__enter__()


def test_it_can_be_taken_again_when_it_was_given_back(tmp_path):
    for _ in range(2):
        with RunLock(tmp_path / "deep/run"), pytest.raises(RunError, match="is training in"):
            RunLock(tmp_path / "deep/run").__enter__()


def test_a_directory_that_is_moved_away_while_it_is_locked(tmp_path, monkeypatch):
    run_dir = tmp_path / "run"

    def move_first(file, how):
        run_dir.rename(tmp_path / "run.old-1")
        run_dir.mkdir()
        (run_dir / lock.NAME).write_text("of another")
        flock(file, how)

    flock = lock.fcntl.flock
    with monkeypatch.context() as patch:
        patch.setattr(lock.fcntl, "flock", move_first)
        with pytest.raises(RunError, match="run is not there any more"):
            RunLock(run_dir).__enter__()
    assert (run_dir / lock.NAME).read_text() == "of another"
    assert (tmp_path / "run.old-1" / lock.NAME).read_text() == ""
    with RunLock(tmp_path / "run.old-1"):  # Nothing is held.
        pass


def test_verify_notices_a_directory_that_was_moved_or_deleted_or_replaced(tmp_path):
    run_dir = tmp_path / "run"
    with RunLock(run_dir) as held:
        held.verify()
        run_dir.rename(tmp_path / "elsewhere")
        with pytest.raises(RunError, match="run is not there any more"):
            held.verify()
        run_dir.mkdir()
        (run_dir / ".lock").write_text("another file")
        with pytest.raises(RunError, match="is not there any more"):
            held.verify()
        (run_dir / ".lock").unlink()
        run_dir.rmdir()
        (tmp_path / "elsewhere").rename(run_dir)
        held.verify()
