"""What the families of models do, as functions of tensors that a graph can hold."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from genkeras.models import noise
from genkeras.models.gan import GAN
from genkeras.models.vae import VAE
from genkeras.models.wae import WAE
from genkeras.training.errors import RunError


@dataclasses.dataclass(frozen=True)
class TensorFunctions:
    """A model without its NumPy surface.

    Args:
        decode: Function of latents `(batch_size, latent_dim)` and labels `(batch_size,)`, or
            `None` for an unconditional model, that returns images in the model's range.
        draw_latents: Function of a scalar int64 seed that returns the latents `(1, latent_dim)`
            of `model.sample(1, seed=seed)`.
        encode: Function of images in the model's range that returns their codes
            `(batch_size, latent_dim)` without noise; `None` if it is no autoencoder.
        prior: Dict that describes the distribution of the latents: its `name`, `"sphere"` or a
            key of `noise.PRIORS`, and a `scale` by which they are multiplied.
    """

    decode: Callable[..., tf.Tensor]
    draw_latents: Callable[[tf.Tensor], tf.Tensor]
    encode: Callable[[tf.Tensor], tf.Tensor] | None
    prior: Mapping[str, Any]


def of_model(model):
    """Returns the `TensorFunctions` of a model.

    Raises:
        RunError: If it belongs to no family that this module knows.
    """
    for family, describe in _FAMILIES:
        if isinstance(model, family):
            return describe(model)
    names = ", ".join(family.__name__ for family, _ in _FAMILIES)
    raise RunError(
        f"{type(model).__name__} cannot be exported: expected a subclass of {names}. Add its "
        "family to genkeras/serving/tensor_functions.py."
    )


def _gan(model):
    return TensorFunctions(
        decode=model.generate,
        draw_latents=lambda seed: model.draw_latents(1, noise.fold(_stream(seed), 0)),
        encode=None,
        prior={"name": model.prior, "scale": 1.0},
    )


def _vae(model):
    return TensorFunctions(
        decode=lambda latents, labels: tf.sigmoid(model.decoder(latents, training=False)),
        draw_latents=lambda seed: model.draw_latents(1, _stream(seed)),
        encode=lambda images: model.posterior(images)[0],
        prior={"name": model.prior, "scale": 1.0},
    )


def _wae(model):
    return TensorFunctions(
        decode=lambda latents, labels: model.decoder(latents, training=False),
        draw_latents=lambda seed: model.prior.draw(1, _stream(seed)),
        encode=lambda images: model.codes(model.encoder(images, training=False)),
        prior={
            "name": {"uniform": "uniform_signed"}.get(model.prior.name, model.prior.name),
            "scale": model.prior.scale,
        },
    )


_FAMILIES = ((GAN, _gan), (VAE, _vae), (WAE, _wae))


def _stream(seed):
    """Returns the stream that `sample` takes its latents from."""
    return noise.fold(tf.stack([seed, tf.zeros_like(seed)]), 1)
