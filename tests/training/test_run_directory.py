"""What a run directory holds, and how it makes room."""

import contextlib

from genkeras import atomic
from genkeras.training.lock import RunLock
from genkeras.training.run_directory import remove_unfinished, set_aside

TOKEN = "0a1b2c3d"


def test_what_killed_processes_had_written_is_removed_and_nothing_else(tmp_path):
    unfinished = [
        f"{folder}.{name}.{TOKEN}.tmp"
        for folder, names in (
            (
                "",
                (
                    "state-000000003.npz",
                    "best.npz",
                    "config.json",
                    "metrics.json",
                    "history.csv",
                    "scores.png",
                ),
            ),
            ("samples/", ("epoch_001.png", "class_3_epoch_001.png")),
        )
        for name in names
    ]
    others = [
        ".notes.csv.0a1b2c3d.tmp",
        ".state-mine.npz.0a1b2c3d.tmp",
        ".history.csv.0a1b2c3.tmp",
        ".history.csv.MYNOTES1.tmp",
        "history.csv.0a1b2c3d.tmp",
        ".history.csv.0a1b2c3d.tmp~",
        "samples/.epoch_001.png.mine.tmp",
        "samples/epoch_001.png.0a1b2c3d.tmp",
        "mine/.history.csv.0a1b2c3d.tmp",
    ]
    for name in (*unfinished, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    remove_unfinished(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(others)


def test_names_of_unfinished_files_are_those_of_atomic(tmp_path):
    (tmp_path / "samples").mkdir()
    for name in ("history.csv", "samples/epoch_001.png"):
        with contextlib.suppress(KeyError), atomic.replacing(tmp_path / name):
            (found,) = (tmp_path / name).parent.glob(".*.tmp")
            remove_unfinished(tmp_path)
            assert not found.exists()
            raise KeyError


def test_a_link_to_a_run_leads_to_the_next_run(tmp_path):
    disk, link = tmp_path / "disk/run", tmp_path / "run"
    disk.mkdir(parents=True)
    (disk / "config.json").write_text("{}")
    link.symlink_to(disk)
    for number in (1, 2):
        assert set_aside(link) == tmp_path / f"disk/run.old-{number}"
        assert link.is_symlink()
        with RunLock(link):
            (link / "config.json").write_text("{}")
        assert (disk / "config.json").exists()
    assert (tmp_path / "disk/run.old-1/config.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "run"]
