import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from apps import launch
from genkeras.data.preprocessing import to_uint8
from genkeras.metrics.sharpness import sharpness
from genkeras.training import experiment, state, supervision

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--workers=2"], "nothing to start"),
        (["--workers=2", "--"], "nothing to start"),
        (["--", "apps.vae"], "--workers is needed"),
        (["--workers=0", "--", "apps.vae"], "workers"),
        (["--workers=2", "--", "apps.nothing"], "apps.nothing is no program"),
        (["--workers=2", "--", "rm", "-r"], "rm is no program"),
        (["--workers=2", "--", "apps.flags"], "apps.flags is no program that workers share"),
        (["--workers=2", "--", "apps.compare"], "apps.compare is no program that workers share"),
        (["--workers=2", "--", "apps.sample"], "expected apps.gan, apps.nsgan"),
        (["--workers=2", "--", "apps.vae", "--fresh"], "begin anew at every restart"),
        (["--workers=2", "apps.vae"], "apps.vae"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_started(capsys, words, told):
    assert launch.main(words) == 2
    assert told in capsys.readouterr().err


def test_trainings_and_evaluations_are_started(monkeypatch, tmp_path):
    started = []

    class Noting:
        def __init__(self, command, *_):
            started.append(command[2])

        def run(self):
            return 0

    monkeypatch.setattr(supervision, "Supervisor", Noting)
    programs = [
        f"apps.{name}"
        for name in ("gan", "nsgan", "cgan", "wgan", "wgan_gp", "dcgan", "vae", "wae", "evaluate")
    ]
    for program in programs:
        assert launch.main(["--workers=2", f"--log_dir={tmp_path}", "--", program]) == 0
    assert started == programs


@pytest.fixture
def start(tmp_path, draw_images):
    """Function of a run directory's name: starts two workers, a `subprocess.Popen`."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(draw_images(64, (8, 8, 1))):
        Image.fromarray(image[..., 0]).save(folder / f"{index:03d}.png")
    started = []

    def run(name, epochs):
        program = [
            *("apps.vae", f"--dataset=folder:{folder}", "--output_height=8", "--n_hidden=4"),
            *("--latent_dim=2", "--batch_size=8", f"--epochs={epochs}", "--save_every=2"),
            *(f"--eval_every={epochs}", "--metrics=sharpness", "--num_images=600"),
            *(f"--cache_dir={tmp_path / 'cache'}", f"--run_dir={tmp_path / name}"),
        ]
        own = ["--workers=2", "--max_restarts=2", f"--log_dir={tmp_path / name}-logs"]
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "apps.launch", *own, "--", *program],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
                stdout=open(tmp_path / f"{name}.out", "w"),  # noqa: SIM115
                stderr=subprocess.STDOUT,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.terminate()
        process.wait()


def _wait_for(condition, process):
    while not condition():
        assert process.poll() is None, "it ended too early"
        time.sleep(0.05)


def _states(run_dir):
    return list(run_dir.glob("state-*.npz"))


def test_a_run_that_lost_a_worker_ends_as_one_that_did_not(start, tmp_path):
    straight, killed = start("straight", epochs=12), start("killed", epochs=12)
    _wait_for(lambda: _states(tmp_path / "killed"), killed)
    pids = re.findall(r"worker 1: pid (\d+)", (tmp_path / "killed.out").read_text())
    os.kill(int(pids[0]), signal.SIGKILL)
    assert killed.wait() == 0, (tmp_path / "killed.out").read_text()
    assert straight.wait() == 0, (tmp_path / "straight.out").read_text()
    told = (tmp_path / "killed.out").read_text()
    assert "ended by SIGKILL: starting all again from the last state (1 of 2" in told
    assert "Going on after step" in told
    digests = [state.digest(state.load_newest(tmp_path / n)[0]) for n in ("straight", "killed")]
    assert digests[0] == digests[1]
    histories = [experiment.history(tmp_path / n) for n in ("straight", "killed")]
    assert histories[0].curve("loss")[2] == histories[1].curve("loss")[2]
    # Samples that both workers have drawn are those of one process.
    model = experiment.load(tmp_path / "killed")[1]
    expected = sharpness(to_uint8(model.sample(600, seed=0), model.value_range)).mean()
    for history in histories:
        assert history.last_scores() == {"sharpness_laplace_600": pytest.approx(expected)}
    assert (tmp_path / "straight/samples/epoch_012.png").exists()


def test_sigterm_stops_all_workers_with_the_state_stored(start, tmp_path):
    process = start("stopped", epochs=1000)
    _wait_for(lambda: _states(tmp_path / "stopped"), process)
    pids = re.findall(r"worker \d: pid (\d+)", (tmp_path / "stopped.out").read_text())
    process.terminate()
    assert process.wait() == 143
    told = (tmp_path / "stopped.out").read_text()
    step = re.search(r"Stopped after training step ([\d,]+), which is stored", told)[1]
    assert max(_states(tmp_path / "stopped")).stem == f"state-{int(step.replace(',', '')):09d}"
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
