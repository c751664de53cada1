"""Files that cannot be written are refused before any work."""

import os

import pytest

from apps import (
    benchmark,
    describe,
    evaluate,
    flags,
    interpolate,
    outputs,
    reconstruct,
    sample,
    train_classifier,
)
from genkeras.evaluation import benchmark as measurement
from genkeras.training import classifier


def test_what_can_be_written(tmp_path):
    (tmp_path / "there").write_text("of an earlier call")
    for name in ("new.json", "there", "folder/that/is/new.json"):
        outputs.require_file({"json": f"{tmp_path / name}"}, "json")
    outputs.require_place({"output": f"{tmp_path}/"}, "output")
    outputs.require_png({"output": None})
    assert os.listdir(tmp_path) == ["there"]
    assert (tmp_path / "there").read_text() == "of an earlier call"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "is a folder: expected a file's name"),
        ("new/", "is a folder: expected a file's name"),
        ("file/x.json", "file is a file, not a folder"),
        ("pipe", "is no file"),
    ],
)
def test_what_cannot_be_a_file(tmp_path, path, told):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(flags.UsageError, match=told):
        outputs.require_file({"json": f"{tmp_path}/{path}"}, "json")


@pytest.mark.parametrize("place", ["", "new/folder/"])
def test_a_folder_that_takes_nothing(tmp_path, monkeypatch, place):
    def refuse(dir):
        assert dir == tmp_path
        raise PermissionError(13, "Permission denied", str(dir))

    # Nothing is forbidden to root, as whom tests may run.
    monkeypatch.setattr(outputs.tempfile, "TemporaryFile", refuse)
    told = rf"--json=.*: nothing can be written in {tmp_path} \(Permission denied\)"
    for check in (outputs.require_file, outputs.require_place):
        with pytest.raises(flags.UsageError, match=told):
            check({"json": f"{tmp_path}/{place}x.json"}, "json")


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (train_classifier, ["--dataset=fashion_mnist_sample", "--output=c.npz"]),
        (evaluate, ["--run_dir=nowhere", "--json=s.json"]),
        (evaluate, ["--run_dir=nowhere", "--neighbours=n.png"]),
        (reconstruct, ["--run_dir=nowhere", "--json=e.json"]),
        (interpolate, ["--run_dir=nowhere", "--output=l.png"]),
        (sample, ["--run_dir=nowhere", "--output=pictures/"]),
        (describe, ["--model=vae", "--output=f.png"]),
        (benchmark, ["--json=b.json"]),
    ],
)
def test_nothing_is_done_where_nothing_can_be_written(app, words, monkeypatch, tmp_path, capsys):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    for room, name in ((classifier, "train"), (measurement, "ceilings")):
        monkeypatch.setattr(room, name, lambda *_, **__: pytest.fail("Work was begun."))
    monkeypatch.setattr(outputs.tempfile, "TemporaryFile", refuse)
    monkeypatch.chdir(tmp_path)
    assert app.main(words) == 2
    told = capsys.readouterr().err
    assert f"{words[-1]}: nothing can be written in {tmp_path} (Permission denied)" in told


def test_files_that_are_the_same(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    values = {"one": f"{tmp_path}/a", "two": f"{tmp_path}/b/../a", "none": None}
    values |= {"link": f"{tmp_path}/link", "other": f"{tmp_path}/b"}
    outputs.require_distinct(values, ["one", "other", "none"], ["none"])
    # Both may be read.
    outputs.require_distinct(values, ["other"], ["one", "two"])
    for written, read, told in (
        (["one", "two"], [], "--one=.* and --two=.* are the same file"),
        (["link"], ["one"], "--one=.* and --link=.* are the same file"),
    ):
        with pytest.raises(flags.UsageError, match=told):
            outputs.require_distinct(values, written, read)
