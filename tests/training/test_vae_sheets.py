"""The sheets of the VAE program: which pictures and which codes stand where."""

import numpy as np
import pytest
from PIL import Image

from genkeras.data.dataset import Split
from genkeras.data.preprocessing import to_range
from genkeras.training.sheets import manifold
from genkeras.training.sheets.manifold import ManifoldSheets
from genkeras.training.sheets.reproductions import ReproductionSheets

TEST_IMAGES = np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1)


class TellingModel:
    """Its pictures are 1×1; noise makes them white, reproducing them adds 10 grey values."""

    value_range = (0.0, 1.0)

    def __init__(self, add_noise=False):
        self.add_noise = add_noise
        self.encoded, self.seeds = [], []

    def corrupt(self, images, seed):
        return np.minimum(images + 100 / 255, 1.0)

    def reconstruct(self, images, seed=None):
        assert seed == 0
        return images + 10 / 255

    def encode(self, images, seed=None):
        self.encoded.append(images)
        self.seeds.append(seed)
        return np.tile(images.reshape(-1, 1), 2)

    def decode(self, latents):
        # 50 grey values for z₁ and 5 for z₂.
        return ((100 + latents @ [50, 5]) / 255).reshape(-1, 1, 1, 1)


def _cells(path, step=3, start=2):
    return np.asarray(Image.open(path))[start::step, start::step].astype(int)


def test_inputs_and_reproductions_are_the_first_test_pictures(tmp_path):
    ReproductionSheets(tmp_path, TEST_IMAGES).write(TellingModel(), epoch=3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["PRR_epoch_03.png", "input.png"]
    expected = np.arange(100).reshape(10, 10)
    np.testing.assert_array_equal(_cells(tmp_path / "input.png"), expected)
    np.testing.assert_array_equal(_cells(tmp_path / "PRR_epoch_03.png"), expected + 10)


def test_denoising_gives_three_sheets(tmp_path):
    ReproductionSheets(tmp_path, TEST_IMAGES, rows=2, columns=3).write(TellingModel(True), epoch=1)
    expected = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(_cells(tmp_path / "input.png"), expected)
    np.testing.assert_array_equal(_cells(tmp_path / "input_noise.png"), expected + 100)
    np.testing.assert_array_equal(_cells(tmp_path / "PRR_epoch_01.png"), expected + 110)


def test_sheets_are_resized(tmp_path):
    sheets = ReproductionSheets(tmp_path, TEST_IMAGES, rows=1, columns=2, resize_factor=4.0)
    sheets.write(TellingModel(), epoch=1)
    assert Image.open(tmp_path / "PRR_epoch_01.png").size == (32, 20)


def test_fewer_test_pictures_than_cells(tmp_path):
    ReproductionSheets(tmp_path, TEST_IMAGES[:3], rows=2, columns=2).write(TellingModel(), epoch=1)
    np.testing.assert_array_equal(_cells(tmp_path / "input.png"), [[0, 1], [2, 255]])


@pytest.fixture
def drawn(monkeypatch):
    """What is given to the scatter, instead of drawing it."""
    calls = []
    monkeypatch.setattr(manifold, "draw_codes", lambda *call: calls.append(call) or b"a figure")
    return calls


def test_manifold_runs_from_r_to_minus_r(tmp_path, drawn):
    test = Split(TEST_IMAGES, np.arange(200) % 10)
    names = tuple("0123456789")
    ManifoldSheets(tmp_path, test, names, rows=3, columns=2, z_range=1.0).write(TellingModel(), 7)
    first, second = np.array([[1], [0], [-1]]), np.array([[1, -1]])
    cells = _cells(tmp_path / "PMLR_epoch_07.png", step=1, start=0)
    np.testing.assert_array_equal(cells, 100 + 50 * first + 5 * second)
    assert (tmp_path / "PMLR_map_epoch_07.png").read_bytes() == b"a figure"
    codes, limit, labels, class_names = drawn[0]
    np.testing.assert_allclose(codes[:, 0] * 255, np.arange(200), atol=1e-4)
    assert limit == 3.0
    np.testing.assert_array_equal(labels, test.labels)
    assert class_names == names


def test_codes_are_samples_of_the_first_pictures(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(manifold, "CHUNK_SIZE", 20)
    model = TellingModel()
    sheets = ManifoldSheets(tmp_path, Split(TEST_IMAGES, None), None, num_codes=50)
    sheets.write(model, 1)
    sheets.write(model, 2)
    # Another seed for every chunk, or all would have the same noise; alike in every epoch.
    assert len(set(model.seeds[:3])) == 3
    assert None not in model.seeds
    assert model.seeds[:3] == model.seeds[3:]
    np.testing.assert_array_equal(
        np.concatenate(model.encoded[:3]), to_range(TEST_IMAGES[:50], (0.0, 1.0))
    )
    codes, _, labels, class_names = drawn[0]
    assert codes.shape == (50, 2)
    assert labels is None
    assert class_names is None


def test_codes_of_a_denoising_model_are_of_noisy_pictures(tmp_path, drawn):
    model = TellingModel(add_noise=True)
    ManifoldSheets(tmp_path, Split(TEST_IMAGES[:5], None), None).write(model, 1)
    np.testing.assert_allclose(model.encoded[0].ravel() * 255, 100 + np.arange(5), atol=1e-3)
