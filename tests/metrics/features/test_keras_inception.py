"""Keras's Inception: what goes into the network and comes out of it."""

import keras
import numpy as np
import pytest

from genkeras.metrics.features import FeatureError, create
from genkeras.metrics.features.keras_inception import URL, KerasInception


def _extremes():
    """A network whose features are the largest value of each channel, as it sees them."""
    images = keras.Input((299, 299, 3))
    features = keras.layers.GlobalMaxPooling2D(name="avg_pool")(images)
    return keras.Model(images, keras.layers.Softmax()(features))


def test_values_are_scaled_and_grey_is_repeated():
    images = np.stack([np.full((7, 9, 1), value, np.uint8) for value in (0, 51, 255)])
    extraction = KerasInception(_extremes)(images)
    expected = np.repeat([[-1.0], [-0.6], [1.0]], 3, axis=1)
    np.testing.assert_allclose(extraction.features, expected, atol=1e-6)
    np.testing.assert_allclose(extraction.probabilities, np.full((3, 3), 1 / 3), atol=1e-6)


def test_pictures_are_resized_bilinearly_and_antialiased():
    # Every fourth column is white. Sampled with gaps the result would be black or half white;
    # the antialiased one is a triangle 8 wide: weights 1, 3, 5, 7, 7, 5, 3, 1 of 32, of which
    # columns 4 apart meet 1 + 7 or 3 + 5: a quarter everywhere, but at the edge.
    images = np.zeros((1, 4, 4 * 299, 3), np.uint8)
    images[:, :, 1::4] = 255
    features = KerasInception(_extremes)(images).features
    expected = 0.25 * 2.0 - 1.0
    assert features.max() < expected + 0.15
    assert features.min() > expected - 0.01


def test_the_features_are_the_pooling_layer_and_the_output():
    keras.utils.set_random_seed(0)
    model = keras.applications.InceptionV3(weights=None)
    extractor = KerasInception(lambda: model)
    assert (extractor.kind, extractor.tag) == ("inception", "keras")
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 1)).astype(np.uint8)
    extraction = extractor(images)
    assert extraction.features.shape == (1, 2048)
    assert extraction.probabilities.shape == (1, 1000)
    # The output is the dense layer on these features.
    weights, biases = model.layers[-1].get_weights()
    logits = extraction.features @ weights + biases
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(extraction.probabilities, shares, rtol=1e-4)


def test_no_network_says_what_to_do(monkeypatch):
    def unreachable(weights):
        assert weights == "imagenet"
        raise Exception(f"URL fetch failure on {URL}: None -- no network\nsecond line")

    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    monkeypatch.setenv("KERAS_HOME", "/some/where")
    with pytest.raises(FeatureError, match="no network") as caught:
        create("keras_inception")
    assert URL in str(caught.value)
    assert "/some/where/models" in str(caught.value)
    assert "\n" not in str(caught.value)
