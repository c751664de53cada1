"""What every app makes of a user's mistakes."""

import types

import pytest

from apps import dcgan, flags, runner, vae
from genkeras.training import experiment


def test_a_file_s_error_is_told_without_its_number(tmp_path, capsys):
    assert runner.run(lambda words: tmp_path.read_bytes() and 0, []) == 1
    assert capsys.readouterr().err == f"Error: Is a directory: {tmp_path}\n"


def test_a_path_of_the_environment_that_is_not_utf_8(monkeypatch):
    monkeypatch.setenv("GENKERAS_DATA_DIR", "/a\udcff")
    with pytest.raises(flags.UsageError, match=r"--data_dir holds '/a\\udcff', which is not UTF-8"):
        runner.data_options(flags.parse([], "A program.", flags.DATA))


@pytest.mark.parametrize(("app", "words"), [(vae, []), (dcgan, ["--train"])])
@pytest.mark.parametrize("summary", [None, {"epochs": 1}])
def test_workers_end_when_the_chief_has_done_all(app, words, summary, monkeypatch, tmp_path):
    events = []
    devices = types.SimpleNamespace(wait=lambda: events.append("waited"))
    monkeypatch.setattr(runner, "distribution", lambda *words: devices)
    monkeypatch.setattr(experiment, "train", lambda *_, **__: events.append("trained") or summary)
    monkeypatch.setattr(runner, "export", lambda prepared: events.append("exported"))
    dataset = ["--dataset=fashion_mnist_sample", f"--run_dir={tmp_path / 'run'}", "--export"]
    assert app.main([*words, *dataset]) == 0
    assert events == ["trained", *["exported"] * bool(summary), "waited"]
