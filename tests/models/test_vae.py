import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import noise
from genkeras.models.vae import VAE

SHAPE = (8, 8, 1)


def _images(num_images=16, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (num_images, *SHAPE)).astype("float32")


def test_defaults_of_the_program_and_of_the_comparison():
    recipe = registry.recipe("vae")
    program, comparison = recipe.complete({}), recipe.complete({"network": "infogan"})
    wanted = {"latent_dim": 20, "batch_size": 128, "epochs": 20, "learning_rate": 1e-3}
    assert program.items() >= wanted.items()
    assert comparison["latent_dim"] == 62
    assert comparison["batch_size"] == 64
    model = registry.build("vae", SHAPE)
    assert model.optimizers["autoencoder"].learning_rate.numpy() == pytest.approx(1e-3)
    assert model.optimizers["autoencoder"].beta_1 == 0.9


def test_hidden_units_follow_width_unless_given():
    def units(**options):
        return registry.build("vae", SHAPE, **options).encoder.layers[2].units

    assert units() == 500
    assert units(width=16) == 125
    assert units(width=16, n_hidden=30) == 30


def test_loss_against_numpy():
    model = registry.build("vae", SHAPE, network="infogan", width=2, latent_dim=3, seed=4)
    model.run_eagerly = True
    images = _images()
    mean, stddev = (np.asarray(t, np.float64) for t in model.posterior(images, training=True))
    epsilon = noise.normal((16, 3), noise.fold(noise.fold(4, 0), 0)).numpy()
    logits = np.asarray(model.decoder((mean + stddev * epsilon).astype("float32"), training=True))
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    reconstruction = -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum((1, 2, 3)).mean()
    kl = 0.5 * (mean**2 + stddev**2 - np.log(1e-8 + stddev**2) - 1).sum(1).mean()

    logs = model.fit(images, batch_size=16, verbose=0, shuffle=False).history
    assert logs["reconstruction_loss"][0] == pytest.approx(reconstruction, rel=1e-5)
    assert logs["kl_divergence"][0] == pytest.approx(kl, rel=1e-4)
    assert logs["loss"][0] == pytest.approx(reconstruction + kl, rel=1e-5)


def test_posterior_deviation_is_softplus():
    raw = np.array([[0.3, -0.1, -40.0, 2.0]], "float32")
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.Dense(
        4, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(raw[0])
    )(keras.layers.Flatten()(inputs))
    decoder = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(64), keras.layers.Reshape(SHAPE)]
    )
    mean, stddev = VAE(keras.Model(inputs, outputs), decoder).posterior(_images(1))
    np.testing.assert_allclose(mean, raw[:, :2], rtol=1e-6)
    np.testing.assert_allclose(stddev, [[1e-6, 1e-6 + np.log1p(np.exp(2.0))]], rtol=1e-5)


def test_encode_samples_the_posterior_only_with_a_seed():
    model = registry.build("vae", SHAPE, width=4)
    images = _images(2000)
    mean, stddev = (t.numpy() for t in model.posterior(images))
    np.testing.assert_allclose(model.encode(images), mean, atol=1e-6)
    scores = (model.encode(images, seed=1) - mean) / stddev
    assert abs(scores.mean()) < 0.02
    assert abs(scores.std() - 1) < 0.02


def test_samples_are_decoded_standard_normals():
    model = registry.build("vae", SHAPE, width=4, latent_dim=2)
    seen = []
    model.decode = lambda latents: seen.append(np.asarray(latents))
    model.sample(20_000, seed=0)
    assert seen[0].shape == (20_000, 2)
    assert abs(seen[0].mean()) < 0.02
    assert abs(seen[0].std() - 1) < 0.02


def test_training_lowers_the_loss(draw_images):
    model = registry.build("vae", (12, 12, 1), width=8, latent_dim=4, learning_rate=3e-3)
    images = draw_images(256, (12, 12, 1)).astype("float32") / 255
    losses = model.fit(images, batch_size=32, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_xla_gives_the_step_of_plain_tensorflow():
    weights = []
    for jit_compile in (False, True):
        model = registry.build("vae", SHAPE, network="infogan", width=2, seed=3)
        model.jit_compile = jit_compile
        model.fit(_images(), batch_size=8, epochs=2, verbose=0, shuffle=False)
        weights.append(model.get_weights())
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(plain, compiled, atol=2e-3)


def test_unconditional():
    with pytest.raises(ValueError, match="takes no labels"):
        registry.build("vae", SHAPE, width=2).sample(2, labels=np.zeros(2, int))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_step_descends_the_negative_elbo_through_the_sample(likelihood):
    """The reparameterisation lets the reconstruction teach the encoder's deviation, too."""
    model = registry.build(
        "vae", SHAPE, width=2, latent_dim=3, dropout_rate=0.0, likelihood=likelihood, seed=5
    )
    model.compile(keras.optimizers.SGD(1e-3))
    images = _images()
    before = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        mean, raw = tf.split(model.encoder(images), 2, axis=1)
        stddev = 1e-6 + tf.math.log(1.0 + tf.exp(raw))
        normal = noise.normal(mean.shape, noise.fold(noise.fold(5, 0), 0))
        shown = tf.sigmoid(model.decoder(mean + stddev * normal))
        if likelihood == "bernoulli":
            cost = -(images * tf.math.log(shown) + (1 - images) * tf.math.log(1 - shown))
        else:
            squares = (images - shown) ** 2
            variance = tf.stop_gradient(1e-6 + tf.reduce_mean(squares))
            cost = 0.5 * (tf.math.log(2 * np.pi * variance) + squares / variance)
        divergence = 0.5 * (mean**2 + stddev**2 - 2 * tf.math.log(stddev) - 1)
        loss = (tf.reduce_sum(cost) + tf.reduce_sum(divergence)) / len(images)
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    expected = [start - 1e-3 * slope for start, slope in zip(before, gradients, strict=True)]
    told = model.train_step(images)
    assert float(told["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for variable, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-4, atol=1e-6)
