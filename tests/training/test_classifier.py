import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps import train_classifier
from genkeras.data.dataset import ImageDataset, Split, content_fingerprint
from genkeras.metrics.features import classifier as features
from genkeras.metrics.features import classifier_file
from genkeras.training import classifier
from genkeras.training.errors import RunError


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GENKERAS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def _picture(label, random, size=8):
    """A bar: upright for class 0, lying for class 1."""
    picture = random.integers(0, 60, (size, size), np.uint8)
    first = random.integers(2, size - 3)
    picture[:, first : first + 2] = 220
    return picture if label == 0 else picture.T


def _split(num_images, seed):
    random = np.random.default_rng(seed)
    labels = np.arange(num_images) % 2
    return Split(np.stack([_picture(label, random) for label in labels])[..., None], labels)


@pytest.fixture(scope="module")
def drawn():
    train, test = _split(96, seed=0), _split(20, seed=1)
    fingerprint = content_fingerprint(train.images, train.labels, test.images, test.labels)
    return ImageDataset("bars", train, test, ("up", "flat"), {"fingerprint": fingerprint})


def _train(monkeypatch, dataset, path, **kwargs):
    monkeypatch.setattr(classifier.datasets, "load", lambda name, options: dataset)
    options = {"epochs": 6, "batch_size": 16, "seed": 3, **kwargs}
    meta = classifier.train("bars", {}, path, **options)
    return meta, classifier_file.read(path)[0]


def test_a_classifier_learns_and_is_the_same_again(monkeypatch, tmp_path, drawn):
    meta, arrays = _train(monkeypatch, drawn, tmp_path / "a.npz", command="make it")
    assert meta["test_accuracy"] > 0.9
    loaded = features.load(tmp_path / "a.npz")
    assert loaded.tag.startswith("bars_")
    assert loaded.class_names == ("up", "flat")
    assert {key: loaded.meta[key] for key in meta} == meta
    assert meta["num_test"] == 20
    assert meta["epochs"] == 6
    assert meta["command"] == "make it"
    assert meta["data_fingerprint"] == drawn.facts["fingerprint"]
    found = loaded(drawn.test.images).probabilities.argmax(axis=1)
    assert np.mean(found == drawn.test.labels) == meta["test_accuracy"]
    assert arrays["convolution_0_0/kernel"].dtype == np.float16

    # The test split is looked at, but not learnt from: its labels turned around turn the
    # accuracy around, and change no weight.
    turned = dataclasses.replace(drawn, test=Split(drawn.test.images, 1 - drawn.test.labels))
    again, same = _train(monkeypatch, turned, tmp_path / "b.npz")
    assert again["test_accuracy"] == pytest.approx(1.0 - meta["test_accuracy"])
    for name, array in arrays.items():
        np.testing.assert_array_equal(same[name], array)


def test_pictures_are_mirrored_where_that_keeps_the_class(monkeypatch, tmp_path, drawn):
    used = []
    monkeypatch.setattr(classifier, "_fit", lambda model, batches, epochs, flip: used.append(flip))
    for name, flip in (
        ("mnist", None),
        ("fashion_mnist", None),
        ("mnist", True),
        ("celeba", False),
    ):
        dataset = dataclasses.replace(drawn, name=name)
        _train(monkeypatch, dataset, tmp_path / "a.npz", flip=flip, overwrite=True)
    assert used == [False, True, True, False]


def test_moves_are_whole_pixels_over_repeated_edges():
    columns = np.arange(28, dtype=np.float32)
    # The value tells the place: 100 for a row, 1 for a column.
    image = 100 * columns[:, None] + columns
    images = tf.constant(np.repeat(image[None, ..., None], 200, axis=0))
    found = classifier.moved(images, 5, tf.constant(7, tf.int64), False).numpy()[..., 0]
    moves = set()
    for picture in found:
        down, right = (int(value) for value in divmod(picture[14, 14], 100))
        rows = np.clip(columns + down - 14, 0, 27)
        places = np.clip(columns + right - 14, 0, 27)
        np.testing.assert_array_equal(picture, 100 * rows[:, None] + places)
        moves.add((down - 14, right - 14))
    assert moves == {(down, right) for down in range(-1, 2) for right in range(-1, 2)}
    again = classifier.moved(images, 5, tf.constant(7, tf.int64), False).numpy()[..., 0]
    np.testing.assert_array_equal(found, again)
    for seed, step in ((5, 8), (6, 7)):
        other = classifier.moved(images, seed, tf.constant(step, tf.int64), False).numpy()[..., 0]
        assert (other != found).any()


