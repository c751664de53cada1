import importlib.resources
import os
import pathlib

import numpy as np
import pytest

from genkeras.data.dataset import DataError
from genkeras.data.embedded import make, sample

REAL = pathlib.Path(os.environ.get("GENKERAS_DATA_DIR", "no-such-folder"))


def test_the_sample_is_balanced(options):
    dataset = sample.load_fashion_mnist_sample(options())
    assert dataset.train.images.shape == (10_000, 28, 28, 1)
    assert dataset.test.images.shape == (2_000, 28, 28, 1)
    assert np.bincount(dataset.train.labels).tolist() == [1_000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [200] * 10
    assert dataset.num_classes == 10
    # Close to the 0.286 of all 60,000: neither inverted nor scaled.
    assert dataset.train.images.mean() / 255 == pytest.approx(0.286, abs=0.005)


def test_no_test_picture_is_in_the_training_part(options):
    dataset = sample.load_fashion_mnist_sample(options())
    train = {image.tobytes() for image in dataset.train.images}
    shared = sum(image.tobytes() in train for image in dataset.test.images)
    assert shared == 0


def test_the_file_is_small_and_its_licence_lies_beside_it():
    folder = importlib.resources.files("genkeras.data.embedded")
    assert len((folder / sample.FILE).read_bytes()) <= 6_000_000
    licence = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "2017 Zalando SE" in licence
    assert "WITHOUT WARRANTY OF ANY KIND" in licence


def test_the_rule_takes_the_first_of_each_class_in_order():
    labels = np.array([2, 0, 2, 0, 1, 2, 1, 0])
    assert sample.select(labels, 2).tolist() == [0, 1, 2, 3, 4, 6]


def test_only_the_published_files_make_the_sample(tmp_path, write_idx_set):
    write_idx_set(tmp_path)
    with pytest.raises(DataError, match=r"published"):
        make.make(tmp_path)


def test_the_rule_makes_the_embedded_arrays():
    if not (REAL / "fashion_mnist").is_dir():
        pytest.skip("GENKERAS_DATA_DIR has no Fashion-MNIST")
    made = make.make(REAL)
    for key, array in zip(sample.KEYS, sample.read_sample(), strict=True):
        np.testing.assert_array_equal(made[key], array)
