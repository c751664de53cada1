import json
import shutil

import numpy as np
import pytest
from PIL import Image

from genkeras.evaluation import reconstruction
from genkeras.evaluation.reconstruction import mean_squared_errors
from genkeras.training import experiment
from genkeras.training.config import Request
from genkeras.training.errors import RunError


def test_errors_by_hand():
    originals = np.zeros((3, 1, 2, 1), np.uint8)
    reproductions = np.array([[0, 0], [51, 102], [255, 255]], np.uint8).reshape(3, 1, 2, 1)
    errors = mean_squared_errors(originals, reproductions)
    np.testing.assert_allclose(errors, [0.0, (0.04 + 0.16) / 2, 1.0])
    # Not in uint8, where 0 − 51 is 205.
    np.testing.assert_allclose(mean_squared_errors(reproductions, originals), errors)


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
    def make(model, **options):
        run_dir = pictures.parent / f"{pictures.name}_{model}"
        data = {"output_height": 8, "cache_dir": str(pictures.parent / "cache")}
        options = {"width": 2, "latent_dim": 2, "batch_size": 8, "epochs": 1, **options}
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


def test_a_gan_has_no_encoder(make_run):
    with pytest.raises(RunError, match=r"nsgan has no encoder.*inversion"):
        reconstruction.reconstruct(make_run("nsgan"), 4)


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
