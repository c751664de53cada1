import numpy as np
import pytest

from genkeras.data.dataset import (
    DataError,
    DataOptions,
    ImageDataset,
    Split,
    content_fingerprint,
    first_train_rows,
)


def test_shape_and_number_of_classes():
    split = Split(np.zeros((3, 5, 4, 1), np.uint8), np.zeros(3, np.int64))
    dataset = ImageDataset("tiny", split, split, ("a", "b"), {})
    assert dataset.image_shape == (5, 4, 1)
    assert dataset.num_classes == 2
    assert ImageDataset("tiny", split, split, None, {}).num_classes is None


@pytest.mark.parametrize(
    "wrong",
    [{"output_height": 0}, {"train_size": -1}, {"max_bad_fraction": 2.0}, {"output_width": 10**6}],
)
def test_options_that_make_no_sense_are_named(wrong):
    with pytest.raises(DataError, match=f"--{next(iter(wrong))}="):
        DataOptions(**wrong)


def test_fingerprint_notices_a_pixel_a_shape_and_labels():
    images = np.arange(12, dtype=np.uint8).reshape(3, 4)
    other = images.copy()
    other[2, 3] += 1
    prints = {
        content_fingerprint(images, None),
        content_fingerprint(other, None),
        content_fingerprint(images.reshape(4, 3), None),
        content_fingerprint(images, np.zeros(3, np.int64)),
    }
    assert len(prints) == 4
    assert content_fingerprint(images.copy(), None) in prints


def test_first_rows():
    split = Split(np.arange(5), np.arange(5))
    assert first_train_rows(split, None) is split
    assert list(first_train_rows(split, 2).labels) == [0, 1]
