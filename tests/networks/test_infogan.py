import keras
import numpy as np
import pytest

from genkeras.networks import infogan


def _hidden(model):
    return [
        layer.units if isinstance(layer, keras.layers.Dense) else layer.filters
        for layer in model.layers
        if hasattr(layer, "units") or hasattr(layer, "filters")
    ]


def test_published_sizes():
    assert _hidden(infogan.generator((28, 28, 1), 62)) == [1024, 7 * 7 * 128, 64, 1]
    assert _hidden(infogan.discriminator((28, 28, 1))) == [64, 128, 1024, 1]


def test_parameters_counted_by_hand():
    generator = infogan.generator((28, 28, 1), 62)
    # Dense layers and the first transposed convolution have a batch norm (2 per channel)
    # in place of the bias; the last has a bias.
    dense = 62 * 1024 + 2 * 1024 + 1024 * 6272 + 2 * 6272
    convolutions = 4 * 4 * 128 * 64 + 2 * 64 + 4 * 4 * 64 * 1 + 1
    trainable = sum(int(np.prod(w.shape)) for w in generator.trainable_weights)
    assert trainable == dense + convolutions

    discriminator = infogan.discriminator((28, 28, 1))
    convolutions = 4 * 4 * 64 + 64 + 4 * 4 * 64 * 128 + 2 * 128
    dense = 6272 * 1024 + 2 * 1024 + 1024 + 1
    trainable = sum(int(np.prod(w.shape)) for w in discriminator.trainable_weights)
    assert trainable == dense + convolutions


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 28, 3), (45, 37, 3), (64, 64, 3)])
def test_any_size(shape):
    generator = infogan.generator(shape, 5, width=2)
    images = generator(np.ones((3, 5), "float32"))
    assert images.shape == (3, *shape)
    assert infogan.discriminator(shape, width=2, outputs=4)(images).shape == (3, 4)


@pytest.mark.parametrize(("activation", "low", "high"), [("tanh", -1, 1), ("sigmoid", 0, 1)])
def test_output_range(activation, low, high):
    generator = infogan.generator((8, 8, 1), 3, width=4, activation=activation)
    generator.layers[-2].bias.assign([0.0])
    images = np.asarray(generator(1e6 * np.random.default_rng(0).normal(size=(9, 3))))
    assert images.min() == pytest.approx(low, abs=1e-3)
    assert images.max() == pytest.approx(high, abs=1e-3)


def test_initial_weights():
    generator = infogan.generator((28, 28, 1), 62, seed=3)
    kernels = [w.numpy() for w in generator.weights if w.name == "kernel"]
    for kernel in kernels[:3]:
        assert kernel.std() == pytest.approx(0.02, rel=0.02)
        assert abs(kernel).max() > 0.05  # normal: not cut at two standard deviations
    convolution = infogan.discriminator((28, 28, 1), seed=3).layers[3]
    assert isinstance(convolution, keras.layers.Conv2D)
    assert abs(convolution.kernel.numpy()).max() <= 0.0401  # truncated normal


def test_same_seed_same_weights_and_networks_differ():
    first, again = (infogan.generator((8, 8, 1), 3, width=4, seed=1) for _ in range(2))
    other = infogan.generator((8, 8, 1), 3, width=4, seed=2)
    decoder = infogan.generator((8, 8, 1), 3, width=4, seed=1, name="decoder")
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])
    assert not np.array_equal(first.get_weights()[0], decoder.get_weights()[0])


def _norms(normalization):
    model = infogan.discriminator((8, 8, 1), width=4, normalization=normalization)
    return [
        type(layer).__name__ for layer in model.layers if "Normalization" in type(layer).__name__
    ]


def test_normalizations():
    assert _norms("batch") == ["BatchNormalization"] * 2
    assert _norms("layer") == ["GroupNormalization"] * 2
    assert _norms(None) == []
    with pytest.raises(ValueError, match=r"normalization='instance' is unknown; use one of"):
        infogan.discriminator((8, 8, 1), normalization="instance")


def test_batch_norm_constants():
    norm = next(
        layer
        for layer in infogan.discriminator((8, 8, 1), width=4).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    assert (norm.momentum, norm.epsilon, norm.center, norm.scale) == (0.9, 1e-5, True, True)
