import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from apps import compare

SMALL = ["--dataset=fashion_mnist_sample", "--width=2", "--batch_size=500"]


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_comparison_leaves_report_figures_and_numbers(capsys):
    words = ["--models=nsgan,vae", *SMALL, "--epochs=1", "--output_dir=report"]
    assert compare.main(words) == 0
    report = pathlib.Path("report")
    results = json.loads((report / "results.json").read_text())
    assert list(results["models"]) == ["nsgan", "vae"]
    for name, entry in results["models"].items():
        assert entry["epochs"] == 1
        assert entry["parameters"] > 0
        assert entry["train_seconds"] > 0
        assert entry["images_per_second"] > 0
        assert np.isfinite(list(entry["final_losses"].values())).all()
        assert entry["options"]["batch_size"] == 500
        assert (report / entry["run_dir"] / "config.json").exists()
        sheet = Image.open(report / f"figures/samples_{name}.png")
        assert sheet.size == (8 * 30 + 2, 8 * 30 + 2)
    assert results["models"]["vae"]["options"]["network"] == "infogan"
    assert (report / "figures/samples_real.png").exists()
    assert Image.open(report / "figures/samples.png").width > 3 * 2 * 242
    page = (report / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3 + 2
    assert "http-equiv" not in page
    assert 'src="http' not in page
    markdown = (report / "report.md").read_text()
    for title in ("Improved GAN (non-saturating)", "VAE"):
        assert title in page
        assert title in markdown
    assert "figures/samples_vae.png" in markdown
    output = capsys.readouterr().out
    assert "images per second" in output
    assert "report.html" in output

    # The same command again trains nothing; fewer epochs would not compare alike.
    before = {path: path.stat().st_mtime_ns for path in report.rglob("state-*.npz")}
    assert compare.main([*words[:1], *words[1:]]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in report.rglob("state-*.npz")}


def test_mistakes_leave_nothing(capsys):
    for words, status, message in (
        (["--models=gan"], 2, "--epochs is needed"),
        (["--models=", *SMALL, "--epochs=1"], 2, "names no model"),
        (["--models=gan,vea", *SMALL, "--epochs=1"], 2, "There is no model 'vea'"),
        (["--models=gan,gan", *SMALL, "--epochs=1"], 2, "twice"),
        (["--preset=tutorial"], 2, "preset"),
        (["--models=gan", "--dataset=nothing", "--epochs=1"], 1, "Unknown data set 'nothing'"),
    ):
        assert compare.main(words) == status
        text = capsys.readouterr().err
        assert message in text, text
        assert "Traceback" not in text
    assert not pathlib.Path("results").exists()
