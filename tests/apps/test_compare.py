import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image

from apps import compare
from genkeras.evaluation import compare as evaluation_compare
from genkeras.evaluation import report_tables
from genkeras.registry import recipe

SMALL = ["--dataset=fashion_mnist_sample", "--width=2", "--batch_size=500"]


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_comparison_leaves_report_figures_and_numbers(capsys):
    words = ["--models=nsgan,vae", *SMALL, "--epochs=2", "--num_images=200", "--eval_every=1"]
    words.append("--output_dir=report")
    assert compare.main(words) == 0
    report = pathlib.Path("report")
    results = json.loads((report / "results.json").read_text())
    assert list(results["models"]) == ["nsgan", "vae"]
    frechet = "frechet_classifier_distance_fashion_mnist_test200"
    for name, entry in results["models"].items():
        (run,) = entry["runs"]
        assert run["epochs"] == 2
        assert run["train_seconds"] > 0
        assert run["images_per_second"] > 0
        assert np.isfinite(list(run["final_losses"].values())).all()
        assert (report / run["run_dir"] / "config.json").exists()
        assert entry["parameters"] > 0
        assert entry["options"]["batch_size"] == 500
        # The last epoch's score stands in the history, and is the one of the table.
        assert run["history"][-1][frechet] == pytest.approx(entry["scores"][frechet]["mean"])
        assert frechet in run["history"][0]
        sheet = Image.open(report / f"figures/samples_{name}.png")
        assert sheet.size == (8 * 30 + 2, 8 * 30 + 2)
    assert results["models"]["vae"]["options"]["network"] == "infogan"
    assert "reconstruction_mse_inversion_test64" in results["models"]["nsgan"]["scores"]
    assert "reconstruction_mse_encoder_test64" in results["models"]["vae"]["scores"]
    assert results["features"] == "classifier_fashion_mnist"
    assert f"Keras {keras.__version__}" in results["machine"]
    real = results["real"]["frechet_classifier_distance_fashion_mnist_train200"]["value"]
    assert all(real < entry["scores"][frechet]["mean"] / 3 for entry in results["models"].values())
    for verdict in results["verdicts"]:
        assert verdict["basis"] == "pictures"
        assert verdict["verdict"] in ("these two runs differ", "not distinguishable")
    page = (report / "report.html").read_text()
    for figure in ("samples_real", "reproductions", "neighbours", f"{frechet}_by_seconds"):
        assert (report / f"figures/{figure}.png").exists()
    assert "http-equiv" not in page
    assert 'src="http' not in page
    markdown = (report / "report.md").read_text()
    for title in ("Improved GAN (non-saturating)", "VAE"):
        assert title in page
        assert title in markdown
    output = capsys.readouterr().out
    assert "Fréchet classifier distance" in output
    assert "report.html" in output

    # The same command again trains and scores nothing, and says the same.
    def times():
        kept = [*report.rglob("state-*.npz"), *(report / "outcomes").iterdir()]
        return {path: path.stat().st_mtime_ns for path in kept}

    before = times()
    assert compare.main(words) == 0
    assert times() == before
    again = json.loads((report / "results.json").read_text())
    assert again["models"] == results["models"]
    assert again["verdicts"] == results["verdicts"]

    # Damaged outcomes are made anew, runs are not trained again.
    outcome = report / "outcomes" / "vae-seed0.npz"
    outcome.write_bytes(outcome.read_bytes()[:100])
    assert compare.main(["--models=vae", *words[1:]]) == 0
    states = {path: time for path, time in before.items() if "state-" in path.name}
    assert states.items() <= times().items()
    redone = json.loads((report / "results.json").read_text())["models"]["vae"]["scores"]
    assert redone[frechet]["mean"] == pytest.approx(
        results["models"]["vae"]["scores"][frechet]["mean"], rel=1e-5
    )


def test_three_training_seeds_and_a_verdict(monkeypatch):
    # In this process: six more would only import TensorFlow again.
    monkeypatch.setattr(
        evaluation_compare, "in_own_process", lambda function, *arguments: function(*arguments)
    )
    words = ["--models=wae_mmd,vae", *SMALL, "--epochs=1", "--metrics=sharpness,reconstruction"]
    assert compare.main([*words, "--seeds=3", "--seed=5", "--output_dir=report"]) == 0
    results = json.loads(pathlib.Path("report/results.json").read_text())
    assert results["seeds"] == [5, 6, 7]
    assert results["features"] is None
    for entry in results["models"].values():
        assert [run["seed"] for run in entry["runs"]] == [5, 6, 7]
        for score in entry["scores"].values():
            assert len(score["values"]) == 3
            assert score["mean"] == pytest.approx(np.mean(score["values"]))
            assert score["std_over_seeds"] == pytest.approx(np.std(score["values"], ddof=1))
        # Three trainings, not one three times.
        assert len(set(entry["scores"]["reconstruction_mse_encoder_test64"]["values"])) == 3
    found = {(entry["title"], entry["basis"]) for entry in results["verdicts"]}
    assert ("Reconstruction MSE", "training seeds") in found
    # Sharpness has no better side.
    assert not any(title == "Sharpness" for title, _ in found)


