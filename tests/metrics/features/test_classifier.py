import importlib.resources
import io
import json
import os
import pathlib
import re

import numpy as np
import pytest

from genkeras.data import registry as datasets
from genkeras.data.dataset import DataOptions
from genkeras.data.embedded.sample import read_sample
from genkeras.metrics.features import classifier, classifier_file, create
from genkeras.metrics.features.errors import FeatureError

REAL = pathlib.Path(os.environ.get("GENKERAS_DATA_DIR", "no-such-folder"))
GREY, COLOUR = (12, 10, 1), (12, 10, 3)


def _meta(image_shape, **changes):
    return {
        "dataset": "drawn",
        "class_names": ["a", "b", "c"],
        "image_shape": list(image_shape),
        "width": 8,
        "test_accuracy": 0.5,
        "num_test": 10,
        "epochs": 1,
        "command": "python -m apps.train_classifier",
        "versions": {},
        "data_fingerprint": "0",
        **changes,
    }


def _arrays(image_shape, **changes):
    """The weights of a network that was not trained, its moving statistics random too."""
    random = np.random.default_rng(0)
    arrays = classifier.stored_arrays(classifier.network(image_shape, 3, width=8, seed=1))
    for name, array in arrays.items():
        if "moving_variance" in name:
            arrays[name] = random.uniform(0.1, 0.3, array.shape).astype(array.dtype)
        elif array.ndim == 1:
            arrays[name] = array + random.normal(0.0, 0.1, array.shape).astype(array.dtype)
    return arrays | changes


@pytest.fixture(scope="module")
def grey():
    return classifier.Classifier(_arrays(GREY), _meta(GREY))


@pytest.fixture(scope="module")
def colour():
    return classifier.Classifier(_arrays(COLOUR), _meta(COLOUR))


def _random_images(num_images, image_shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num_images, *image_shape), np.uint8)


@pytest.mark.parametrize(
    ("image_shape", "last_grid", "channels"),
    [
        ((28, 28, 1), (4, 4), [4, 8, 8, 16]),
        ((64, 48, 3), (4, 3), [4, 8, 8, 16, 16]),
        ((8, 5, 1), (4, 3), [4]),
        ((9, 9, 3), (3, 3), [4, 8, 8]),
        ((3, 3, 1), (2, 2), [4]),
    ],
)
def test_grids_shrink_to_four_pixels(image_shape, last_grid, channels):
    model = classifier.network(image_shape, 5, width=4)
    assert model.get_layer("grid").input.shape[1:3] == last_grid
    layers = [layer for layer in model.layers if layer.name.startswith("convolution")]
    assert [layer.filters for layer in layers] == channels
    assert model.output["features"].shape == (None, 64)
    assert model.output["probabilities"].shape == (None, 5)


def test_features_and_probabilities_belong_together(grey):
    images = _random_images(7, GREY)
    made = grey(images)
    assert made.features.shape == (7, 64)
    assert made.probabilities.shape == (7, 3)
    assert made.features.dtype == made.probabilities.dtype == np.float32
    assert made.features.min() == 0.0
    assert made.features.max() > 0.0
    np.testing.assert_allclose(made.probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert np.ptp(made.probabilities, axis=0).max() > 1e-3
    arrays = _arrays(GREY)
    logits = made.features @ arrays["logits/kernel"].astype(np.float32) + arrays["logits/bias"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        made.probabilities, powers / powers.sum(axis=1, keepdims=True), atol=1e-6
    )


def test_a_picture_counts_alone(grey):
    images = _random_images(grey.batch_size + 5, GREY)
    together = grey(images)
    for index in (0, 3, len(images) - 1):
        alone = grey(images[index : index + 1])
        np.testing.assert_allclose(alone.features[0], together.features[index], atol=1e-5)
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[index], atol=1e-6)


