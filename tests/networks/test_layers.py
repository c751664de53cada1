import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from genkeras.networks import layers as our_layers
from genkeras.networks.layers import BatchNormalization, Dense, Upsampling


def _gradients(network, inputs, upstream, training):
    """Outputs, and the gradients of `sum(outputs * upstream)` by inputs and weights."""
    values = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = network(inputs, training=training)
        loss = tf.reduce_sum(outputs * upstream)
    return [outputs, *tape.gradient(loss, [inputs, *values])]


def _pair(ours, theirs, input_shape, seed=0):
    """Networks of one layer each, with the same random weights."""
    networks = []
    for layer in (ours, theirs):
        inputs = keras.Input(input_shape)
        networks.append(keras.Model(inputs, layer(inputs)))
    random = np.random.default_rng(seed)
    weights = [random.uniform(0.5, 1.5, w.shape) for w in networks[1].get_weights()]
    for network in networks:
        network.set_weights(weights)
    return networks


def _assert_same(ours, theirs, inputs, training=True, compiled=False):
    inputs = tf.constant(inputs, tf.float32)
    upstream = tf.constant(
        np.random.default_rng(9).normal(size=theirs(inputs).shape).astype(np.float32)
    )
    for network in (ours, theirs):
        network.trainable = True

    def both():
        return [_gradients(network, inputs, upstream, training) for network in (ours, theirs)]

    results = tf.function(both, jit_compile=True)() if compiled else both()
    for our, their in zip(*results, strict=True):
        scale = np.abs(their).max()
        np.testing.assert_allclose(our, their, rtol=1e-4, atol=2e-5 * scale)
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-6)


def _random(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(params=[0, our_layers.LARGE_KERNEL], ids=["large", "small"])
def kernels(monkeypatch, request):
    """Kernels that count as large, and as small."""
    monkeypatch.setattr(our_layers, "LARGE_KERNEL", request.param)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("use_bias", [False, True])
def test_dense_is_keras_dense(use_bias, compiled):
    options = {"use_bias": use_bias, "activation": "tanh"}
    networks = _pair(Dense(7, **options), layers.Dense(7, **options), (5,))
    _assert_same(*networks, 0.1 * _random((4, 5)), compiled=compiled)


def test_dense_has_second_derivatives(monkeypatch):
    monkeypatch.setattr(our_layers, "LARGE_KERNEL", 0)
    ours, theirs = _pair(Dense(3, activation="tanh"), layers.Dense(3, activation="tanh"), (5,))
    inputs = tf.constant(0.1 * _random((4, 5)), tf.float32)
    results = []
    for network in (ours, theirs):
        kernel = network.trainable_variables[0].value
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = network(inputs, training=True)
            penalty = tf.reduce_sum(tape.gradient(outputs, inputs) ** 2)
        results.append(outer.gradient(penalty, kernel))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)
    assert np.abs(results[1]).max() > 0.1


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (3, 5, 4, 4), (5, 1, 1, 4)])
@pytest.mark.parametrize("compiled", [False, True])
def test_batch_normalization_is_keras_batch_normalization(shape, training, compiled):
    options = {"momentum": 0.9, "epsilon": 1e-5}
    networks = _pair(BatchNormalization(**options), layers.BatchNormalization(**options), shape[1:])
    before = networks[0].get_weights()
    _assert_same(*networks, 3.0 + _random(shape), training=training, compiled=compiled)
    moved = [np.abs(a - b).max() for a, b in zip(before, networks[0].get_weights(), strict=True)]
    assert (max(moved) > 0.01) == training


def test_batch_normalization_takes_batches_of_unknown_size():
    ours, theirs = _pair(BatchNormalization(), layers.BatchNormalization(), (4, 4, 3))
    images = tf.constant(_random((5, 4, 4, 3)), tf.float32)
    results = []
    for network in (ours, theirs):
        step = tf.function(
            lambda x, network=network: network(x, training=True),
            input_signature=[tf.TensorSpec((None, None, 4, 3))],
        )
        results.append(step(images))
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_upsampling_is_a_transposed_convolution_of_stride_2(kernel_size, channels):
    theirs = layers.Conv2DTranspose(channels, kernel_size, strides=2, padding="same")
    networks = _pair(Upsampling(channels, kernel_size), theirs, (4, 3, 2))
    _assert_same(*networks, _random((2, 4, 3, 2)))


def test_upsampling_compiled():
    theirs = layers.Conv2DTranspose(3, 5, strides=2, padding="same", activation="tanh")
    networks = _pair(Upsampling(3, 5, activation="tanh"), theirs, (4, 4, 2))
    _assert_same(*networks, 0.02 * _random((2, 4, 4, 2)), compiled=True)
