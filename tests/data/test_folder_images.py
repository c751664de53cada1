"""Pictures of a folder that are scored as they are."""

import numpy as np
import pytest
from PIL import Image

from genkeras.data.dataset import DataError
from genkeras.data.folder import load_images


def _save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_all_pictures_come_as_they_are_in_the_order_of_their_names(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 7), np.uint8)
    # No part is held out, and no name has a meaning.
    for name, array in zip(("train/b.png", "a.png", "x/test/c.png", "z.png"), pixels, strict=True):
        _save(tmp_path / name, array)
    images = load_images(tmp_path)
    assert images.shape == (4, 5, 7, 1)
    np.testing.assert_array_equal(images[..., 0], pixels[[1, 0, 2, 3]])


def test_one_picture_in_colour_makes_all_of_them_rgb(tmp_path):
    grey = np.full((3, 3), 9, np.uint8)
    colour = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    _save(tmp_path / "a.png", grey)
    _save(tmp_path / "b.png", colour)
    images = load_images(tmp_path)
    np.testing.assert_array_equal(images, [np.repeat(grey[..., None], 3, axis=2), colour])


def test_mistakes(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        load_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no pictures"):
        load_images(tmp_path / "empty")
    _save(tmp_path / "sizes" / "a.png", np.zeros((4, 5), np.uint8))
    _save(tmp_path / "sizes" / "b.png", np.zeros((5, 4), np.uint8))
    with pytest.raises(DataError, match=r"4×5 \(a\.png\) and 5×4 \(b\.png\).*one size"):
        load_images(tmp_path / "sizes")
    (tmp_path / "sizes" / "a.png").write_bytes(b"\x89PNG cut")
    with pytest.raises(DataError, match=r"1 files cannot be read.*a\.png: damaged"):
        load_images(tmp_path / "sizes")
