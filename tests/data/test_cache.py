import concurrent.futures
import errno
import logging
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest

from genkeras.data import cache
from genkeras.data.dataset import DataError

ROWS = np.random.default_rng(0).integers(0, 256, (10, 4, 3, 1), dtype=np.uint8)
KEY = {"files": "abc"}


def write_rows(writer):
    writer.start(len(ROWS), ROWS.shape[1:])
    writer.append(ROWS[:6])
    writer.append(ROWS[6:])
    return {"note": 1}


def never(_writer):
    pytest.fail("made again")


def entries(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_rows_are_made_once_and_mapped(tmp_path):
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    images, stored = cache.open_or_build(tmp_path, "set", KEY, never)
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    np.testing.assert_array_equal(images, ROWS)
    assert stored["note"] == 1
    assert len(entries(tmp_path)) == 1


def test_another_key_is_another_folder(tmp_path):
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    cache.open_or_build(tmp_path, "set", {"files": "abd"}, write_rows)
    assert len(entries(tmp_path)) == 2


def test_sha256_is_of_the_rows(tmp_path):
    _, first = cache.open_or_build(tmp_path, "set", KEY, write_rows)
    _, second = cache.open_or_build(tmp_path, "set", {"files": "other"}, write_rows)
    assert first["sha256"] == second["sha256"]


@pytest.mark.parametrize("damage", ["short rows", "no rows", "bad meta", "no meta", "other key"])
def test_a_damaged_folder_is_made_again_with_a_warning(tmp_path, damage, caplog):
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    (folder,) = tmp_path.glob("set-*")
    if damage == "short rows":
        os.truncate(folder / cache.IMAGES, 50)
    elif damage == "no rows":
        (folder / cache.IMAGES).unlink()
    elif damage == "bad meta":
        (folder / cache.META).write_text('{"key"')
    elif damage == "no meta":
        (folder / cache.META).unlink()
    else:
        text = (folder / cache.META).read_text()
        (folder / cache.META).write_text(text.replace("abc", "xyz"))
    images, _ = cache.open_or_build(tmp_path, "set", KEY, write_rows)
    np.testing.assert_array_equal(images, ROWS)
    assert "is damaged" in caplog.text
    assert entries(tmp_path) == [folder.name]
    cache.open_or_build(tmp_path, "set", KEY, never)


@pytest.mark.parametrize("position", range(0, ROWS.size, ROWS.size // 10))
def test_a_flipped_bit_in_the_rows_is_noticed(tmp_path, position, caplog):
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    (folder,) = tmp_path.glob("set-*")
    data = bytearray((folder / cache.IMAGES).read_bytes())
    data[position] ^= 0x04
    (folder / cache.IMAGES).write_bytes(data)
    images, _ = cache.open_or_build(tmp_path, "set", KEY, write_rows)
    np.testing.assert_array_equal(images, ROWS)
    assert "the SHA-256 of images.u8 does not match" in caplog.text


def test_any_changed_letter_of_what_stands_beside_the_rows_is_noticed(tmp_path, caplog):
    """Labels stand there."""

    def build(writer):
        return write_rows(writer) | {"labels": [3, 1, 4, 1, 5]}

    cache.open_or_build(tmp_path, "set", KEY, build)
    (folder,) = tmp_path.glob("set-*")
    text = (folder / cache.META).read_text()
    (folder / cache.META).write_text(text.replace("4, 1, 5", "4, 7, 5"))
    _, stored = cache.open_or_build(tmp_path, "set", KEY, build)
    assert stored["labels"] == [3, 1, 4, 1, 5]
    assert "what meta.json holds does not match" in caplog.text


def test_rows_are_read_through_once_per_process(tmp_path, monkeypatch):
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    monkeypatch.setattr("hashlib.file_digest", None)
    cache.open_or_build(tmp_path, "set", KEY, never)
    (folder,) = tmp_path.glob("set-*")
    os.utime(folder / cache.IMAGES)  # Somebody has touched them since.
    with pytest.raises(TypeError):
        cache._open(folder, {"format": cache.FORMAT, **KEY})


def test_a_failure_leaves_nothing(tmp_path):
    def fail(writer):
        write_rows(writer)
        raise DataError("too many bad files")

    with pytest.raises(DataError, match=r"too many"):
        cache.open_or_build(tmp_path, "set", KEY, fail)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def disk_without_locks(monkeypatch):
    """Some network disks have none: two programs then make the same rows at once."""

    def refuse(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(cache.fcntl, "flock", refuse)


def test_a_second_program_waits_for_the_first_and_makes_nothing(tmp_path, caplog):
    building, waiting = threading.Event(), threading.Event()

    def build(writer):
        building.set()
        assert waiting.wait(10)
        return write_rows(writer)

    class Told(logging.Handler):
        def emit(self, record):
            waiting.set()

    caplog.set_level(logging.INFO, "genkeras")
    cache.logger.addHandler(told := Told())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.open_or_build, tmp_path, "set", KEY, build)
        assert building.wait(10)
        second = pool.submit(cache.open_or_build, tmp_path, "set", KEY, None)
        np.testing.assert_array_equal(first.result()[0], second.result()[0])
    cache.logger.removeHandler(told)
    assert "waiting for it" in caplog.text
    assert [path.name for path in tmp_path.glob(".*")] == [".genkeras.lock"]


def test_two_writers_of_one_key_both_end_well(tmp_path, disk_without_locks):
    together = threading.Barrier(2)

    def build(writer):
        result = write_rows(writer)
        together.wait(10)
        return result

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(cache.open_or_build, tmp_path, "set", KEY, build) for _ in range(2)]
        for run in runs:
            np.testing.assert_array_equal(run.result()[0], ROWS)
    assert len(entries(tmp_path)) == 1


def test_whoever_comes_second_leaves_the_first_one_s_folder(tmp_path, disk_without_locks):
    def build(writer):
        cache.open_or_build(tmp_path, "set", KEY, write_rows)
        (folder,) = tmp_path.glob("set-*")
        numbers.append((folder / cache.IMAGES).stat().st_ino)
        return write_rows(writer)

    numbers = []
    cache.open_or_build(tmp_path, "set", KEY, build)
    (folder,) = tmp_path.glob("set-*")
    assert [(folder / cache.IMAGES).stat().st_ino] == numbers


def test_a_folder_that_appears_at_the_last_moment_is_as_good(tmp_path, disk_without_locks):
    def build(writer):
        rename = os.rename

        def be_second(source, target):
            monkeypatch.undo()
            cache.open_or_build(tmp_path, "set", KEY, write_rows)
            rename(source, target)

        monkeypatch.setattr(os, "rename", be_second)
        return write_rows(writer)

    with pytest.MonkeyPatch.context() as monkeypatch:
        images, _ = cache.open_or_build(tmp_path, "set", KEY, build)
    np.testing.assert_array_equal(images, ROWS)
    assert len(entries(tmp_path)) == 1


def test_a_disk_that_cannot_open_folders(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    images, _ = cache.open_or_build(tmp_path, "set", KEY, write_rows)
    np.testing.assert_array_equal(images, ROWS)


def make_old(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text("text")
    age(folder)


def age(folder):
    for path in (*folder.iterdir(), folder):
        os.utime(path, (0, 0))


def test_only_old_leftovers_of_killed_writers_are_removed(tmp_path, monkeypatch):
    def be_killed(writer):
        (writer.folder / cache.GREY).touch()
        # Nothing is tidied up after it.
        monkeypatch.setattr(os, "replace", fail)
        monkeypatch.setattr(pathlib.Path, "unlink", fail)
        return write_rows(writer)

    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(DataError):
        cache.open_or_build(tmp_path, "set", KEY, be_killed)
    monkeypatch.undo()
    (old,) = tmp_path.glob(".tmp-*")
    # Both kinds of rows, and the beginning of what stands beside them.
    assert len(list(old.iterdir())) == 3
    new = old.with_name(f"{old.name[:-8]}00000000")
    shutil.copytree(old, new)
    age(new)
    os.utime(new / cache.IMAGES)
    age(old)
    make_old(old.with_name(f"{old.name}-damaged"), cache.IMAGES, cache.META)
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    assert list(tmp_path.glob(".tmp-*")) == [new]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (".tmp-thesis", "chapter.tex"),
        (".tmp-old", cache.IMAGES),
        (".tmp-backup-abcdef12", cache.META),
        (".tmp-set-0123456789abcdef-abcdef12-mine", cache.META),
        (".tmp-set-0123456789abcdef-abcdef12", "chapter.tex"),
    ],
)
def test_old_folders_of_the_user_stay(tmp_path, name, file):
    make_old(tmp_path / name, file)
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    assert (tmp_path / name / file).read_text() == "text"


def test_a_folder_behind_a_link_is_not_emptied(tmp_path):
    make_old(tmp_path / "mine", cache.META)
    (tmp_path / ".tmp-set-0123456789abcdef-abcdef12").symlink_to("mine")
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    assert (tmp_path / "mine" / cache.META).read_text() == "text"


def test_what_a_user_put_beside_damaged_rows_stays(tmp_path):
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    (folder,) = tmp_path.glob("set-*")
    (folder / "notes.txt").write_text("mine")
    (folder / cache.META).write_text("")
    images, _ = cache.open_or_build(tmp_path, "set", KEY, write_rows)
    np.testing.assert_array_equal(images, ROWS)
    (notes,) = tmp_path.glob(".tmp-*/notes.txt")
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("name", [".lock", cache.LOCK])
def test_files_that_look_like_locks_are_not_emptied(tmp_path, name):
    (tmp_path / name).write_text("mine")
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    assert (tmp_path / name).read_text() == "mine"


def test_the_lock_of_a_key_empties_no_file_that_a_link_leads_to(tmp_path):
    cache.open_or_build(tmp_path / "elsewhere", "set", KEY, write_rows)
    (name,) = entries(tmp_path / "elsewhere")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / f".genkeras-{name}.lock").symlink_to("mine")
    cache.open_or_build(tmp_path, "set", KEY, write_rows)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_folder_that_cannot_be_written_names_the_flag(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"--cache_dir"):
        cache.open_or_build(tmp_path / "file" / "below", "set", KEY, write_rows)


def test_a_full_disk_is_found_at_the_beginning(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"GB free.*--cache_dir"):
        cache.open_or_build(tmp_path, "set", KEY, write_rows)


def test_colour_rows_become_grey(tmp_path):
    def build(writer):
        writer.start(len(ROWS), (4, 3, 3))
        writer.append(np.repeat(ROWS, 3, axis=-1))
        writer.keep_first_channel()
        return {}

    images, stored = cache.open_or_build(tmp_path, "grey", KEY, build)
    np.testing.assert_array_equal(images, ROWS)
    _, direct = cache.open_or_build(tmp_path, "set", KEY, write_rows)
    assert stored["sha256"] == direct["sha256"]
    (folder,) = tmp_path.glob("grey-*")
    assert sorted(path.name for path in folder.iterdir()) == [cache.IMAGES, cache.META]


def test_a_disk_that_is_full_when_grey_rows_are_made(tmp_path, monkeypatch):
    def build(writer):
        writer.start(len(ROWS), (4, 3, 3))
        writer.append(np.repeat(ROWS, 3, axis=-1))
        monkeypatch.setattr(cache, "open", full, raising=False)
        writer.keep_first_channel()

    def full(path, mode):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"No space left on device.*--cache_dir"):
        cache.open_or_build(tmp_path, "grey", KEY, build)
    monkeypatch.undo()
    assert entries(tmp_path) == []


def test_rows_of_another_shape_are_refused(tmp_path):
    writer = cache.RowWriter(tmp_path)
    with writer:
        writer.start(1, (4, 3, 1))
        with pytest.raises(ValueError, match=r"rows"):
            writer.append(np.zeros((1, 3, 4, 1), np.uint8))


def test_default_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert str(cache.default_cache_dir()) == "/somewhere/genkeras"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(cache.default_cache_dir()) == "/home/someone/.cache/genkeras"
