"""Log importance weights of the VAE."""

import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import inference, noise, vae
from genkeras.models.losses import gaussian_kl_divergence
from tests.reference.vae_log_weights import log_bernoulli, log_normal, log_weights

SHAPE = (4, 4, 1)


def _images(num_images, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (num_images, *SHAPE)).astype("float32")


@pytest.fixture(scope="module")
def make_model():
    models = {}

    def make(likelihood):
        """A VAE whose posteriors and decoded pictures are far from those of small weights."""
        if likelihood not in models:
            model = registry.build("vae", SHAPE, width=4, latent_dim=3, likelihood=likelihood)
            random = np.random.default_rng(1)
            for weight in model.trainable_variables:
                scale = 1.5 if len(weight.shape) > 1 else 0.3
                fan_in = np.prod(weight.shape[:-1])
                weight.assign(random.normal(size=weight.shape) * scale / np.sqrt(fan_in))
            models[likelihood] = model
        return models[likelihood]

    return make


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_against_the_definitions(make_model, likelihood):
    model, images = make_model(likelihood), _images(5)
    mean, stddev = (np.asarray(t, np.float64) for t in model.posterior(images))
    normals = np.stack(
        [noise.normal((5, 3), noise.fold(noise.fold(7, 5), index)) for index in range(4)]
    )

    def decode(latent):
        logits = model.decoder(np.array([latent], "float32"), training=False).numpy()[0]
        return 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))

    pixel = log_bernoulli
    if likelihood == "gaussian":
        means = np.stack([decode(row) for row in mean])
        variance = 1e-6 + np.mean((images.astype(np.float64) - means) ** 2)
        pixel = lambda x, m: log_normal(x, m, variance)  # noqa: E731
    expected = log_weights(images, mean, stddev, normals, decode, pixel)
    weights = model.log_weights(images, 4, seed=7)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-4)
    # Not a constant that any formula would meet.
    assert np.std(expected) > 1.0


def test_mean_is_minus_the_loss_of_training(make_model):
    model, images = make_model("bernoulli"), _images(3)
    weights = model.log_weights(images, 1000, seed=0)
    mean, stddev = model.posterior(images)
    kl = gaussian_kl_divergence(mean, stddev).numpy()
    draws = [
        vae.LIKELIHOODS["bernoulli"](
            images, model.decoder(mean + stddev * noise.normal((3, 3), noise.fold(9, index)))
        ).numpy()
        for index in range(100)
    ]
    errors = weights.mean(axis=0).std() / np.sqrt(1000) + np.std(draws) / np.sqrt(100)
    assert weights.mean() == pytest.approx(-np.mean(draws) - kl, abs=4 * errors)
    # Small enough to tell the terms from one another.
    assert errors < 0.2 < 0.2 * kl


def test_more_samples_give_a_tighter_bound(make_model):
    weights = make_model("bernoulli").log_weights(_images(20), 256, seed=1)
    bounds = [
        np.log(np.exp(weights.reshape(20, -1, count)).mean(axis=2)).mean()
        for count in (1, 4, 16, 64)
    ]
    assert (np.diff(bounds) > 0.05).all()


def test_weights_of_the_true_posterior_are_the_likelihood():
    model = registry.build("vae", (1, 1, 1), width=1, latent_dim=1)
    # p(x | z) = ½ whatever z: the true posterior is the prior, and every weight log p(x).
    model.posterior = lambda images, training=False: (
        tf.zeros((len(images), 1)),
        tf.ones((len(images), 1)),
    )
    for weight in model.decoder.trainable_variables:
        weight.assign(tf.zeros(weight.shape))
    weights = model.log_weights(np.ones((2, 1, 1, 1), "float32"), 5, seed=0)
    np.testing.assert_allclose(weights, np.log(0.5), rtol=1e-6)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_weights_repeat_and_chunks_make_no_difference(make_model, likelihood, monkeypatch):
    model, images = make_model(likelihood), _images(10)
    weights = model.log_weights(images, 3, seed=2)
    np.testing.assert_array_equal(weights, model.log_weights(images, 3, seed=2))
    # The first samples are the same whatever their number.
    np.testing.assert_array_equal(weights, model.log_weights(images, 4, seed=2)[:, :3])
    assert not np.allclose(weights, model.log_weights(images, 3, seed=3), atol=0.1)
    assert np.std(weights[:, 0] - weights[:, 1]) > 0.1
    monkeypatch.setattr(
        vae, "in_chunks", lambda *arguments: inference.in_chunks(*arguments, chunk_size=3)
    )
    np.testing.assert_allclose(model.log_weights(images, 3, seed=2), weights, rtol=1e-5)


def test_latents_for_the_distance_between_codes_and_prior():
    model = registry.build("vae", SHAPE, width=1, latent_dim=5)
    assert model.prior_kernel_scale == 10.0
    latents = model.draw_prior(200, 3)
    # 2d is the mean squared distance of two draws.
    differences = latents[:100] - latents[100:]
    assert np.square(differences).sum(axis=1).mean() == pytest.approx(10.0, rel=0.2)

    np.testing.assert_allclose(model.sample(200, seed=3), model.decode(latents), atol=1e-6)
