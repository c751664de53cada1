"""The Gaussian likelihood and the denoising form of the VAE."""

import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import losses, noise, vae

SHAPE = (8, 8, 1)


def _images(num_images=16, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (num_images, *SHAPE)).astype("float32")


def _density(images, means, stddev):
    """Mean over images of −log N(x; mean, σ²I), from the definition."""
    images, means = images.astype(np.float64), means.astype(np.float64)
    density = np.exp(-((images - means) ** 2) / (2 * stddev**2)) / (stddev * np.sqrt(2 * np.pi))
    return -np.log(density).reshape(len(images), -1).sum(1).mean()


def test_gaussian_likelihood_is_the_density_with_the_best_deviation():
    images, means = _images(), _images(seed=1)
    value = float(losses.gaussian_negative_log_likelihood(tf.constant(images), means))
    best = np.sqrt(np.square(images.astype(np.float64) - means).mean())
    assert value == pytest.approx(_density(images, means, best), rel=1e-5)
    assert value < _density(images, means, 1.05 * best)
    assert value < _density(images, means, 0.95 * best)


def test_gaussian_likelihood_of_perfect_pictures_is_finite_and_so_is_its_gradient():
    images = tf.constant(_images())
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = losses.gaussian_negative_log_likelihood(tf.stop_gradient(images), images)
    # 64 · ½ log(2π · 1e-6)
    assert float(value) == pytest.approx(32 * np.log(2 * np.pi * 1e-6), rel=1e-5)
    assert np.isfinite(tape.gradient(value, images)).all()


def test_gaussian_mean_is_what_decode_returns():
    model = registry.build(
        "vae", SHAPE, network="infogan", width=2, latent_dim=3, seed=4, likelihood="gaussian"
    )
    model.run_eagerly = True
    images = _images()
    mean, stddev = (t.numpy() for t in model.posterior(images, training=True))
    latents = mean + stddev * noise.normal((16, 3), noise.fold(noise.fold(4, 0), 0)).numpy()
    logits = model.decoder(latents, training=True).numpy()
    means = 1 / (1 + np.exp(-logits.astype(np.float64)))
    expected = _density(images, means, np.sqrt(np.square(images - means).mean()))
    logs = model.fit(images, batch_size=16, verbose=0, shuffle=False).history
    assert logs["reconstruction_loss"][0] == pytest.approx(expected, rel=1e-4)


def test_gaussian_likelihood_learns(draw_images):
    shape = (12, 12, 3)
    model = registry.build(
        "vae", shape, width=8, latent_dim=4, learning_rate=3e-3, likelihood="gaussian"
    )
    images = draw_images(256, shape).astype("float32") / 255
    before = np.square(model.reconstruct(images) - images).mean()
    model.fit(images, batch_size=32, epochs=10, verbose=0)
    assert np.square(model.reconstruct(images) - images).mean() < 0.5 * before


def test_unknown_likelihood_is_refused():
    with pytest.raises(ValueError, match=r"likelihood='poisson' is unknown.*'gaussian'"):
        registry.build("vae", SHAPE, likelihood="poisson")


def test_noise_is_salt_and_pepper_clipped_to_one():
    model = registry.build("vae", SHAPE, width=2, add_noise=True)
    grey = np.full((1000, *SHAPE), 0.4, "float32")
    noisy = model.corrupt(grey, 5).numpy()
    values, counts = np.unique(noisy, return_counts=True)
    # Removed and not added: 0; kept and not added: x; added, kept or not: 1, not 1.4.
    np.testing.assert_allclose(values, [0.0, 0.4, 1.0])
    np.testing.assert_allclose(counts / noisy.size, [0.25, 0.25, 0.5], atol=0.01)
    np.testing.assert_array_equal(noisy, model.corrupt(grey, 5))
    assert 0.3 < (noisy == model.corrupt(grey, 6).numpy()).mean() < 0.45
    # Independent over pixels and pictures.
    assert abs(np.corrcoef(noisy[:, 0, 0, 0], noisy[:, 0, 1, 0])[0, 1]) < 0.1
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.5


@pytest.mark.parametrize("add_noise", [False, True])
def test_encoder_sees_noise_and_the_loss_is_against_the_clean_picture(add_noise, monkeypatch):
    model = registry.build("vae", SHAPE, width=2, add_noise=add_noise)
    model.run_eagerly = True
    seen = []
    posterior = model.posterior
    monkeypatch.setattr(
        model, "posterior", lambda x, training=False: seen.append(x) or posterior(x, training)
    )
    targets = []
    monkeypatch.setitem(
        vae.LIKELIHOODS,
        "bernoulli",
        lambda images, logits: (
            targets.append(images) or losses.bernoulli_negative_log_likelihood(images, logits)
        ),
    )
    images = _images()
    model.fit(images, batch_size=16, epochs=2, verbose=0, shuffle=False)
    for target in targets:
        np.testing.assert_array_equal(target, images)
    first, second = (np.asarray(inputs) for inputs in seen)
    if add_noise:
        # Anew in every step.
        assert not np.array_equal(first, second)
        assert set(np.unique(first)) - {0.0, 1.0} <= set(np.unique(images))
        assert (first == 1.0).mean() > 0.4
    else:
        np.testing.assert_array_equal(first, images)
    # Codes and reproductions are of what is given, noise or not.
    monkeypatch.undo()
    mean, _ = model.posterior(images)
    np.testing.assert_allclose(model.encode(images), mean, atol=1e-6)


def test_noisy_pixels_are_centred_for_the_mlp():
    layers = registry.build("vae", SHAPE, width=2, add_noise=True).encoder.layers
    np.testing.assert_allclose(layers[2](np.array([[0.0, 0.5, 1.0]])), [[-1.0, 0.0, 1.0]])
    assert len(registry.build("vae", SHAPE, width=2).encoder.layers) == len(layers) - 1


def test_noise_of_training_is_the_same_compiled():
    weights = []
    for jit_compile in (False, True):
        model = registry.build("vae", SHAPE, width=2, seed=3, add_noise=True, dropout_rate=0.0)
        model.jit_compile = jit_compile
        model.fit(_images(), batch_size=8, epochs=2, verbose=0, shuffle=False)
        weights.append(model.get_weights())
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(plain, compiled, atol=2e-3)
