"""The command line of `apps.serve`, where it cannot serve."""

import importlib.util
import socket
import sys

import pytest

from apps import serve
from genkeras import serving

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install '.[serve]'")


def _told(words, status, capsys):
    assert serve.main(words) == status, words
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_mistakes_are_told(tmp_path, capsys):
    (tmp_path / "damaged/digits/1").mkdir(parents=True)
    (tmp_path / "damaged/digits/1/saved_model.pb").write_bytes(b"no graph")
    (tmp_path / "empty").mkdir()
    for words, status, message in (
        ([], 2, "--model_dir is needed"),
        ([f"--model_dir={tmp_path}", "--port=70000"], 2, "port"),
        ([f"--model_dir={tmp_path}", "--host="], 2, "--host= is empty: give it a value"),
        ([f"--model_dir={tmp_path}", "--max_batch_size=0"], 2, "max_batch_size"),
        ([f"--model_dir={tmp_path / 'nowhere'}"], 1, "is not there: expected the folder"),
        ([f"--model_dir={tmp_path / 'empty'}"], 1, "holds no NAME/<version>/saved_model.pb"),
        ([f"--model_dir={tmp_path / 'damaged'}"], 1, "None of the samplers in --model_dir="),
        (
            [f"--model_dir={tmp_path}", "--host=no.such.host.invalid"],
            1,
            "Cannot listen at --host=no",
        ),
    ):
        assert message in _told([*words, *([] if status == 2 else ["--port=0"])], status, capsys)


def test_a_port_that_is_taken(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = _told([f"--model_dir={tmp_path}", f"--port={port}"], 1, capsys)
    assert f"Cannot listen at --host=127.0.0.1 --port={port}: Address already in use." in said


def test_a_small_answer_does_not_wait_for_an_acknowledgement():
    from genkeras.serving import listening

    with listening.listen("127.0.0.1", 0) as listener:
        client = socket.create_connection(listener.getsockname())
        connection, _ = listener.accept()
        with client, connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_packages_that_are_missing(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "gradio" else find(name)
    )
    words = [f"--model_dir={tmp_path}", "--port=0"]
    assert "--explorer needs gradio" in _told([*words, "--explorer"], 1, capsys)
    # Not asked for, it is left out.
    assert "holds no NAME" in _told(words, 1, capsys)
    monkeypatch.delitem(sys.modules, "genkeras.serving.listening", raising=False)
    monkeypatch.delattr(serving, "listening", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = _told(words, 1, capsys)
    assert "apps.serve needs packages that cannot be imported (import of uvicorn" in said
    assert "pip install '.[serve]'" in said


def test_a_stop_while_it_loads_is_no_error(monkeypatch, capsys):
    def stopped(values):
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "_run", stopped)
    assert "Stopped before a request could come." in _told(["--model_dir=x"], 0, capsys)
