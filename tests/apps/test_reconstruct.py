"""apps.reconstruct, driven as a user does."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from apps import nsgan, reconstruct


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "nsgan"
    words = ["--dataset=fashion_mnist_sample", "--width=4", "--epochs=1", "--batch_size=250"]
    assert nsgan.main([*words, f"--run_dir={path}"]) == 0
    return path


def test_a_gan_reproduces_pictures(run_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [f"--run_dir={run_dir}", "--num_images=5", "--restarts=2", "--steps=10", "--seed=1"]
    assert reconstruct.main([*words, "--output=sheet.png", "--json=new/numbers.json"]) == 0
    output = capsys.readouterr().out
    assert "5 test pictures of fashion_mnist_sample reproduced by nsgan" in output
    assert "(inversion, 2 restarts, 10 steps)" in output
    result = json.loads(pathlib.Path("new/numbers.json").read_text())
    assert (result["format_version"], result["method"]) == (2, "inversion, 2 restarts, 10 steps")
    for name, digits in reconstruct.DIGITS.items():
        assert len(result[name]["per_image"]) == 5
        assert f"{name.replace('_', ' ')}: mean {result[name]['mean']:.{digits}f}" in output
    # Five pairs: three in a row.
    assert Image.open("sheet.png").size == (6 * 30 + 2, 2 * 30 + 2)
    # The flags reach the search.
    errors, methods = {}, {}
    for change in ("--seed=1", "--seed=2", "--restarts=3", "--steps=20"):
        assert reconstruct.main([*words, change, "--json=other.json"]) == 0
        other = json.loads(pathlib.Path("other.json").read_text())
        errors[change] = other["mean_squared_error"]["per_image"]
        methods[change] = other["method"]
    np.testing.assert_array_equal(errors["--seed=1"], result["mean_squared_error"]["per_image"])
    assert errors["--seed=2"] != errors["--seed=1"]
    assert errors["--steps=20"] != errors["--seed=1"]
    # A third start need not end better.
    assert methods["--restarts=3"] == "inversion, 3 restarts, 10 steps"
    assert np.less_equal(errors["--restarts=3"], errors["--seed=1"]).all()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--json=a/../sheet.png", "--output=sheet.png and --json=a/../sheet.png are the same file"),
        ("--restarts=0", "restarts"),
        ("--steps=0", "steps"),
        ("--seed=-1", "seed"),
        ("--output=sheet.jpg", "expected the name of a .png file"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(word, message, capsys):
    assert reconstruct.main(["--run_dir=nowhere", "--output=sheet.png", word]) == 2
    assert message in capsys.readouterr().err


def test_small_pictures_have_no_similarity_and_equal_ones_no_ratio():
    summary = {"mean": None, "min": 12.345, "max": None}
    assert reconstruct._numbers(summary, 2) == "mean infinite, min 12.35, max infinite"
    assert reconstruct._numbers({"left_out": "too small"}, 4) == "left out, too small"
