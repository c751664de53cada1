"""MMD against a double loop in float64, and against hand numbers."""

import numpy as np
import pytest
import tensorflow as tf

from genkeras.models import mmd
from tests.reference import mmd as reference


def _samples(n=9, latent_dim=3, seed=0, shift=0.7):
    random = np.random.default_rng(seed)
    x, y = random.normal(shift, 1.5, (n, latent_dim)), random.normal(size=(n, latent_dim))
    return x.astype("float32"), y.astype("float32")


def test_hand_numbers():
    # k = 1 / (1 + ‖·‖²). Within: k(0, 1) = 1/2 and k(0, 2) = 1/5, each twice, over 2 pairs;
    # across: 1 + 1/5 + 1/2 + 1/2.
    x, y = tf.constant([[0.0], [1.0]]), tf.constant([[0.0], [2.0]])
    value = mmd.unbiased_mmd(lambda distances: 1.0 / (1.0 + distances), x, y)
    assert float(value) == pytest.approx(0.7 - 2.0 / 4.0 * 2.2)


@pytest.mark.parametrize("seed", range(3))
def test_imq_is_the_sum_over_scales(seed):
    x, y = _samples(seed=seed)
    expected = reference.imq_mmd(x, y, base=6.0)
    assert float(mmd.imq_mmd(x, y, 6.0)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_rbf_against_the_double_loop():
    x, y = _samples()
    assert float(mmd.rbf_mmd(x, y)) == pytest.approx(reference.rbf_mmd(x, y), rel=1e-4)


def test_it_can_be_negative():
    values = []
    for seed in range(8):
        x, y = _samples(n=12, seed=seed, shift=0.0)
        x = x / 1.5
        values.append(reference.imq_mmd(x, y, 6.0))
        assert float(mmd.imq_mmd(x, y, 6.0)) == pytest.approx(values[-1], abs=1e-5)
    assert min(values) < -0.01
    assert max(values) > 0.01


def test_bandwidth_of_two_pairs():
    # m = 1: the largest of {0, 4, 1, 1} and the largest of {0, 1, 1, 0}.
    x, y = tf.constant([[0.0], [1.0]]), tf.constant([[0.0], [2.0]])
    assert float(mmd.rbf_bandwidth(x, y)) == pytest.approx(5.0)


@pytest.mark.parametrize("n", [3, 8, 9])
def test_bandwidth_against_sorting(n):
    x, y = _samples(n)
    expected = reference.rbf_bandwidth(x, y)
    assert float(mmd.rbf_bandwidth(x, y)) == pytest.approx(expected, rel=1e-5)


def test_gradient_flows_through_the_bandwidth():
    x, y = _samples(n=6, latent_dim=2)
    codes = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(codes)
        value = mmd.rbf_mmd(codes, y)
    gradient = tape.gradient(value, codes).numpy()
    numeric, step = np.zeros_like(gradient), 1e-5
    for index in np.ndindex(x.shape):
        moved = np.zeros(x.shape)
        moved[index] = step
        numeric[index] = (reference.rbf_mmd(x + moved, y) - reference.rbf_mmd(x - moved, y)) / (
            2.0 * step
        )
    np.testing.assert_allclose(gradient, numeric, atol=1e-4)


def test_gradient_is_finite_where_codes_coincide():
    codes = tf.zeros((4, 2))
    with tf.GradientTape() as tape:
        tape.watch(codes)
        value = mmd.imq_mmd(codes, codes, 4.0)
    assert np.isfinite(tape.gradient(value, codes).numpy()).all()


@pytest.mark.parametrize("function", [mmd.rbf_mmd, lambda x, y: mmd.imq_mmd(x, y, 6.0)])
def test_compiled_is_the_same(function):
    x, y = map(tf.constant, _samples())
    compiled = tf.function(function, jit_compile=True)
    assert float(compiled(x, y)) == pytest.approx(float(function(x, y)), abs=1e-5)
