import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models.gan import GAN, NonSaturatingGAN

SHAPE = (8, 8, 1)


def _generator_gradient(model_class, logit):
    model = _tiny(model_class)
    output = tf.constant([[logit]])
    with tf.GradientTape() as tape:
        tape.watch(output)
        loss = model.generator_loss(output)
    return float(tape.gradient(loss, output)[0, 0])


def _tiny(model_class, **options):
    """A linear generator and discriminator, so that losses can be followed by hand."""
    generator = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(4), keras.layers.Reshape((2, 2, 1))],
        name="generator",
    )
    discriminator = keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)],
        name="discriminator",
    )
    model = model_class(generator, discriminator, **options)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def test_minimax_and_non_saturating_gradients_differ():
    # definitions: at logit −5 the discriminator is sure that the picture is a fake.
    assert _generator_gradient(GAN, -5.0) == pytest.approx(-0.0067, abs=5e-5)
    assert _generator_gradient(NonSaturatingGAN, -5.0) == pytest.approx(-0.9933, abs=5e-5)


def test_losses_by_hand():
    real = tf.constant([[0.0], [np.log(3.0)]], tf.float32)
    fake = tf.constant([[-np.log(3.0)], [0.0]], tf.float32)
    by_hand = (np.log(2) + np.log(4 / 3)) / 2 + (np.log(4 / 3) + np.log(2)) / 2
    for model_class in (GAN, NonSaturatingGAN):
        assert float(_tiny(model_class).discriminator_loss(real, fake)) == pytest.approx(
            by_hand, rel=1e-6
        )
    # log(1 − ¼) = log ¾; −log ¼.
    assert float(_tiny(GAN).generator_loss(fake)) == pytest.approx(
        (np.log(3 / 4) + np.log(1 / 2)) / 2, rel=1e-6
    )
    assert float(_tiny(NonSaturatingGAN).generator_loss(fake)) == pytest.approx(
        (np.log(4) + np.log(2)) / 2, rel=1e-6
    )


def _record(model, monkeypatch, method):
    """Records the first argument of every call, and what is returned."""
    calls, original = [], getattr(model, method)

    def record(argument, *others, **options):
        result = original(argument, *others, **options)
        calls.append((np.asarray(argument), np.asarray(result)))
        return result

    monkeypatch.setattr(model, method, record)
    return calls


def test_each_discriminator_update_sees_fresh_pictures_and_latents(monkeypatch):
    model = _tiny(GAN, discriminator_steps=3, generator_steps=2)
    generated = _record(model, monkeypatch, "generate")
    judged = _record(model, monkeypatch, "discriminate")
    images = np.random.default_rng(0).normal(size=(12, 2, 2, 1)).astype("float32")
    model.train_step(tf.constant(images))
    # Three updates of the discriminator (real, then fake), two of the generator (fake).
    assert len(judged) == 3 * 2 + 2
    for index in range(3):
        np.testing.assert_array_equal(judged[2 * index][0], images[4 * index : 4 * index + 4])
        np.testing.assert_array_equal(judged[2 * index + 1][0], generated[index][1])
    assert all(latents.shape == (4, 2) for latents, _ in generated)
    assert len({latents.tobytes() for latents, _ in generated}) == 5
    model.train_step(tf.constant(images))
    assert len({latents.tobytes() for latents, _ in generated}) == 10


def test_shared_latents(monkeypatch):
    model = _tiny(GAN, generator_steps=2, shared_latents=True)
    generated = _record(model, monkeypatch, "generate")
    model.train_step(tf.zeros((4, 2, 2, 1)))
    assert len(generated) == 3
    assert len({latents.tobytes() for latents, _ in generated}) == 1


@pytest.mark.parametrize("still", ["generator", "discriminator"])
def test_an_update_changes_one_network_only(still):
    model = _tiny(NonSaturatingGAN)
    model.optimizers[still].learning_rate = 0.0
    before = {name: getattr(model, name).get_weights() for name in ("generator", "discriminator")}
    model.train_step(tf.ones((4, 2, 2, 1)))
    for name, weights in before.items():
        for old, new in zip(weights, getattr(model, name).get_weights(), strict=True):
            assert np.array_equal(old, new) == (name == still)


