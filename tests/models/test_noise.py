import numpy as np
import tensorflow as tf

from genkeras.models import noise


def test_same_seed_same_numbers_and_streams_differ():
    first = noise.normal((100,), noise.fold(7, 3))
    np.testing.assert_array_equal(first, noise.normal((100,), noise.fold(7, 3)))
    for other in (noise.fold(7, 4), noise.fold(8, 3), noise.fold(noise.fold(7, 3), 0)):
        assert abs(np.corrcoef(first, noise.normal((100,), other))[0, 1]) < 0.4


def test_compiled_numbers_are_the_same():
    def draw(step):
        return noise.uniform_signed((1000,), noise.fold(1, step))

    compiled = tf.function(draw, jit_compile=True)
    step = tf.constant(5, tf.int64)
    np.testing.assert_array_equal(draw(step), compiled(step))


def test_distributions():
    seed = noise.fold(0, 0)
    signed = noise.uniform_signed((100_000,), seed).numpy()
    unsigned = noise.uniform_unsigned((100_000,), seed).numpy()
    normal = noise.normal((100_000,), seed).numpy()
    assert -1 <= signed.min() < -0.999
    assert 0.999 < signed.max() <= 1
    assert abs(signed.mean()) < 0.01
    assert 0 <= unsigned.min() < 0.001
    assert 0.999 < unsigned.max() <= 1
    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1) < 0.01
