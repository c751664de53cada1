"""Work in a process of its own, which does not outlive its parent."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
WORK = """
import os, pathlib, time

def wait(folder):
    pathlib.Path(folder, "started.tmp").write_text(str(os.getpid()))
    os.rename(f"{folder}/started.tmp", f"{folder}/started")
    try:
        time.sleep(60)
    except KeyboardInterrupt as stop:
        pathlib.Path(folder, "stopped").touch()
        raise
"""


def _wait_for(path):
    deadline = time.monotonic() + 40
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


def test_the_process_is_stopped_when_its_parent_is_killed(tmp_path):
    (tmp_path / "work.py").write_text(WORK)
    code = (
        "import work; from genkeras.evaluation.own_process import in_own_process as run;"
        f"run(work.wait, {str(tmp_path)!r})"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(tmp_path / "started")
        parent.kill()
        parent.wait()
        _wait_for(tmp_path / "stopped")
    finally:
        parent.kill()
        if (tmp_path / "started").exists() and not (tmp_path / "stopped").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int((tmp_path / "started").read_text()), signal.SIGKILL)
