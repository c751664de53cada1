"""The experiments of the WAE program: their networks and constants, for both penalties.

The discriminators' constants stand in `wae_gan`.
"""

import dataclasses
import functools
import math

import keras

from genkeras.models.latent_prior import LatentPrior
from genkeras.models.optimization import Adam
from genkeras.networks import wae as networks


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Networks of an experiment.

    Args:
        activation: String. Of the decoder: `"sigmoid"` or `"tanh"`.
        kernel_size: Integer. Of the convolutions; `None` for multilayer perceptrons.
        decoder_layers: Integer. Transposed convolutions, or `None`.
        discriminator_units: Integer. Of each hidden layer of WAE-GAN's discriminator.
        pretraining_batch_size: Integer.
    """

    activation: str
    kernel_size: int | None
    decoder_layers: int | None
    discriminator_units: int
    pretraining_batch_size: int


ARCHITECTURES = {
    "mnist": Architecture("sigmoid", 4, 3, 512, 1000),
    "mnist_small": Architecture("sigmoid", None, None, 512, 1000),
    "celebA": Architecture("tanh", 5, 4, 1024, 256),
    "celebA_small": Architecture("tanh", None, None, 1024, 256),
}
VALUE_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}

DEFAULTS = {
    "exp": "mnist_small",
    "width": 64,
    "prior": "normal",
    "cost": "l2sq",
    "lambda_schedule": "constant",
    "fixed_point_weight": 0.0,
    "encoder_pretraining": True,
    "optimizer": "adam",
    "beta_1": 0.5,
    "batch_size": 100,
}
# By experiment, the same for both penalties.
_EXPERIMENTS = {
    "mnist": {
        "latent_dim": 8,
        "prior_scale": 1.0,
        "encoder_noise": "add_noise",
        "learning_rate_schedule": "manual",
        "epochs": 100,
    },
    "mnist_small": {
        "latent_dim": 4,
        "prior_scale": 1.0,
        "encoder_noise": "gaussian",
        "learning_rate_schedule": "plateau",
        "epochs": 30,
    },
    "celebA": {
        "latent_dim": 64,
        # The paper's variance of 2, which its published scores were reached with.
        "prior_scale": math.sqrt(2.0),
        "encoder_noise": "add_noise",
        "learning_rate_schedule": "manual_smooth",
        "epochs": 50,
    },
    "celebA_small": {
        "latent_dim": 2,
        "prior_scale": math.sqrt(2.0),
        "encoder_noise": "gaussian",
        "learning_rate_schedule": "plateau",
        "epochs": 50,
    },
}


def variants(by_penalty):
    """Returns the `Recipe.variants` of a model.

    Args:
        by_penalty: Dict of an experiment's name to the constants that depend on the penalty.
    """
    return ("exp", {name: _EXPERIMENTS[name] | by_penalty[name] for name in _EXPERIMENTS})


def epochs_matter(options):
    """Whether the learning rates depend on the number of epochs."""
    return options["learning_rate_schedule"] == "manual_smooth"


def make_optimizer(name, learning_rate, beta_1):
    """Returns a Keras optimizer for `"adam"` or `"sgd"`."""
    if name == "adam":
        return Adam(learning_rate, beta_1=beta_1)
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate)
    raise ValueError(f"optimizer={name!r} is unknown; use 'adam' or 'sgd'.")


def assemble(
    model_class,
    image_shape,
    seed,
    *,
    exp,
    latent_dim,
    width,
    prior,
    prior_scale,
    encoder_noise,
    encoder_pretraining,
    **model_options,
):
    """Builds the networks of an experiment and a model of them, not yet compiled.

    Args:
        model_class: `WAEMMD` or `WAEGAN`.
        image_shape: Tuple `(height, width, channels)`; any size fits any experiment.
        seed: Integer. Seed of the initial weights and of all noise.
        exp: String. A key of `ARCHITECTURES`.
        latent_dim: Integer. Length of a code.
        width: Integer. Scales all hidden layers; 64 is the published network.
        prior, prior_scale: Name and scale of the `LatentPrior`.
        encoder_noise: String. As in `WAE`.
        encoder_pretraining: Boolean. Whether the encoder is pretrained.
        **model_options: Further arguments of `model_class`.
    """
    architecture = ARCHITECTURES[exp]
    if architecture.kernel_size is None:
        make_encoder, make_decoder = networks.mlp_encoder, networks.mlp_decoder
    else:
        kernel = {"kernel_size": architecture.kernel_size}
        make_encoder = functools.partial(networks.conv_encoder, **kernel)
        make_decoder = functools.partial(
            networks.conv_decoder, num_layers=architecture.decoder_layers, **kernel
        )
    implicit = encoder_noise == "implicit"
    return model_class(
        make_encoder(
            image_shape, latent_dim * (1 + (encoder_noise == "gaussian")), width=width, seed=seed
        ),
        make_decoder(
            image_shape, latent_dim, activation=architecture.activation, width=width, seed=seed
        ),
        prior=LatentPrior(prior, latent_dim, prior_scale),
        value_range=VALUE_RANGES[architecture.activation],
        encoder_noise=encoder_noise,
        noise_matrix=networks.noise_matrix(latent_dim, seed=seed) if implicit else None,
        pretraining_batch_size=architecture.pretraining_batch_size if encoder_pretraining else None,
        seed=seed,
        **model_options,
    )
