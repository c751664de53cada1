import os
import pathlib
import subprocess
import sys

import pytest

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


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path, holder):
    for _ in range(2):  # Being refused changes nothing.
        with pytest.raises(RunError, match=rf"Process {holder.pid} is training in .*run"):
            RunLock(tmp_path / "run").__enter__()


def test_the_lock_vanishes_with_its_process_however_that_ends(tmp_path, holder):
    holder.kill()
    holder.wait()
    with RunLock(tmp_path / "run"):
        assert (tmp_path / "run/.lock").read_text() == f"{os.getpid()}\n"


def test_it_can_be_taken_again_when_it_was_given_back(tmp_path):
    for _ in range(2):
        with RunLock(tmp_path / "deep/run"), pytest.raises(RunError, match="is training in"):
            RunLock(tmp_path / "deep/run").__enter__()


def test_verify_notices_a_directory_that_was_moved_or_deleted_or_replaced(tmp_path):
    run_dir = tmp_path / "run"
    with RunLock(run_dir) as lock:
        lock.verify()
        run_dir.rename(tmp_path / "elsewhere")
        with pytest.raises(RunError, match="run is not there any more"):
            lock.verify()
        run_dir.mkdir()
        (run_dir / ".lock").write_text("another file")
        with pytest.raises(RunError, match="is not there any more"):
            lock.verify()
        (run_dir / ".lock").unlink()
        run_dir.rmdir()
        (tmp_path / "elsewhere").rename(run_dir)
        lock.verify()
