import numpy as np
import pytest
import tensorflow as tf

from genkeras.models import losses


def test_cross_entropies_by_hand():
    # σ(0) = ½; σ(ln 3) = ¾.
    logits = tf.constant([[0.0], [np.log(3.0)]], tf.float32)
    assert float(losses.real_cross_entropy(logits)) == pytest.approx(
        (np.log(2) + np.log(4 / 3)) / 2, rel=1e-6
    )
    assert float(losses.fake_cross_entropy(logits)) == pytest.approx(
        (np.log(2) + np.log(4)) / 2, rel=1e-6
    )


def test_cross_entropies_stay_finite():
    assert float(losses.real_cross_entropy(tf.constant([-1e4]))) == pytest.approx(1e4)
    assert float(losses.fake_cross_entropy(tf.constant([-1e4]))) == 0.0


def test_bernoulli_likelihood_by_hand():
    images = np.array([[0.0, 1.0], [0.25, 0.5]], "float32").reshape(2, 2, 1, 1)
    logits = np.full_like(images, np.log(3.0))
    p = 0.75
    first = -np.log(1 - p) - np.log(p)
    second = -(0.25 * np.log(p) + 0.75 * np.log(1 - p)) - 0.5 * (np.log(p) + np.log(1 - p))
    value = losses.bernoulli_negative_log_likelihood(images, logits)
    assert float(value) == pytest.approx((first + second) / 2, rel=1e-6)


def test_bernoulli_likelihood_of_a_certain_mistake_is_finite():
    value = losses.bernoulli_negative_log_likelihood(
        tf.ones((1, 1, 1, 1)), tf.fill((1, 1, 1, 1), -200.0)
    )
    assert float(value) == pytest.approx(200.0)


def test_kl_against_the_closed_form():
    assert float(losses.gaussian_kl_divergence(tf.zeros((3, 4)), tf.ones((3, 4)))) == pytest.approx(
        0.0, abs=1e-6
    )
    # Per image: ½ (μ² + σ² − log σ² − 1), summed; then the mean over the two images.
    mean = np.array([[1.0, 0.0], [0.0, -2.0]])
    stddev = np.array([[1.0, 2.0], [0.5, 1.0]])
    by_hand = [
        0.5 * 1.0 + 0.5 * (4 - np.log(4) - 1),
        0.5 * (0.25 - np.log(0.25) - 1) + 0.5 * 4,
    ]
    value = losses.gaussian_kl_divergence(tf.constant(mean), tf.constant(stddev))
    assert float(value) == pytest.approx(np.mean(by_hand), rel=1e-6)


def test_kl_against_numerical_integration():
    mean, stddev = 0.7, 0.4
    x = np.linspace(mean - 12 * stddev, mean + 12 * stddev, 400_001)
    q = np.exp(-((x - mean) ** 2) / (2 * stddev**2)) / (stddev * np.sqrt(2 * np.pi))
    log_ratio = x**2 / 2 - (x - mean) ** 2 / (2 * stddev**2) - np.log(stddev)
    integral = np.trapezoid(q * log_ratio, x)
    value = losses.gaussian_kl_divergence(
        tf.constant([[mean]], tf.float64), tf.constant([[stddev]], tf.float64)
    )
    assert float(value) == pytest.approx(integral, abs=1e-6)