def test_grey_and_colour_become_each_other(grey, colour):
    images = _random_images(4, GREY)
    as_colour = np.repeat(images, 3, axis=3)
    np.testing.assert_array_equal(grey(as_colour).features, grey(images).features)
    np.testing.assert_array_equal(colour(as_colour).features, colour(images).features)
    # Blue weighs 0.114 in a grey value (BT.601).
    blue = np.zeros((1, *COLOUR), np.uint8)
    blue[..., 2] = 200
    expected = grey(np.full((1, *GREY), 23, np.uint8))
    np.testing.assert_array_equal(grey(blue).features, expected.features)
    # Colours stay what they are when the size changes.
    large = np.repeat(np.repeat(blue, 2, axis=1), 3, axis=2)
    np.testing.assert_array_equal(colour(large).features, colour(blue).features)
    assert (colour(blue[..., ::-1]).features != colour(blue).features).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_other_sizes_are_resized_with_antialiasing(grey, channels):
    def flat(value):
        return grey(np.full((1, *GREY), value, np.uint8)).features

    # Every other pixel is white: without antialiasing, halving leaves all or nothing.
    fine = np.zeros((1, 24, 20, channels), np.uint8)
    fine[:, ::2, ::2] = fine[:, 1::2, 1::2] = 255
    made = grey(fine).features
    to_black, to_grey, to_white = (np.linalg.norm(made - flat(value)) for value in (0, 127, 255))
    assert to_grey < 0.3 * min(to_black, to_white)
    # A larger and a smaller flat picture stay flat, whatever their proportions.
    for size in ((37, 11), (5, 60)):
        picture = np.full((2, *size, channels), 90, np.uint8)
        np.testing.assert_allclose(grey(picture).features[1:], flat(90), atol=1e-5)


@pytest.mark.parametrize(
    ("dataset", "image_shape"),
    [("drawn", GREY), ("folder_My.Cats-1_0a", COLOUR)],
)
def test_a_file_is_read_back(tmp_path, dataset, image_shape):
    path = tmp_path / "classifier.npz"
    meta = _meta(image_shape, dataset=dataset, class_names=["Ä", "b", "c"])
    path.write_bytes(classifier_file.to_bytes(_arrays(image_shape), meta))
    loaded = create(str(path))
    name = dataset.lower().translate({46: 95, 45: 95})
    assert loaded.kind == "classifier"
    assert re.fullmatch(f"{name}_[0-9a-f]{{8}}", loaded.tag)
    assert loaded.class_names == ("Ä", "b", "c")
    assert loaded.meta == {"format_version": 1, **meta}
    images = _random_images(3, image_shape)
    direct = classifier.Classifier(_arrays(image_shape), meta)(images)
    np.testing.assert_array_equal(loaded(images).features, direct.features)

    # Another classifier of the same data set gives other scores, so they have other names.
    arrays = _arrays(image_shape)
    arrays["logits/bias"] = arrays["logits/bias"] + 1.0
    path.write_bytes(classifier_file.to_bytes(arrays, meta))
    assert create(str(path)).tag != loaded.tag


