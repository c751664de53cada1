"""Signals, --save_every and --fresh of the training programs, as a user meets them."""

import datetime
import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from apps import dcgan, runner, vae, wae
from genkeras.training import state
from genkeras.training.lock import RunLock

pytestmark = pytest.mark.usefixtures("hearing_hangups")
ROOT = pathlib.Path(__file__).parents[2]
SMALL = ["--dataset=fashion_mnist_sample", "--width=2", "--batch_size=500"]


@pytest.fixture(autouse=True)
def _no_data_dir(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def _start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "apps.vae", *SMALL, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_signal_stores_the_state_and_says_how_to_go_on(number, status):
    process = _start("--run_dir=run", "--epochs=100000", "--save_every=1s")
    try:
        while process.poll() is None and not list(pathlib.Path().glob("run/state-*.npz")):
            pass
        process.send_signal(number)
        _, text = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == status, text
    _, meta = state.load_newest(pathlib.Path("run"))
    assert f"Stopped after training step {meta['step']:,}, which is stored in run." in text
    assert "The same training command goes on from there." in text
    assert "Traceback" not in text


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_before_training_ends_the_program_too(tmp_path, name, status):
    code = (
        "import os, signal, sys\n"
        "from apps import runner\n"
        "def program(words):\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        "sys.exit(runner.run(program, []))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open(tmp_path / "told", "w") as told:  # A file outlives a terminal.
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, stderr=told, check=False
        )
    assert done.returncode == status
    assert (tmp_path / "told").read_text() == (
        "Stopped. A training that has stored a state goes on from it: same command without "
        "--fresh.\n"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (None, 7),
        ("0", 0),
        ("20", 20),
        ("90s", datetime.timedelta(seconds=90)),
        ("5m", datetime.timedelta(minutes=5)),
        ("0.5h", datetime.timedelta(minutes=30)),
    ],
)
def test_save_every(word, expected):
    assert runner.state_every({"save_every": word}, 7) == expected


@pytest.mark.parametrize("word", ["-1", "5 m", "m", "0m", "1e3", "20steps", "٣", "1d", "nan"])
@pytest.mark.parametrize("app", [vae, dcgan], ids=["vae", "dcgan"])
def test_save_every_that_makes_no_sense(app, word, capsys):
    assert app.main([*SMALL, f"--save_every={word}"]) == 2
    assert f"--save_every={word}: expected a number of training steps" in capsys.readouterr().err
    assert not pathlib.Path("checkpoints").exists()


def test_save_every_reaches_the_training(monkeypatch):
    from genkeras.training import experiment

    asked = []

    def train(*_, **options):
        asked.append(options["state_every"])
        return {"epochs": 1}

    monkeypatch.setattr(experiment, "train", train)
    for app in (vae, dcgan, wae):
        for words in ([], ["--save_every=3"], ["--ckpt_freq=2m"]):
            assert app.main(["--dataset=fashion_mnist_sample", *words]) == 0
    two_minutes = datetime.timedelta(minutes=2)
    assert asked == [0, 3, two_minutes, dcgan.STATE_EVERY, 3, two_minutes, 0, 3, two_minutes]


def test_fresh(capsys):
    words = [*SMALL, "--run_dir=run", "--epochs=1"]
    assert vae.main(words) == 0
    # Another width is a contradiction, unless it is another run.
    assert vae.main([*words, "--width=3"]) == 1
    assert vae.main([*words, "--width=3", "--fresh"]) == 0
    assert pathlib.Path("run/config.json").exists()
    assert pathlib.Path("run.old-1/config.json").exists()


def test_fresh_of_the_wae_is_not_bound_by_the_stored_penalty(monkeypatch, capsys):
    from genkeras.training import experiment

    def train(prepared, *_, **__):
        prepared.config.save(prepared.run_dir)
        return {"epochs": 1}

    monkeypatch.setattr(experiment, "train", train)
    words = ["--dataset=fashion_mnist_sample", "--run_dir=w", "--epochs=1"]
    assert wae.main(words) == 0
    assert wae.main([*words, "--z_test=gan"]) == 1
    assert wae.main([*words, "--z_test=gan", "--fresh"]) == 0


def test_fresh_without_training_makes_no_sense(capsys):
    assert dcgan.main(["--fresh", "--notrain"]) == 2
    assert "--fresh begins a training, --notrain trains nothing" in capsys.readouterr().err


def test_a_second_process_is_refused(capsys):
    with RunLock(pathlib.Path("run")):
        assert vae.main([*SMALL, "--run_dir=run", "--epochs=1"]) == 1
    told = capsys.readouterr().err
    assert f"Error: Process {os.getpid()} on {socket.gethostname()} is training in run." in told