def test_mistakes_leave_nothing(capsys):
    for words, status, message in (
        (["--models=gan"], 2, "--epochs is needed"),
        (["--models=", *SMALL, "--epochs=1"], 2, "--models= is empty"),
        (["--models=gan,vea", *SMALL, "--epochs=1"], 2, "There is no model 'vea'"),
        (["--models=gan,gan", *SMALL, "--epochs=1"], 2, "twice"),
        (["--preset=tutorial"], 2, "preset"),
        (["--preset=demo", "--dataset="], 2, "--dataset= is empty"),
        (["--models=gan", *SMALL, "--epochs=1", "--seeds=0"], 2, "seeds"),
        (["--models=gan", *SMALL, "--epochs=1", "--metrics=fid"], 1, "no metric 'fid'"),
        (["--models=gan", *SMALL, "--epochs=1", "--features=no.npz"], 1, "no.npz"),
        (["--models=gan", "--dataset=nothing", "--epochs=1"], 1, "Unknown data set 'nothing'"),
    ):
        assert compare.main(words) == status
        text = capsys.readouterr().err
        assert message in text, text
        assert "Traceback" not in text
    assert not pathlib.Path("results").exists()


def test_sigterm_stores_what_was_trained_and_the_same_command_goes_on():
    words = ["--models=vae", *SMALL, "--epochs=3", "--metrics=sharpness", "--output_dir=report"]
    command = [sys.executable, "-m", "apps.compare", *words]
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    states = pathlib.Path("report/runs/vae/fashion_mnist_sample")
    while not list(states.glob("*/state-*.npz")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    text = process.communicate(timeout=120)[1]
    assert process.returncode == 143, text
    assert "Traceback" not in text
    assert "Stopped after training step" in text
    assert not pathlib.Path("report/results.json").exists()

    assert compare.main(words) == 0
    (config,) = states.glob("*/history.csv")
    assert len(config.read_text().splitlines()) == 4


@pytest.fixture
def asked(monkeypatch):
    """Function of a command line that returns the `Comparison` that it asks for."""
    found = []
    monkeypatch.setattr(
        evaluation_compare, "compare", lambda comparison, _: found.append(comparison)
    )
    monkeypatch.setattr(report_tables, "plain_table", lambda results: "")

    def ask(*words):
        assert compare.main(list(words)) == 0
        return found[-1]

    return ask


def test_every_preset_asks_for_options_that_its_models_have(asked):
    for preset in compare.PRESETS:
        comparison = asked(f"--preset={preset}")
        assert set(comparison.model_options) == set(comparison.models)
        for model in comparison.models:
            # An option that a model does not have is an error.
            recipe(model).complete(comparison.options | comparison.model_options[model])


def test_flags_come_before_what_a_preset_says_of_a_model(asked):
    published = asked("--preset=reproduction", "--width=16")
    assert published.options == {"batch_size": 64, "epochs": 10, "width": 16}
    assert published.model_options["vae"] == {"network": "mlp", "epochs": 60, "batch_size": 128}
    assert published.model_options["wae_gan"] == {"exp": "mnist", "epochs": 5, "batch_size": 100}
    dcgan = {"conditional": True, "generator_steps": 1, "epochs": 25}
    assert published.model_options["dcgan"] == dcgan
    other = asked("--preset=reproduction", "--epochs=2", "--batch_size=32", "--models=vae,wgan")
    assert other.options == {"batch_size": 32, "epochs": 2}
    assert other.model_options["vae"] == {"network": "mlp"}
    assert other.model_options["wgan"]["learning_rate"] == 1e-3
    assert asked("--preset=demo").model_options["wae_mmd"] == {"exp": "mnist_small"}
    celeba = asked("--preset=reproduction_celeba")
    assert celeba.data["crop"]
    assert celeba.data["input_height"] == 108
    assert celeba.model_options["vae"]["latent_dim"] == 20