def test_about_half_are_mirrored():
    images = tf.constant(np.tile(np.arange(28, dtype=np.float32)[:, None], (400, 28, 1, 1)))
    for flip, least, most in ((True, 150, 250), (False, 0, 0)):
        found = classifier.moved(images, 2**40, tf.constant(0, tf.int64), flip).numpy()
        mirrored = found[:, 0, 10, 0] > found[:, 0, 20, 0]
        assert least <= mirrored.sum() <= most


def test_pictures_that_teach_nothing_are_refused(monkeypatch, tmp_path, drawn):
    path = tmp_path / "a.npz"
    bare = Split(drawn.train.images, None)
    unlabelled = dataclasses.replace(drawn, train=bare, test=bare, class_names=None)
    with pytest.raises(RunError, match=r"have no classes.*sub-folder.*--label=Smiling"):
        _train(monkeypatch, unlabelled, path)
    one = Split(drawn.train.images, np.zeros(len(drawn.train.images), int))
    with pytest.raises(RunError, match="of one class"):
        _train(monkeypatch, dataclasses.replace(drawn, train=one), path)
    assert not path.exists()


def test_training_that_diverges_leaves_no_file(monkeypatch, tmp_path, drawn):
    monkeypatch.setattr(classifier, "PEAK_LEARNING_RATE", 1e30)
    with pytest.raises(RunError, match="diverged"):
        _train(monkeypatch, drawn, tmp_path / "a.npz", epochs=1)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(2)
    for part, number in (("train", 32), ("test", 6)):
        for index in range(number):
            path = tmp_path / "bars" / part / ("up", "flat")[index % 2] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(_picture(index % 2, random)).save(path)
    return tmp_path / "bars"


def test_the_app_makes_a_classifier_of_a_folder(folder, tmp_path, capsys):
    words = ["--dataset=folder:bars", "--output_height=8", "--cache_dir=cache"]
    words += ["--epochs=2", "--batch_size=8", "--output=made/bars.npz"]
    assert train_classifier.main(words) == 0
    output = capsys.readouterr().out
    assert "on the 6 test pictures of folder_bars_" in output
    path = tmp_path / "made" / "bars.npz"
    made = features.load(path)
    assert made.tag.startswith("folder_bars_")
    assert made.class_names == ("flat", "up")
    assert made.meta["command"] == "python -m apps.train_classifier " + " ".join(words)
    assert made.meta["image_shape"] == [8, 8, 1]
    assert f"{made.meta['test_accuracy']:.2%}" in output

    before = path.read_bytes()
    assert train_classifier.main(words) == 1
    error = capsys.readouterr().err
    assert "made/bars.npz exists already" in error
    assert "--overwrite" in error
    assert path.read_bytes() == before
    assert train_classifier.main([*words, "--overwrite", "--seed=1"]) == 0
    assert path.read_bytes() != before


def test_mistakes_leave_nothing(folder, tmp_path, capsys):
    (tmp_path / "flat").mkdir()
    random = np.random.default_rng(0)
    for index in range(40):
        Image.fromarray(_picture(0, random)).save(tmp_path / "flat" / f"{index}.png")
    output = "--output=made.npz"
    for words, status, message in (
        ([output], 2, "--dataset is needed"),
        (["--dataset=mnist"], 2, "--output is needed"),
        (["--dataset=mnist", "--output=made.h5"], 2, ".npz file"),
        (["--dataset=mnist", "--output=bars/.npz/"], 2, ".npz file"),
        (["--dataset=nothing", output], 1, "Unknown data set 'nothing'"),
        (["--dataset=folder:flat", output], 1, "have no classes"),
        (["--dataset=folder:bars", "--batch_size=64", output], 1, "do not fill one batch"),
    ):
        assert train_classifier.main([*words, "--cache_dir=cache"]) == status
        text = capsys.readouterr().err
        assert message in text, text
        assert "Traceback" not in text
    assert not list(tmp_path.glob("*.npz"))


def test_an_interrupt_says_that_nothing_was_written(folder, monkeypatch, tmp_path, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(classifier, "_fit", interrupt)
    words = ["--dataset=folder:bars", "--cache_dir=cache", "--output=made.npz", "--batch_size=8"]
    assert train_classifier.main(words) == 130
    assert "no classifier was written" in capsys.readouterr().err
    assert not (tmp_path / "made.npz").exists()
