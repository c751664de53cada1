import json
import os
import pathlib

import pytest

from genkeras import atomic


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "file.txt"
    atomic.write_text(path, "grün")
    assert path.read_bytes() == "grün".encode()
    atomic.write_bytes(path, b"again")
    assert path.read_bytes() == b"again"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail_halfway():
        with atomic.replacing(path) as file:
            file.write(b"half of the ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path, seen = tmp_path / "file", []
    path.write_bytes(b"old")
    original = os.replace

    def replace(source, target):
        seen.append((path.read_bytes(), pathlib.Path(source).read_bytes()))
        original(source, target)

    monkeypatch.setattr(os, "replace", replace)
    atomic.write_bytes(path, b"new")
    assert seen == [(b"old", b"new")]


def test_json_is_valid_or_refused(tmp_path):
    atomic.write_json(tmp_path / "a.json", {"b": [1, "é"]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, "é"]}
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "a.json", {"b": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, "é"]}