def _npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _flipped(data):
    # A byte in the middle of a stored weight.
    position = data.index(b"NUMPY", len(data) // 2) + 140
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def _resealed(data, **changes):
    """The file with other arrays, and a checksum that fits: for which it was written so."""
    with np.load(io.BytesIO(data)) as archive:
        content = {name: archive[name] for name in archive.files if name != "sha256"}
    content |= changes
    checksum = np.frombuffer(bytes.fromhex(classifier_file._digest(content)), np.uint8)
    return _npz(**content, sha256=checksum)


def _json(value):
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _shape(data, shape):
    return _resealed(data, meta=_json({"format_version": 1, **_meta(shape)}))


KERNEL = "features/kernel"
BROKEN = {
    "nothing": (lambda data: b"", "no .npz archive"),
    "text": (lambda data: b"PNG or so", "no .npz archive"),
    "half": (lambda data: data[: len(data) // 2], "damaged"),
    "one bit": (_flipped, "damaged"),
    "another npz": (lambda data: _npz(mu=np.zeros(3), sigma=np.eye(3)), "has no sha256"),
    "objects": (lambda data: _npz(sha256=np.array([{}])), "damaged"),
    "another sum": (
        lambda data: _npz(meta=np.zeros(3, np.uint8), sha256=np.zeros(32, np.uint8)),
        "SHA-256 does not match",
    ),
    "no json": (lambda data: _resealed(data, meta=np.zeros(3, np.uint8)), "no JSON"),
    "a list": (lambda data: _resealed(data, meta=_json([1])), "format version is None"),
    "a later version": (
        lambda data: _resealed(data, meta=_json({"format_version": 2})),
        "format version is 2, not 1",
    ),
    "no classes": (
        lambda data: _resealed(data, meta=_json({"format_version": 1, "dataset": "drawn"})),
        "'class_names' is None, not a list",
    ),
    "a flat shape": (lambda data: _shape(data, [12, 10]), r"image shape is \[12, 10\]"),
    "two channels": (lambda data: _shape(data, [12, 10, 2]), "image shape"),
    "huge pictures": (lambda data: _shape(data, [12, 10**9, 1]), "image shape"),
    "another shape": (
        lambda data: _resealed(data, **{KERNEL: np.zeros((5, 64), np.float16)}),
        rf"{KERNEL} is float16 \(5, 64\)",
    ),
    "another type": (
        lambda data: _resealed(data, **{KERNEL: np.zeros((144, 64), np.float64)}),
        f"{KERNEL} is float64",
    ),
    "not a number": (
        lambda data: _resealed(data, **{"logits/bias": np.full(3, np.nan, np.float32)}),
        "logits/bias holds numbers that are not finite",
    ),
    "a weight too many": (
        lambda data: _resealed(data, more=np.zeros(3)),
        r"has \['more'\] beside",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_damaged_and_foreign_files_are_refused_by_name(tmp_path, case):
    change, message = BROKEN[case]
    path = tmp_path / "mine.npz"
    path.write_bytes(change(classifier_file.to_bytes(_arrays(GREY), _meta(GREY))))
    with pytest.raises(FeatureError, match=message) as caught:
        classifier.load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_unpacks_to_too_much_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "mine.npz"
    path.write_bytes(classifier_file.to_bytes(_arrays(GREY), _meta(GREY)))
    monkeypatch.setattr(classifier_file, "MAX_BYTES", 1000)
    with pytest.raises(FeatureError, match="at most 1,000 are read"):
        classifier.load(path)


def test_missing_files_are_named(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(FeatureError, match="cannot be read") as caught:
            classifier.load(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "tag", "least"),
    [
        ("mnist", "mnist", 0.993),
        ("fashion_mnist", "fashion_mnist", 0.925),
        ("fashion_mnist_sample", "fashion_mnist", 0.925),
    ],
)
def test_the_shipped_classifiers_load(dataset, tag, least):
    shipped = create("classifier", dataset=dataset)
    assert (shipped.kind, shipped.tag) == ("classifier", tag)
    meta = shipped.meta
    assert meta["test_accuracy"] >= least
    assert meta["num_test"] == 10_000
    assert meta["command"].startswith(f"python -m apps.train_classifier --dataset={tag} ")
    assert len(meta["data_fingerprint"]) == 64
    assert len(shipped.class_names) == 10
    weights = importlib.resources.files("genkeras.metrics.features") / "weights" / f"{tag}.npz"
    assert len(weights.read_bytes()) <= 1_000_000


def test_the_shipped_classifier_knows_the_sample():
    _, _, images, labels = read_sample()
    made = classifier.shipped("fashion_mnist_sample")(images[..., np.newaxis])
    assert np.mean(made.probabilities.argmax(axis=1) == labels) > 0.9
    np.testing.assert_allclose(made.probabilities.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_the_stored_accuracy_is_that_of_the_official_test_split(dataset):
    if not (REAL / dataset).is_dir():
        pytest.skip("GENKERAS_DATA_DIR has no such set")
    real = datasets.load(dataset, DataOptions(data_dir=str(REAL)))
    shipped = classifier.shipped(dataset)
    assert shipped.meta["data_fingerprint"] == real.facts["fingerprint"]
    found = shipped(real.test.images).probabilities.argmax(axis=1)
    # Another processor may round one picture on the edge to another class.
    accuracy = np.mean(found == real.test.labels)
    np.testing.assert_allclose(accuracy, shipped.meta["test_accuracy"], atol=3e-4)


@pytest.mark.parametrize("dataset", ["celeba", "folder_cats_01234567", None])
def test_other_sets_are_told_what_to_do(dataset):
    with pytest.raises(FeatureError) as caught:
        create("classifier", dataset=dataset)
    for words in ("mnist, fashion_mnist", "apps.train_classifier", "--features=inception_2015"):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)
