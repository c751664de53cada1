"""Disks that are full, read-only or gone: the error says so, and the old state is good."""

import errno
import os
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from genkeras.training import experiment, state
from genkeras.training.callbacks.step_drawing import StepDrawing
from genkeras.training.errors import RunError
from genkeras.training.file_errors import told_as_python_does

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 kB, where the test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


class _HalfWritten:
    """A file on a disk that is full after so many bytes."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, data):
        self._room -= len(data)
        if self._room < 0:
            raise FULL
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_a_disk_that_gets_full_within_a_state(prepare, digest, monkeypatch):
    experiment.train(prepare("run", 1))
    run_dir = prepare("run", 3).run_dir
    before, names = digest(run_dir), sorted(path.name for path in run_dir.rglob("*"))
    save = np.savez
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", lambda file, **arrays: save(_HalfWritten(file, 5000), **arrays))
        with pytest.raises(RunError, match=r"No space left on device: .*state-000000014") as caught:
            experiment.train(prepare("run", 3))
    assert "unharmed: when this is mended, the same command goes on" in str(caught.value)
    assert digest(run_dir) == before
    drawn = {"epoch_002.png", "reconstructions_epoch_002.png"}
    assert {path.name for path in run_dir.rglob("*")} == {*names, *drawn}  # No half states.
    straight = prepare("straight", 3)
    experiment.train(straight)
    experiment.train(prepare("run", 3))
    assert digest(run_dir) == digest(straight.run_dir)


@pytest.mark.parametrize("name", ["config.json", "samples", "history.csv"])
def test_any_other_file_that_cannot_be_written(prepare, digest, monkeypatch, name):
    experiment.train(prepare("run", 1))
    before = digest(prepare("run", 2).run_dir)
    fsync = os.fsync

    def full_for_this_file(descriptor):
        if name in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise FULL
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_for_this_file)
        with pytest.raises(RunError, match=f"No space left on device: .*{name}"):
            experiment.train(prepare("run", 2))
    if name in ("config.json", "samples"):
        assert digest(prepare("run", 2).run_dir) == before
    assert experiment.train(prepare("run", 2))["epochs"] == 2


def test_a_directory_that_cannot_be_written_is_told_before_training(prepare, monkeypatch):
    experiment.train(prepare("run", 1))
    prepared = prepare("run", 2)

    def read_only(path, mode="r", **options):
        if "a" in mode or "w" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return open(path, mode, **options)

    monkeypatch.setattr("genkeras.training.lock.open", read_only, raising=False)
    with pytest.raises(RunError, match=r"Read-only file system: .*run/\.lock\. What the run in"):
        experiment.train(prepared)


def test_a_file_where_the_folder_for_tensorboard_belongs(prepare):
    prepared = prepare("run", 1)
    experiment.train(prepared)
    (prepared.run_dir / "tensorboard").touch()
    with pytest.raises(RunError, match=r"(Not a directory|File exists): .*run/tensorboard\. What"):
        experiment.train(prepare("run", 2), tensorboard=True)


def test_tensorflow_s_words_for_a_full_disk_and_for_memory(tmp_path):
    full = tf.errors.ResourceExhaustedError(None, None, "events.out; No space left on device")
    expected = pytest.raises(OSError, match="No space left on device")
    with expected as caught, told_as_python_does(tmp_path):
        raise full
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    memory = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with pytest.raises(tf.errors.ResourceExhaustedError), told_as_python_does(tmp_path):
        raise memory


def test_a_real_disk_that_is_too_small(prepare, digest, small_disk):
    options = {"n_hidden": 32}
    experiment.train(prepare("straight", 3, **options))
    run_dir = prepare("disk/run", 3, **options).run_dir
    filler = small_disk / "filler"
    size = max(path.stat().st_size for path in (run_dir.parents[1] / "straight").glob("state-*"))
    assert 3 * size < 500_000  # Two states that stay, and the next one.
    with filler.open("wb") as file:
        file.write(bytes(600 * 1024 - int(1.7 * size)))
    with pytest.raises(RunError, match="No space left on device: "):
        experiment.train(prepare("disk/run", 3, **options))
    assert state.load_newest(run_dir)[1]["step"] == 7
    filler.unlink()
    assert experiment.train(prepare("disk/run", 3, **options))["epochs"] == 3
    assert digest(run_dir) == digest(run_dir.parents[1] / "straight")


def test_a_mount_that_vanishes(prepare, small_disk, monkeypatch):
    prepared = prepare("disk/run")
    descriptor = os.open(small_disk, os.O_RDONLY)

    def vanish(self, step):
        if step == 7 + 2:
            subprocess.run(["umount", "-l", str(small_disk)], check=True)

    monkeypatch.setattr(StepDrawing, "act", vanish)
    with pytest.raises(RunError, match="run is not there any more: its mount is gone"):
        experiment.train(prepared, sheet_every=1)
    assert not prepared.run_dir.exists()
    # The file system is still there for who had opened it, and holds the state.
    folder = os.open("run", os.O_RDONLY, dir_fd=descriptor)
    assert "state-000000007.npz" in os.listdir(folder)
    for each in (folder, descriptor):
        os.close(each)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(small_disk)], check=True)
