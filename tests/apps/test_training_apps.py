"""The training programs, driven as a user does."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from apps import gan, nsgan, sample, vae

ROOT = pathlib.Path(__file__).parents[2]
SMALL = ["--dataset=fashion_mnist_sample", "--width=2", "--epochs=1", "--batch_size=500"]


@pytest.fixture(autouse=True)
def _no_data_dir(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("app", [gan, nsgan, vae], ids=lambda app: app.__name__)
def test_trains_into_the_default_directory_and_says_where(app, capsys):
    assert app.main(SMALL) == 0
    model = app.__name__.removeprefix("apps.")
    run_dir = pathlib.Path(f"checkpoints/{model}/fashion_mnist_sample/batch_size=500,width=2")
    assert (run_dir / "samples/epoch_001.png").exists()
    assert (run_dir / "samples/reconstructions_epoch_001.png").exists() == (app is vae)
    output = capsys.readouterr().out
    assert f"--run_dir={run_dir}" in output
    # The same command again trains nothing.
    state = sorted(run_dir.glob("state-*.npz"))
    times = [path.stat().st_mtime_ns for path in state]
    assert app.main(SMALL) == 0
    assert [path.stat().st_mtime_ns for path in sorted(run_dir.glob("state-*.npz"))] == times


def test_reference_names_of_flags_and_default_values(capsys):
    words = ["--dim_z=20", "--num_epochs=1", "--learn_rate=0.001", "--n_hidden=8"]
    assert vae.main([*words, "--dataset=fashion_mnist_sample"]) == 0
    config = json.loads(
        pathlib.Path("checkpoints/vae/fashion_mnist_sample/n_hidden=8/config.json").read_text()
    )
    assert config["options"]["latent_dim"] == 20
    assert config["options"]["network"] == "mlp"


def test_a_crop_mode_and_no_crop_contradict_each_other(capsys):
    status, text = _error(capsys, gan, *SMALL, "--nocrop", "--crop_mode=wae")
    assert status == 2
    assert "--nocrop and --crop_mode=wae contradict each other" in text
    assert not pathlib.Path("checkpoints").exists()


def test_an_old_command_line_of_the_collection(capsys):
    words = ["--gan_type=GAN", "--epoch=1", "--z_dim=5", "--log_dir=logs", "--result_dir", "out"]
    assert gan.main([*words, *SMALL[:2], "--batch_size=500"]) == 0
    output = capsys.readouterr().out
    for name in ("gan_type", "log_dir", "result_dir"):
        assert f"--{name} does nothing: " in output
    assert not pathlib.Path("logs").exists()
    assert "latent_dim=5" in output


def _error(capsys, app, *words):
    status = app.main(list(words))
    return status, capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--epochs=0"], 2, "epochs"),
        (["--dataset=no_such_set"], 1, "Unknown data set 'no_such_set'"),
        (["--dataset=mnist", "--data_dir=nowhere"], 1, "nowhere does not exist"),
        (["--dataset=folder:nowhere"], 1, "nowhere"),
        ([*SMALL[:-1], "--batch_size=20000"], 1, "do not fill one batch of 20000"),
        (["--dim_z=2", "--z_dim=3"], 2, "are the same flag with different values"),
    ],
)
def test_mistakes_get_one_clear_message_and_leave_nothing(capsys, words, status, message):
    found, text = _error(capsys, vae, *words)
    assert (found, message in text) == (status, True), text
    assert "Traceback" not in text
    assert not pathlib.Path("checkpoints").exists()


def test_a_contradicting_flag_is_named(capsys):
    assert vae.main([*SMALL, "--run_dir=mine"]) == 0
    status, text = _error(capsys, vae, "--run_dir=mine", "--width=3")
    assert status == 1
    assert "--width=3 contradicts the run directory, which was made with width=2" in text
    # Without flags it is the stored run, on the stored data set.
    assert vae.main(["--run_dir=mine"]) == 0


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch):
    from genkeras.training import experiment

    def broken(*_, **__):
        raise KeyError("a defect")

    monkeypatch.setattr(experiment, "prepare", broken)
    with pytest.raises(KeyError):
        vae.main(SMALL)


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    from genkeras.training import experiment

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", interrupted)
    status, text = _error(capsys, vae, *SMALL)
    assert status == 130
    assert "A training that has stored a state goes on from it: same command" in text


def test_data_dir_from_the_environment(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GENKERAS_DATA_DIR", str(tmp_path / "elsewhere"))
    status, text = _error(capsys, vae, "--dataset=mnist")
    assert status == 1
    assert "elsewhere does not exist" in text


def test_sample_writes_sheet_arrays_and_folder(capsys):
    assert nsgan.main([*SMALL, "--run_dir=run"]) == 0
    shared = ["--run_dir=run", "--num_images=10", "--seed=5"]
    for output in ("a/sheet.png", "a/samples.npz", "b.npz", "pictures/"):
        assert sample.main([*shared, f"--output={output}"]) == 0
    images = np.load("a/samples.npz")["images"]
    assert (images.shape, images.dtype) == ((10, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(images, np.load("b.npz")["images"])
    files = sorted(pathlib.Path("pictures").iterdir())
    assert [path.name for path in files] == [f"{index}.png" for index in range(10)]
    np.testing.assert_array_equal(np.asarray(Image.open(files[3])), images[3, ..., 0])
    assert Image.open("a/sheet.png").size == (4 * 30 + 2, 3 * 30 + 2)
    assert sample.main([*shared[:2], "--seed=6", "--output=b.npz"]) == 0
    assert not np.array_equal(images, np.load("b.npz")["images"])


def test_sample_refuses_what_it_cannot_write(capsys):
    pathlib.Path("full").mkdir()
    pathlib.Path("full/mine.txt").write_text("keep")
    for words, status, message in (
        (["--output=x.png"], 2, "--run_dir is needed"),
        (["--run_dir=nowhere", "--output=x.png"], 1, "is not a run directory"),
        (["--run_dir=nowhere", "--output=full"], 1, "folder with something in it"),
        (["--run_dir=nowhere", "--output=x.jpeg"], 1, "expected a name with .png or .npz"),
    ):
        found, text = _error(capsys, sample, *words)
        assert (found, message in text) == (status, True), text
    assert pathlib.Path("full/mine.txt").read_text() == "keep"


def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    """SIGKILL after the first epoch, then the same command again."""
    words = [sys.executable, "-m", "apps.vae", *SMALL[:-2], "--epochs=12", "--batch_size=500"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*words, "--run_dir=killed"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and not list(tmp_path.glob("killed/state-*.npz")):
            pass
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "killed").exists()
    for run_dir in ("killed", "straight"):
        assert vae.main([*words[3:], f"--run_dir={run_dir}"]) == 0
    from genkeras.training import state

    digests = {
        state.digest(state.load_newest(tmp_path / run_dir)[0]) for run_dir in ("killed", "straight")
    }
    assert len(digests) == 1
