"""WAE-GAN: its losses, log p(z) per sample, and the two orders of updates."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras.models import noise
from genkeras.models.latent_prior import LatentPrior
from genkeras.models.wae_gan import WAEGAN

PIXELS, LATENT_DIM, RATE = 4, 2, 0.1


def _dense(inputs, outputs, seed):
    network = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs, "tanh")])
    network.add(keras.layers.Dense(outputs))
    draw = np.random.default_rng(seed)
    network.set_weights([draw.normal(0, 0.7, w.shape) for w in network.get_weights()])
    return network


def _model(prior="normal", scale=1.0, **options):
    image = (2, 2, 1)
    encoder = keras.Sequential([keras.Input(image), keras.layers.Flatten(), _dense(PIXELS, 2, 0)])
    decoder = keras.Sequential([_dense(2, PIXELS, 1), keras.layers.Reshape(image)])
    model = WAEGAN(
        encoder,
        decoder,
        _dense(LATENT_DIM, 1, 2),
        prior=LatentPrior(prior, LATENT_DIM, scale),
        value_range=(0.0, 1.0),
        encoder_noise="deterministic",
        wae_lambda=4.0,
        **options,
    )
    model.compile(keras.optimizers.SGD(RATE), keras.optimizers.SGD(RATE), run_eagerly=True)
    return model


def _pictures():
    return tf.constant(np.random.default_rng(0).random((6, 2, 2, 1)), tf.float32)


def _prior_latents(model):
    return model.prior.draw(6, noise.fold(noise.fold(noise.fold(0, 0), 0), 0))


def _weights(network):
    return [v.numpy() for v in network.trainable_variables]


def test_losses_as_numbers():
    model = _model()
    prior_output, posterior_output = tf.constant([[1.0], [3.0]]), tf.constant([[-2.0], [0.5]])
    expected = np.mean(np.log1p(np.exp([-1.0, -3.0]))) + np.mean(np.log1p(np.exp([-2.0, 0.5])))
    loss = model.discriminator_loss(prior_output, posterior_output)
    assert float(loss) == pytest.approx(4.0 * expected)
    latents = tf.constant([[0.3, -1.0], [2.0, 0.1]])
    logits = model.discriminator(latents).numpy()
    penalty = model.latent_penalty(latents, None)
    assert float(penalty) == pytest.approx(np.mean(np.log1p(np.exp(-logits))), rel=1e-5)


def test_the_trick_adds_each_codes_own_log_density():
    model, plain = _model(gan_p_trick=True, scale=2.0), _model(scale=2.0)
    latents = tf.constant([[0.3, -1.0], [2.0, 0.1], [0.0, 0.0]])
    logits = model.discriminate(latents)
    assert logits.shape == (3, 1)
    added = (logits - plain.discriminate(latents)).numpy()[:, 0]
    np.testing.assert_allclose(added, model.prior.log_density(latents), rtol=1e-5)


def test_the_trick_needs_a_normal_prior():
    with pytest.raises(ValueError, match="gan_p_trick"):
        _model(prior="sphere", gan_p_trick=True)
    with pytest.raises(ValueError, match="update_order"):
        _model(update_order="both")


def _expected_discriminator(model, images):
    """The discriminator's weights after a step on the codes of the encoder before it."""
    codes, prior_latents = tf.constant(model.encoder(images)), _prior_latents(model)
    variables = [v.value for v in model.discriminator.trainable_variables]
    with tf.GradientTape() as tape:
        loss = model.discriminator_loss(
            model.discriminate(prior_latents), model.discriminate(codes)
        )
    gradients = tape.gradient(loss, variables)
    return [v.numpy() - RATE * g.numpy() for v, g in zip(variables, gradients, strict=True)]


def _expected_encoder(model, images, discriminator):
    """The encoder's weights after a step against a discriminator with given weights."""
    own = model.discriminator.get_weights()
    model.discriminator.set_weights(discriminator)
    variables = [v.value for v in model.encoder.trainable_variables]
    with tf.GradientTape() as tape:
        codes = model.encoder(images)
        reconstruction = 0.05 * tf.reduce_sum((images - model.decoder(codes)) ** 2) / 6
        loss = reconstruction + 4.0 * model.latent_penalty(codes, None)
    gradients = tape.gradient(loss, variables)
    model.discriminator.set_weights(own)
    return [v.numpy() - RATE * g.numpy() for v, g in zip(variables, gradients, strict=True)]


def _assert_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


@pytest.mark.parametrize("order", ["discriminator_first", "autoencoder_first"])
@pytest.mark.parametrize("trick", [False, True])
def test_a_step_in_both_orders(order, trick):
    model, images = _model(update_order=order, gan_p_trick=trick), _pictures()
    before, updated = _weights(model.discriminator), _expected_discriminator(model, images)
    against = {"discriminator_first": updated, "autoencoder_first": before}
    encoder = _expected_encoder(model, images, against[order])
    # The test can tell the orders apart.
    other = _expected_encoder(model, images, before if order == "discriminator_first" else updated)
    assert max(np.abs(a - b).max() for a, b in zip(encoder, other, strict=True)) > 1e-4
    model.train_step(images)
    _assert_close(_weights(model.discriminator), updated)
    _assert_close(_weights(model.encoder), encoder)


def test_the_autoencoders_update_leaves_the_discriminator_alone():
    model = _model()
    autoencoder = {id(v) for v in model.autoencoder_variables}
    assert not autoencoder & {id(v) for v in model.discriminator.trainable_variables}
    assert {"autoencoder", "discriminator"} == set(model.optimizers)
    assert [metric.name for metric in model.metrics] == [
        "loss",
        "reconstruction_loss",
        "latent_penalty",
        "discriminator_loss",
    ]
