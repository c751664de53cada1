import logging

import numpy as np
import pytest

from genkeras.evaluation.feature_cache import cached
from genkeras.metrics.features import Extraction, Extractor


class Means(Extractor):
    """Mean pixel values; counts the pictures it has seen."""

    def __init__(self, identity, tag="means"):
        super().__init__("network", tag, 4, identity)
        self.seen = 0

    def extract_batch(self, images):
        self.seen += len(images)
        means = images.mean(axis=(1, 2))
        return means, np.concatenate([means, 255.0 - means], axis=1) / 255.0


def _cached(extractor, images, folder):
    return cached(extractor, images, lambda: extractor(images), folder)


def _assert_equal(first, second):
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_the_second_time_nothing_is_computed(tmp_path, draw_images):
    images, extractor = draw_images(10), Means("a")
    first = _cached(extractor, images, tmp_path / "new")
    assert extractor.seen == 10
    _assert_equal(_cached(extractor, images, tmp_path / "new"), first)
    assert extractor.seen == 10
    assert first.features.std() > 0


def test_other_pixels_weights_and_tags_are_other_features(tmp_path, draw_images):
    images = draw_images(10)
    _cached(Means("a"), images, tmp_path)
    changed = images.copy()
    changed[9, 27, 27, 0] ^= 1
    for extractor, pictures in [
        (Means("a"), changed),
        (Means("a"), images[:9]),
        (Means("a"), images.reshape(10, 14, 56, 1)),
        (Means("b"), images),
        (Means("a", tag="others"), images),
    ]:
        _assert_equal(_cached(extractor, pictures, tmp_path), extractor(pictures))
        assert extractor.seen == 2 * len(pictures)
    assert len(list(tmp_path.iterdir())) == 6


def test_without_an_identity_nothing_is_kept(tmp_path, draw_images):
    images, extractor = draw_images(5), Means(None)
    _cached(extractor, images, tmp_path)
    _cached(extractor, images, tmp_path)
    assert extractor.seen == 10
    assert not list(tmp_path.iterdir())


def test_features_without_probabilities(tmp_path, draw_images):
    images = draw_images(3)
    made = Extraction(np.ones((3, 2), np.float32), None)
    for _ in range(2):
        found = cached(Means("a"), images, lambda: made, tmp_path)
        np.testing.assert_array_equal(found.features, made.features)
        assert found.probabilities is None


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "other", "password", "array"])
def test_a_damaged_file_is_made_again(damage, tmp_path, draw_images, caplog):
    images, extractor = draw_images(10), Means("a")
    first = _cached(extractor, images, tmp_path)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 3] ^= 255
    if damage == "password":
        content[content.rindex(b"PK\x01\x02") + 8] ^= 1
    if damage == "other":
        np.savez(path, features=np.ones((4, 3), np.float32))
    elif damage == "array":
        with path.open("wb") as file:
            np.save(file, np.ones((10, 3), np.float32))
    else:
        path.write_bytes({"cut": content[:100], "empty": b""}.get(damage, content))
    with caplog.at_level(logging.WARNING, "genkeras"):
        _assert_equal(_cached(extractor, images, tmp_path), first)
    assert "damaged" in caplog.text
    assert extractor.seen == 20
    _assert_equal(_cached(extractor, images, tmp_path), first)
    assert extractor.seen == 20


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, draw_images, caplog):
    (tmp_path / "file").write_text("")
    images, extractor = draw_images(4), Means("a")
    with caplog.at_level(logging.WARNING, "genkeras"):
        _cached(extractor, images, tmp_path / "file")
    assert "not cached" in caplog.text
