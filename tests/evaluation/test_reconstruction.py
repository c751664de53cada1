import json
import shutil

import numpy as np
import pytest
from PIL import Image

from genkeras.evaluation import reconstruction
from genkeras.metrics.reconstruction import structural_similarities
from genkeras.training import experiment
from genkeras.training.config import Request
from genkeras.training.errors import RunError


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 8×8 pictures, each of one brightness."""
    root = tmp_path_factory.mktemp("pictures")
    for split, values in (("train", range(0, 240, 10)), ("test", range(5, 245, 40))):
        (root / split).mkdir()
        for value in values:
            Image.fromarray(np.full((8, 8), value, np.uint8)).save(root / split / f"{value:03}.png")
    return root


@pytest.fixture(scope="module")
def make_run(pictures):
    def make(model, size=8):
        run_dir = pictures.parent / f"{pictures.name}_{model}_{size}"
        data = {"output_height": size, "cache_dir": str(pictures.parent / "cache")}
        options = {"width": 2, "latent_dim": 2, "batch_size": 8, "epochs": 1}
        request = Request(model, f"folder:{pictures}", data, options)
        experiment.train(experiment.prepare(request, run_dir=run_dir))
        return run_dir

    return make


@pytest.fixture(scope="module")
def run_dir(make_run):
    return make_run("vae")


def test_test_pictures_beside_reproductions_with_the_error_of_each(run_dir, tmp_path):
    sheet, numbers = tmp_path / "sheet.png", tmp_path / "new" / "numbers.json"
    result = reconstruction.reconstruct(run_dir, 100, output=sheet, json=numbers)
    # The test split has six, from 5 to 205.
    assert result["num_images"] == 6
    assert json.loads(numbers.read_text()) == result
    # Three pairs in a row, 2 pixels between pictures.
    sheet_pixels = np.asarray(Image.open(sheet))
    assert sheet_pixels.shape == (22, 62)
    corners = [(2 + 10 * row, 2 + 10 * column) for row in range(2) for column in range(6)]
    cells = [sheet_pixels[top : top + 8, left : left + 8] for top, left in corners]
    originals, reproductions = cells[::2], cells[1::2]
    assert [int(picture.max()) for picture in originals] == list(range(5, 245, 40))
    errors = [
        np.square((a.astype(float) - b) / 255).mean()
        for a, b in zip(originals, reproductions, strict=True)
    ]
    summary = result["mean_squared_error"]
    np.testing.assert_allclose(summary["per_image"], errors)
    assert summary["mean"] == pytest.approx(np.mean(errors))
    assert summary["min"] == pytest.approx(min(errors))
    assert summary["max"] == pytest.approx(max(errors))
    # Not the originals themselves.
    assert min(errors) > 0
    assert result["method"] == "encoder"
    ratios = result["peak_signal_to_noise_ratio"]
    np.testing.assert_allclose(ratios["per_image"], -10 * np.log10(errors))
    assert ratios["mean"] == pytest.approx(np.mean(-10 * np.log10(errors)))
    # 8×8 pictures have no window of 11×11.
    reason = result["structural_similarity"].pop("left_out")
    assert "pictures of 8×8 are smaller than its window of 11×11" in reason
    assert not result["structural_similarity"]


def test_chunks_make_no_difference(run_dir, monkeypatch):
    whole = reconstruction.reconstruct(run_dir, 6)
    monkeypatch.setattr(reconstruction, "CHUNK_SIZE", 4)
    parts = reconstruction.reconstruct(run_dir, 6)
    np.testing.assert_allclose(
        whole["mean_squared_error"]["per_image"],
        parts["mean_squared_error"]["per_image"],
        atol=1e-4,
    )
    assert reconstruction.reconstruct(run_dir, 2)["num_images"] == 2


def test_larger_pictures_have_a_structural_similarity(make_run, tmp_path):
    run_dir = make_run("vae", size=12)
    result = reconstruction.reconstruct(run_dir, 2, output=tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))[..., None]
    cells = np.stack([sheet[2:14, left : left + 12] for left in (2, 16, 30, 44)])
    expected = structural_similarities(cells[::2], cells[1::2])
    summary = result["structural_similarity"]
    np.testing.assert_allclose(summary["per_image"], expected)
    assert (summary["min"], summary["max"]) == (min(expected), max(expected))


def test_pictures_without_error_have_no_number_for_their_ratio(run_dir, monkeypatch, tmp_path):
    def perfect(model, images, labels, **search):
        reproductions = images.copy()
        reproductions[1] ^= 255
        return reproductions, "by heart"

    monkeypatch.setattr(reconstruction, "reproduce", perfect)
    reconstruction.reconstruct(run_dir, 3, json=tmp_path / "numbers.json")
    result = json.loads((tmp_path / "numbers.json").read_text())
    assert result["mean_squared_error"]["per_image"][0] == 0.0
    ratios = result["peak_signal_to_noise_ratio"]
    assert ratios["per_image"][0] is ratios["per_image"][2] is ratios["mean"] is ratios["max"]
    assert ratios["mean"] is None
    assert ratios["min"] == ratios["per_image"][1] > 0.0


def test_a_gan_searches_for_the_pictures(make_run, pictures):
    run_dir = make_run("nsgan")
    search = {"num_restarts": 2, "num_steps": 5, "seed": 3}
    result = reconstruction.reconstruct(run_dir, 4, search=search)
    assert result["method"] == "inversion, 2 restarts, 5 steps"
    originals = np.stack(
        [np.asarray(Image.open(path)) for path in sorted((pictures / "test").iterdir())[:4]]
    )[..., None]
    _, model = experiment.load(run_dir)
    reproductions, method = reconstruction.reproduce(model, originals, **search)
    assert method == result["method"]
    errors = np.square(originals / 255.0 - reproductions / 255.0).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(result["mean_squared_error"]["per_image"], errors)


def test_only_conditional_models_look_at_labels(monkeypatch):
    seen = []
    monkeypatch.setattr(
        reconstruction,
        "invert",
        lambda model, images, labels, **search: seen.append((labels, search)) or (images, None),
    )

    class Model:
        num_classes = None

    images, labels = np.zeros((2, 1, 1, 1), np.uint8), np.array([1, 0])
    reconstruction.reproduce(Model(), images, labels)
    Model.num_classes = 2
    _, method = reconstruction.reproduce(Model(), images, labels, num_steps=7, seed=5)
    assert seen[0][0] is None
    assert seen[1] == (labels, {"num_restarts": 4, "num_steps": 7, "seed": 5})
    assert method == "inversion, 4 restarts, 7 steps"


def test_other_pictures_are_refused(run_dir, pictures, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(run_dir, moved)
    config = json.loads((moved / "config.json").read_text())
    copy = tmp_path / "pictures"
    shutil.copytree(pictures, copy)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(copy / "test" / "005.png")
    config["dataset"] = f"folder:{copy}"
    (moved / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="not those that the run was trained with"):
        reconstruction.reconstruct(moved, 4)
    # With the old one back, and another place for the cache, it goes.
    shutil.copy(pictures / "test" / "005.png", copy / "test" / "005.png")
    reconstruction.reconstruct(moved, 4, cache_dir=str(tmp_path / "cache"), data_dir=None)
    assert (tmp_path / "cache").is_dir()
