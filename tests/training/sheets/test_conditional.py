"""Sheets of conditional models: which class and which latents stand where."""

import numpy as np
import pytest
from PIL import Image

from genkeras.training.sheets.conditional import ClassSheets, StyleSheet


class TellingModel:
    """Its images are 1×1: 10 · (row of the latents) + label, in `[0, 255]`."""

    value_range = (0.0, 255.0)

    def __init__(self, num_classes):
        self.num_classes = num_classes

    def sample(self, num_images, labels=None, seed=None):
        assert seed == 0
        values = 10.0 * (np.arange(num_images) % 10) + labels
        return values.reshape(-1, 1, 1, 1)


def cells(path):
    """Pixels of a sheet of 1×1 pictures with 2 pixels between them."""
    return np.asarray(Image.open(path))[2::3, 2::3].astype(int)


def test_styles_have_a_row_per_latent_vector_and_a_column_per_class(tmp_path):
    StyleSheet(tmp_path).write(TellingModel(7), epoch=12)
    expected = 10 * np.arange(10)[:, None] + np.arange(7)
    np.testing.assert_array_equal(cells(tmp_path / "styles_epoch_012.png"), expected)


def test_each_class_has_a_sheet_of_the_same_latents(tmp_path):
    ClassSheets(tmp_path).write(TellingModel(3), epoch=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"class_{label}_epoch_002.png" for label in range(3)]
    latents = 10 * (np.arange(64) % 10).reshape(8, 8)
    for label, name in enumerate(names):
        np.testing.assert_array_equal(cells(tmp_path / name), latents + label)


@pytest.mark.parametrize(("num_classes", "drawn"), [(20, 20), (21, 20), (1000, 20)])
def test_no_more_than_twenty_classes_are_drawn(tmp_path, num_classes, drawn):
    ClassSheets(tmp_path).write(TellingModel(num_classes), epoch=1)
    assert len(list(tmp_path.glob("class_*.png"))) == drawn
    StyleSheet(tmp_path).write(TellingModel(num_classes), epoch=1)
    assert cells(tmp_path / "styles_epoch_001.png").shape == (10, drawn)
