import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras.models.optimization import Adam


def _reference(gradients, rate, beta_1, beta_2, epsilon, start):
    """Kingma & Ba, section 2's last form, in float64."""
    weight, first, second = np.array(start, np.float64), 0.0, 0.0
    for step, gradient in enumerate(np.asarray(gradients, np.float64), 1):
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        size = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weight = weight - size * first / (np.sqrt(second) + epsilon)
    return weight


@pytest.mark.parametrize("compiled", [False, True])
def test_adam_is_the_papers(compiled):
    random = np.random.default_rng(0)
    starts = [random.normal(size=shape).astype(np.float32) for shape in [(3, 2), (4,)]]
    gradients = [random.normal(size=(5, *start.shape)).astype(np.float32) for start in starts]
    variables = [keras.Variable(start) for start in starts]
    optimizer = Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3)
    optimizer.build(variables)

    @tf.function(jit_compile=compiled)
    def update(values):
        optimizer.apply(values, variables)

    for step in range(5):
        update([tf.constant(gradient[step]) for gradient in gradients])
    for variable, start, gradient in zip(variables, starts, gradients, strict=True):
        expected = _reference(gradient, 0.1, 0.5, 0.9, 1e-3, start)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations.numpy()) == 5


def test_adam_keeps_constraints_and_schedules():
    variable = keras.Variable(np.full(3, 2.0, np.float32))
    variable.constraint = lambda value: keras.ops.clip(value, -0.5, 0.5)
    optimizer = Adam(keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.0]))
    optimizer.build([variable])
    optimizer.apply([tf.ones(3)], [variable])
    np.testing.assert_array_equal(variable.numpy(), 0.5)
    # The second step's rate is 0.
    optimizer.apply([tf.ones(3)], [variable])
    np.testing.assert_array_equal(variable.numpy(), 0.5)
