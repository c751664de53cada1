import keras
import numpy as np
import pytest

from genkeras.networks import mlp


def test_layers_of_the_program():
    encoder = mlp.encoder((28, 28, 1), 40)
    decoder = mlp.decoder((28, 28, 1), 20)
    dense = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Dense)]
    assert [(d.units, d.activation.__name__) for d in dense] == [
        (500, "elu"),
        (500, "tanh"),
        (40, "linear"),
    ]
    dense = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Dense)]
    assert [(d.units, d.activation.__name__) for d in dense] == [
        (500, "tanh"),
        (500, "elu"),
        (784, "linear"),
    ]
    dropout = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in dropout] == [0.1, 0.1]


def test_he_initialization():
    encoder = mlp.encoder((28, 28, 1), 40, seed=1)
    kernel = next(w for w in encoder.weights if w.name == "kernel").numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / 784), rel=0.02)


def test_dropout_only_in_training():
    decoder = mlp.decoder((5, 7, 3), 4, n_hidden=50, dropout_rate=0.5)
    latents = np.ones((2, 4), "float32")
    assert decoder(latents).shape == (2, 5, 7, 3)
    np.testing.assert_array_equal(decoder(latents), decoder(latents))
    assert not np.array_equal(decoder(latents, training=True), decoder(latents, training=True))