def test_a_step_against_numpy():
    """One SGD step of the linear networks, with gradients derived by hand."""
    model = _tiny(NonSaturatingGAN, seed=5)
    x = np.random.default_rng(1).normal(size=(3, 4))
    _, g_kernel, g_bias, d_kernel, d_bias = (np.asarray(w, np.float64) for w in model.get_weights())

    from genkeras.models import noise

    step_seed = noise.fold(noise.fold(5, 0), 0)
    z_d, z_g = (
        np.asarray(model.draw_latents(3, noise.fold(step_seed, k)), np.float64) for k in (0, 1)
    )

    def sigmoid(value):
        return 1 / (1 + np.exp(-value))

    fake = z_d @ g_kernel + g_bias
    real_error = (sigmoid(x @ d_kernel + d_bias) - 1) / 3
    fake_error = sigmoid(fake @ d_kernel + d_bias) / 3
    d_kernel = d_kernel - 0.1 * (x.T @ real_error + fake.T @ fake_error)
    d_bias = d_bias - 0.1 * (real_error.sum(0) + fake_error.sum(0))
    fake = z_g @ g_kernel + g_bias
    error = ((sigmoid(fake @ d_kernel + d_bias) - 1) / 3) @ d_kernel.T
    expected = [g_kernel - 0.1 * z_g.T @ error, g_bias - 0.1 * error.sum(0), d_kernel, d_bias]

    model.train_step(tf.constant(x.reshape(3, 2, 2, 1), tf.float32))
    for value, weight in zip(expected, model.get_weights()[1:], strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


def test_prior_is_uniform_signed():
    latents = registry.build("gan", SHAPE, width=2).draw_latents(5000, np.array([0, 1])).numpy()
    assert latents.shape == (5000, 62)
    assert -1 <= latents.min() < -0.99
    assert 0.99 < latents.max() <= 1


def test_moving_average_draws_the_samples():
    model = registry.build("gan", SHAPE, width=2, ema_decay=0.5)
    model.run_eagerly = True
    start = model.generator.get_weights()
    np.testing.assert_array_equal(start[0], model.averaged_generator.get_weights()[0])
    model.fit(np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)), verbose=0, batch_size=8)
    for old, new, average in zip(
        start, model.generator.get_weights(), model.averaged_generator.get_weights(), strict=True
    ):
        np.testing.assert_allclose(average, (old + new) / 2, atol=1e-6)
    latents = model.draw_latents(4, np.array([0, 1]))
    np.testing.assert_array_equal(model.generate(latents), model.averaged_generator(latents))
    assert not np.array_equal(model.generate(latents), model.generator(latents))
    np.testing.assert_array_equal(
        model.generate(latents, training=True), model.generator(latents, training=True)
    )


def test_batch_norm_moves_in_every_training_pass():
    # definitions: D sees real and fake as two batches, and both move its averages.
    model = registry.build("nsgan", SHAPE, width=2)
    norms = [
        layer
        for layer in model.discriminator.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    seen = []
    original = norms[0].call
    norms[0].call = lambda *args, **kwargs: seen.append(kwargs) or original(*args, **kwargs)
    model.train_step(tf.zeros((4, *SHAPE)))
    assert len(seen) == 3  # real, fake, and the generator's update
    assert all(kwargs["training"] for kwargs in seen)


def test_xla_gives_the_step_of_plain_tensorflow():
    images = np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)).astype("float32")
    weights = []
    for jit_compile in (False, True):
        model = registry.build("nsgan", SHAPE, width=2, seed=3)
        model.jit_compile = jit_compile
        model.fit(images, batch_size=8, epochs=3, verbose=0, shuffle=False)
        weights.append(model.get_weights())
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(plain, compiled, atol=2e-3)
