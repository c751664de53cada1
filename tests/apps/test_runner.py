"""What every app makes of a user's mistakes."""

import types

import numpy as np
import pytest
import tensorflow as tf

from apps import command_line, dcgan, flags, runner, train_classifier, vae
from genkeras.training import classifier, experiment, interruption


def test_a_file_s_error_is_told_without_its_number(tmp_path, capsys):
    assert runner.run(lambda words: tmp_path.read_bytes() and 0, []) == 1
    assert capsys.readouterr().err == f"Error: Is a directory: {tmp_path}\n"


def test_a_path_of_the_environment_that_is_not_utf_8(monkeypatch):
    monkeypatch.setenv("GENKERAS_DATA_DIR", "/a\udcff")
    with pytest.raises(flags.UsageError, match=r"--data_dir holds '/a\\udcff', which is not UTF-8"):
        runner.data_options(command_line.parse([], "A program.", flags.DATA))


def test_a_path_of_the_environment_in_the_home_of_nobody(monkeypatch):
    monkeypatch.setenv("GENKERAS_DATA_DIR", "~no_such_user/x")
    with pytest.raises(flags.UsageError, match="GENKERAS_DATA_DIR=~no_such_user/x: there is no"):
        runner.data_options(command_line.parse([], "A program.", flags.DATA))


@pytest.mark.parametrize("app", [vae, dcgan, train_classifier])
def test_an_empty_name_is_no_other_data_set(app, monkeypatch, capsys):
    for room in (experiment, classifier):
        monkeypatch.setattr(room.datasets, "load", lambda *_: pytest.fail("Data was loaded."))
    assert app.main(["--dataset=", "--output=x.npz"][: 1 + (app is train_classifier)]) == 2
    assert "--dataset= is empty: give it a value, or leave it out." in capsys.readouterr().err


@pytest.mark.parametrize("folders", [False, True], ids=["new", "there"])
def test_a_directory_name_of_flags_that_is_too_long(tmp_path, monkeypatch, capsys, folders):
    monkeypatch.chdir(tmp_path)
    if folders:
        (tmp_path / "checkpoints/vae/fashion_mnist_sample").mkdir(parents=True)
    pattern = "--input_fname_pattern=" + "x" * 250
    assert vae.main(["--dataset=fashion_mnist_sample", pattern]) == 2
    told = capsys.readouterr().err
    assert "a directory name that is too long: name the run directory with --run_dir." in told
    # What is too long for other reasons is told as it is.
    assert vae.main(["--dataset=folder:" + "x" * 300]) == 1
    assert "--run_dir" not in capsys.readouterr().err


def test_too_little_memory_is_told(capsys):
    def fill(words):
        return np.empty(1 << 50) and 0

    def fill_device(words):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    for program in (fill, fill_device):
        assert runner.run(program, []) == 1
        assert capsys.readouterr().err == (
            "Error: There is not enough memory for this: ask for less, such as fewer pictures.\n"
        )


@pytest.mark.parametrize(("number", "status"), [(None, 130), (15, 143), (1, 129)])
def test_a_stopped_training_of_a_classifier_has_the_status_of_its_signal(
    number, status, tmp_path, monkeypatch, capsys
):
    def train(*_, **__):
        raise KeyboardInterrupt if number is None else interruption.Interrupted(number, "")

    monkeypatch.setattr(classifier, "train", train)
    words = ["--dataset=fashion_mnist_sample", f"--output={tmp_path / 'c.npz'}"]
    assert train_classifier.main(words) == status
    assert capsys.readouterr().err == "Stopped; no classifier was written.\n"


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
