"""What all extractors share, and how they are named and found."""

import subprocess
import sys

import numpy as np
import pytest

from genkeras.metrics.features import FeatureError, FunctionExtractor, create


def _means(images):
    return images.mean(axis=(1, 2))


def _images(num_images, channels=3):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (num_images, 6, 5, channels)).astype(np.uint8)


def test_the_package_is_light_until_an_extractor_is_made():
    code = (
        "import sys, genkeras.metrics.features as features\n"
        "features.FunctionExtractor(len, 'a', 'b')\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_any_function_is_called_in_batches(channels, batch_size):
    images = _images(7, channels)
    sizes = []

    def function(batch):
        sizes.append(len(batch))
        return _means(batch)

    extraction = FunctionExtractor(function, "mean", "colour", batch_size)(images)
    assert sizes == [batch_size] * (7 // batch_size) + [7 % batch_size] * (7 % batch_size > 0)
    assert extraction.probabilities is None
    assert extraction.features.dtype == np.float32
    np.testing.assert_allclose(extraction.features, _means(images), rtol=1e-6)


def test_a_function_may_tell_classes():
    images = _images(5)

    def function(batch):
        shares = batch.mean(axis=(1, 2)) / batch.mean(axis=(1, 2)).sum(axis=1, keepdims=True)
        return _means(batch), shares

    extraction = FunctionExtractor(function, "mean", "colour", batch_size=2)(images)
    np.testing.assert_allclose(extraction.features, _means(images), rtol=1e-6)
    np.testing.assert_allclose(extraction.probabilities.sum(axis=1), np.ones(5), rtol=1e-6)
    assert extraction.probabilities.shape == (5, 3)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 6, 5, 3), np.float32),
        np.zeros((6, 5, 3), np.uint8),
        np.zeros((2, 6, 5, 2), np.uint8),
        np.zeros((2, 6, 5, 4), np.uint8),
        np.zeros((0, 6, 5, 3), np.uint8),
        np.zeros((2, 0, 5, 3), np.uint8),
    ],
    ids=["floats", "one picture", "two channels", "four channels", "none", "no rows"],
)
def test_what_is_not_pictures_is_refused(images):
    with pytest.raises(FeatureError, match="pictures"):
        FunctionExtractor(_means, "mean", "colour")(images)


@pytest.mark.parametrize(
    "function",
    [lambda images: images.mean(), lambda images: _means(images)[:1], lambda images: images],
    ids=["a number", "too few rows", "not flat"],
)
def test_what_is_not_features_is_refused(function):
    with pytest.raises(FeatureError, match=r"mean_colour made features .* one row per picture"):
        FunctionExtractor(function, "mean", "colour")(_images(3))


@pytest.mark.parametrize(("kind", "tag"), [("My net", "a"), ("net", "v1.0"), ("net", "")])
def test_names_of_scores_are_made_of_words(kind, tag):
    with pytest.raises(FeatureError, match="part of the names of scores"):
        FunctionExtractor(_means, kind, tag)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("inception", {}, "--features=inception is unknown; expected inception_2015, keras_"),
        ("classifier", {"inception_graph": "a.pb"}, "--inception_graph=a.pb is for"),
    ],
)
def test_unknown_names_are_refused(name, arguments, words):
    with pytest.raises(FeatureError, match=words):
        create(name, **arguments)
