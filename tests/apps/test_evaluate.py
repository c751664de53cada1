import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from apps import evaluate, nsgan, sample
from genkeras.data import registry
from genkeras.data.dataset import DataOptions
from genkeras.evaluation import scores

DATA = ["--dataset=fashion_mnist_sample"]
FEW = ["--num_images=300"]
FIVE = ["--num_images=5"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "nsgan"
    words = [*DATA, "--width=2", "--batch_size=500", "--epochs=2", f"--run_dir={directory}"]
    scoring = ["--eval_every=1", "--num_images=200", "--keep_best=frechet"]
    assert nsgan.main([*words, *scoring]) == 0
    return directory


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_run_is_scored_beside_real_pictures(run_dir, capsys):
    words = [f"--run_dir={run_dir}", *FEW, "--metrics=score,frechet,sharpness"]
    assert evaluate.main([*words, "--json=scores.json", "--neighbours=sheet.png"]) == 0
    assert Image.open("sheet.png").size == (8 * 30 + 2, 8 * 30 + 2)
    result = json.loads(pathlib.Path("scores.json").read_text())
    assert result["features"] == "classifier_fashion_mnist"
    assert result["num_images"] == result["num_reference_images"] == 300
    frechet = result["scores"]["frechet_classifier_distance_fashion_mnist_test300"]
    real = result["real"]["frechet_classifier_distance_fashion_mnist_train300"]
    assert frechet["value"] > 3 * real["value"] > 0
    name = "classifier_score_fashion_mnist_300"
    assert 1.0 <= result["scores"][name]["value"] < result["real"][name]["value"] < 10.0
    assert result["real"][name]["value"] > 6.0
    table = capsys.readouterr().out
    assert "frechet_classifier_distance_fashion_mnist_test300" in table
    assert "Numbers: scores.json" in table

    # Another sampling seed of the same run does not differ; real pictures do.
    assert evaluate.main([*words, "--seed=1", "--against=scores.json"]) == 0
    table = capsys.readouterr().out
    assert table.count("not distinguishable") == 2
    assert "differ" not in table


def test_training_scores_stand_in_the_history_and_the_best_state_is_kept(run_dir, capsys):
    header = (run_dir / "history.csv").read_text().splitlines()[0]
    assert "frechet_classifier_distance_fashion_mnist_test200" in header
    assert (run_dir / "scores.png").exists()
    words = [f"--run_dir={run_dir}", "--num_images=200", "--metrics=frechet"]
    assert evaluate.main([*words, "--best", "--json=best.json"]) == 0
    best = json.loads(pathlib.Path("best.json").read_text())
    name = "frechet_classifier_distance_fashion_mnist_test200"
    column = header.split(",").index(name)
    rows = [row.split(",") for row in (run_dir / "history.csv").read_text().splitlines()[1:]]
    assert best["scores"][name]["value"] == pytest.approx(
        min(float(row[column]) for row in rows), rel=1e-4
    )


def test_pictures_from_anywhere(run_dir, capsys):
    assert sample.main([f"--run_dir={run_dir}", *FEW, "--output=samples.npz"]) == 0
    assert sample.main([f"--run_dir={run_dir}", *FEW, "--output=samples/"]) == 0
    words = [*FEW, "--metrics=frechet,memorization"]
    for images, name in (("samples.npz", "a.json"), ("samples", "b.json")):
        assert evaluate.main([f"--images={images}", *DATA, *words, f"--json={name}"]) == 0
    scores = [json.loads(pathlib.Path(name).read_text())["scores"] for name in ("a.json", "b.json")]
    (frechet,) = [name for name in scores[0] if name.startswith("frechet")]
    assert scores[0][frechet]["value"] == pytest.approx(scores[1][frechet]["value"], rel=1e-6)

    # Held against themselves they are perfect; there are no real pictures then.
    words = ["--images=samples.npz", "--reference=samples.npz", *FEW, "--metrics=sharpness"]
    assert evaluate.main([*words, "--json=c.json"]) == 0
    assert json.loads(pathlib.Path("c.json").read_text())["real"] == {}


def test_the_order_of_pictures_does_not_matter(monkeypatch):
    """Such as that of a folder whose sub-folders are classes."""
    monkeypatch.setattr(scores, "MEMORIZATION_IMAGES", 100)
    copies = registry.load("fashion_mnist_sample", DataOptions()).train.images[:150]
    noise = np.random.default_rng(0).integers(0, 256, copies.shape, np.uint8)
    np.savez("sorted.npz", images=np.concatenate([copies, noise]))
    words = ["--images=sorted.npz", *DATA, *FEW, "--metrics=memorization", "--json=m.json"]
    assert evaluate.main(words) == 0
    (score,) = json.loads(pathlib.Path("m.json").read_text())["scores"].values()
    assert score["value"] == pytest.approx(0.5, abs=0.15)


def test_few_pictures_have_the_scores_that_they_allow():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
    np.savez("three.npz", images=images)
    words = ["--images=three.npz", *DATA, "--num_images=3", "--json=three.json"]
    assert evaluate.main(words) == 0
    scores = json.loads(pathlib.Path("three.json").read_text())["scores"].values()
    assert {score["metric"] for score in scores} == {"kernel", "sharpness", "memorization"}


def test_mistakes_are_told(run_dir, tmp_path, capsys):
    np.savez("floats.npz", images=np.zeros((9, 28, 28, 1)))
    np.savez("small.npz", images=np.zeros((9, 8, 8, 1), np.uint8))
    pathlib.Path("cut.npz").write_bytes(pathlib.Path("small.npz").read_bytes()[:200])
    pathlib.Path("text.json").write_text("no")
    other = {"format_version": 1, "dataset": "flowers", "scores": {}, "real": {}}
    pathlib.Path("flowers.json").write_text(json.dumps(other))
    np.savez("few.npz", images=np.arange(5 * 784).astype(np.uint8).reshape(5, 28, 28, 1))
    with pathlib.Path("array.npz").open("wb") as file:
        np.save(file, np.zeros((9, 28, 28, 1), np.uint8))
    content = bytearray(pathlib.Path("few.npz").read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] ^= 1  # As if it had a password.
    pathlib.Path("flipped.npz").write_bytes(content)
    Image.new("L", (8, 8)).save("one.png")
    few = ["--num_images=9", "--metrics=sharpness"]
    run, npz = f"--run_dir={run_dir}", "--images=small.npz"
    small = [npz, "--reference=small.npz", "--num_images=9"]
    for name, size in (("sizes/a", 8), ("sizes/b", 9), ("folder/a", 8)):
        path = pathlib.Path(f"{name}.png")
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (8, size)).save(path)
    for words, status, message in (
        ([], 2, "one of --run_dir and --images"),
        ([run, npz], 2, "one of --run_dir and --images"),
        ([npz], 2, "one of --dataset and --reference"),
        ([npz, "--best", *DATA], 2, "--best goes with --run_dir"),
        ([run, *DATA], 2, "--dataset does not go with --run_dir"),
        ([run, "--num_images=1"], 2, "num_images"),
        ([run, "--metrics=fid"], 1, "no metric 'fid'"),
        ([run, "--features=vgg"], 1, "--features=vgg is unknown"),
        ([run, "--features=none", "--metrics=frechet"], 1, "--features=none"),
        ([run, "--against=text.json"], 1, "not the --json file"),
        ([run, "--against=missing.json"], 1, "missing.json"),
        ([run, "--against=flowers.json"], 1, "is of flowers and this one of fashion_mnist_sample"),
        (["--images=few.npz", *DATA, *FIVE, "--against=flowers.json"], 1, "is of flowers"),
        ([run, "--num_images=3", "--metrics=frechet"], 1, "there are 3 samples (--num_images)"),
        (
            ["--images=few.npz", "--reference=few.npz", *FIVE, "--metrics=density_coverage"],
            1,
            "--metrics=density_coverage needs at least 6 pictures on each side",
        ),
        (["--run_dir=nowhere"], 1, "not a run directory"),
        ([npz, *DATA, "--num_images=9"], 1, "8×8×1, but those"),
        (["--images=floats.npz", *DATA, "--num_images=9"], 1, "expected uint8"),
        (["--images=cut.npz", *DATA], 1, "cut.npz cannot be read"),
        (["--images=missing.npz", *DATA], 1, "missing.npz cannot be read"),
        (["--images=array.npz", *DATA], 1, "array.npz cannot be read as an .npz with an array"),
        (["--images=flipped.npz", *DATA], 1, "flipped.npz cannot be read"),
        (["--images=one.png", *DATA], 1, "one.png"),
        ([npz, "--reference=small.npz", *few, "--neighbours=a.png"], 1, "training pictures"),
        ([npz, *DATA, "--neighbours=a.jpg"], 2, ".png file"),
        ([npz, "--reference=small.npz"], 1, "fewer than --num_images=10000"),
        ([npz, "--reference=small.npz", "--metrics=likelihood"], 1, "needs a model"),
        ([run, "--metrics=codes", *FIVE], 1, "--metrics=codes needs a model with an encoder"),
        ([run, "--metrics=sharpness,likelihood", *FIVE], 1, "needs a model with a likelihood"),
        ([*small, "--metrics=memorization"], 1, "needs the training pictures of a --dataset"),
        ([*small, "--neighbours=a/../b.png", "--json=b.png"], 2, "--json=b.png and --neigh"),
        ([*small, "--against=text.json", "--json=./text.json"], 2, "--against=text.json and --js"),
        ([*small, "--json=small.npz"], 2, "--json=small.npz are the same file"),
        ([*small, "--output_height=8"], 2, "--output_height does not go with --reference"),
        (["--images=sizes", *DATA, *FIVE], 1, "8×8 (a.png) and 9×8 (b.png)"),
        (["--images=folder", *DATA, *FIVE], 1, "8×8×1, but those they are held against"),
    ):
        assert evaluate.main(words) == status, words
        text = capsys.readouterr().err
        assert message in text, text
        assert "Traceback" not in text
