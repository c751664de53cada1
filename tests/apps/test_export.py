"""The export program, and the command lines that it prints."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from apps import export, nsgan
from genkeras.data.preprocessing import to_uint8
from genkeras.serving import metadata
from genkeras.training import experiment

SMALL = ["--dataset=fashion_mnist_sample", "--width=2", "--epochs=1", "--batch_size=1000"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("an apostrophe's") / "run"
    assert nsgan.main([*SMALL, f"--run_dir={directory}"]) == 0
    return directory


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_printed_command_lines_work(run_dir, tmp_path, monkeypatch, capsys):
    assert export.main([f"--run_dir={run_dir}", "--output=samplers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Sampler: samplers/nsgan_fashion_mnist_sample/1"
    commands = [line.strip() for line in lines if line.startswith("  ")]
    assert [command.split()[:2] for command in commands] == [
        ["saved_model_cli", "show"],
        ["saved_model_cli", "run"],
    ]
    # As in a shell in which this environment is active.
    monkeypatch.setenv("PATH", str(pathlib.Path(sys.executable).parent), prepend=":")
    shown = [
        subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
        for command in commands
    ]
    for name in ("serving_default", "decode", "sample", "sample_png", "draw_latents"):
        assert f"signature_def['{name}']" in shown[0]
    images = np.load("samples/images.npy")
    model = experiment.load(run_dir)[1]
    right = np.concatenate([model.sample(1, seed=seed) for seed in range(4)])
    assert images.dtype == np.uint8
    assert np.abs(images.astype(int) - to_uint8(right, model.value_range)).max() <= 1
    np.testing.assert_allclose(np.load("samples/images_float.npy"), right, rtol=0, atol=1e-5)


def test_a_training_exports_each_state_once(run_dir, tmp_path, capsys):
    run = shutil.copytree(run_dir, tmp_path / "run")
    samplers = run / "export/nsgan_fashion_mnist_sample"

    def train(*words):
        assert nsgan.main([*SMALL, f"--run_dir={run}", *words]) == 0
        return capsys.readouterr().out

    assert "Sampler" not in train()
    assert f"Sampler: {samplers / '1'}\n" in train("--export")
    assert f"Sampler: {samplers / '1'}, which was made of this state" in train("--export")
    assert f"Sampler: {samplers / '2'}\n" in train("--export", "--epochs=2")
    assert sorted(path.name for path in samplers.iterdir()) == ["1", "2"]
    steps = [metadata.read(samplers / version)["steps"] for version in ("1", "2")]
    assert steps == [10, 20]
    # Beside a newest version that is not ours, there is nothing to be sure of.
    (samplers / "2/assets/genkeras.json").write_text("{")
    assert f"Sampler: {samplers / '3'}\n" in train("--export", "--epochs=2")


def test_mistakes_are_told(run_dir, capsys):
    pathlib.Path("file").touch()
    pathlib.Path("samplers/mine/2").mkdir(parents=True)
    pathlib.Path("samplers/mine/2/saved_model.pb").touch()
    run = f"--run_dir={run_dir}"
    for words, status, message in (
        ([], 2, "--run_dir is needed"),
        ([run, "--version=0"], 2, "version"),
        ([run, "--format=torch"], 2, "format"),
        ([run, "--output="], 2, "--output= is empty"),
        ([run, "--output=file"], 1, "file is a file, not a folder"),
        ([run, "--output=samplers", "--name=mine", "--version=2"], 1, "nothing is overwritten"),
        ([run, "--name=a/b"], 1, "--name=a/b: expected letters"),
        ([run, "--best"], 1, "has no best.npz"),
        (["--run_dir=nowhere"], 1, "not a run directory"),
    ):
        assert export.main(words) == status, words
        text = capsys.readouterr().err
        assert message in text, text
        assert "Traceback" not in text
    assert not (run_dir / "export").exists()
