"""WAE-GAN: a discriminator in the latent space brings the codes to the prior.

Reference:
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), algorithm 1.
"""

import keras
import tensorflow as tf

from genkeras.models import wae_experiments
from genkeras.models.losses import fake_cross_entropy, real_cross_entropy
from genkeras.models.optimization import gradient_step
from genkeras.models.precision import loss_scaled
from genkeras.models.recipe import Recipe
from genkeras.models.wae import PAPER, WAE
from genkeras.networks import wae as networks

UPDATE_ORDERS = ("discriminator_first", "autoencoder_first")


class WAEGAN(WAE):
    """Wasserstein autoencoder with a GAN penalty on the codes.

    The discriminator minimises λ · (mean BCE(D(z), 1) + mean BCE(D(z̃), 0)) over draws `z`
    from the prior and codes `z̃`; the penalty is mean BCE(D(z̃), 1). Both updates of a step
    use the same codes, those of the encoder before the step.

    Reference:
        [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), algorithm 1.

    Args:
        encoder, decoder: As in `WAE`.
        discriminator: Keras model from codes `(batch_size, latent_dim)` to logits
            `(batch_size, 1)`.
        gan_p_trick: Boolean. Whether log p(z) of the (normal) prior is added to the
            discriminator's output, so that it need not learn it.
        update_order: String. `"discriminator_first"`, as in algorithm 1, where the penalty
            is that of the discriminator just updated; or `"autoencoder_first"`, as in the
            program.
        **kwargs: As in `WAE`.
    """

    def __init__(
        self,
        encoder,
        decoder,
        discriminator,
        *,
        gan_p_trick=False,
        update_order="discriminator_first",
        **kwargs,
    ):
        super().__init__(encoder, decoder, **kwargs)
        if update_order not in UPDATE_ORDERS:
            raise ValueError(
                f"update_order={update_order!r} is unknown; use one of {list(UPDATE_ORDERS)}."
            )
        if gan_p_trick and self.prior.name != "normal":
            raise ValueError(
                f"gan_p_trick needs the density of a normal prior, but prior={self.prior.name!r}; "
                "leave it out, or use prior='normal'."
            )
        self.discriminator = discriminator
        self.gan_p_trick = gan_p_trick
        self.penalty_first = update_order == "discriminator_first"
        self.discriminator_tracker = keras.metrics.Mean(name="discriminator_loss")

    def compile(self, autoencoder_optimizer, discriminator_optimizer, **kwargs):
        """Configures training with an optimizer for the autoencoder and one for D."""
        super().compile(autoencoder_optimizer, **kwargs)
        self.discriminator_optimizer = loss_scaled(discriminator_optimizer)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.learning_rates["discriminator"] = float(discriminator_optimizer.learning_rate.numpy())

    @property
    def optimizers(self):
        """Dict of the optimizers by name."""
        return super().optimizers | {"discriminator": self.discriminator_optimizer}

    @property
    def metrics(self):
        return [*super().metrics, self.discriminator_tracker]

    def discriminate(self, latents):
        """Returns logits `(batch_size, 1)` of latents `(batch_size, latent_dim)`."""
        logits = self.discriminator(latents)
        if self.gan_p_trick:
            # A column like the logits: (n, 1) + (n,) would pair every code with all others.
            logits = logits + self.prior.log_density(latents)[:, tf.newaxis]
        return logits

    def latent_penalty(self, posterior_latents, prior_latents):
        """Mean BCE(D(z̃), 1)."""
        return real_cross_entropy(self.discriminate(posterior_latents))

    def discriminator_loss(self, prior_output, posterior_output):
        """λ · (mean BCE(D(z), 1) + mean BCE(D(z̃), 0))."""
        both = real_cross_entropy(prior_output) + fake_cross_entropy(posterior_output)
        return self.wae_lambda * both

    def train_penalty(self, posterior_latents, prior_latents):
        """Updates the discriminator."""

        def loss():
            prior_output = self.discriminate(prior_latents)
            return self.discriminator_loss(prior_output, self.discriminate(posterior_latents))

        variables = self.discriminator.trainable_variables
        value = gradient_step(self.discriminator_optimizer, variables, loss)
        self.discriminator_tracker.update_state(value)


def build(
    image_shape,
    num_classes=None,
    seed=0,
    *,
    gan_p_trick,
    update_order,
    optimizer,
    learning_rate,
    discriminator_learning_rate,
    beta_1,
    **options,
):
    """Builds a compiled WAE-GAN; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Not used; the model is unconditional.
        seed: Integer. Seed of the initial weights and of all noise.
        gan_p_trick, update_order: As in `WAEGAN`.
        optimizer: String. `"adam"` or `"sgd"`, for both.
        learning_rate: Float. Of encoder and decoder.
        discriminator_learning_rate: Float. Of the discriminator.
        beta_1: Float. Adam's decay of the first moment, for both.
        **options: As `wae_experiments.assemble`.
    """
    discriminator = networks.latent_discriminator(
        options["latent_dim"],
        units=wae_experiments.ARCHITECTURES[options["exp"]].discriminator_units,
        width=options["width"],
        seed=seed,
    )
    model = wae_experiments.assemble(
        WAEGAN,
        image_shape,
        seed,
        discriminator=discriminator,
        gan_p_trick=gan_p_trick,
        update_order=update_order,
        **options,
    )
    model.compile(
        wae_experiments.make_optimizer(optimizer, learning_rate, beta_1),
        wae_experiments.make_optimizer(optimizer, discriminator_learning_rate, beta_1),
    )
    return model


_MNIST = {
    "wae_lambda": 10.0,
    "learning_rate": 1e-3,
    "discriminator_learning_rate": 5e-4,
    "gan_p_trick": False,
}
_CELEBA = {
    "wae_lambda": 1.0,
    "learning_rate": 3e-4,
    "discriminator_learning_rate": 1e-3,
    "gan_p_trick": True,
}

RECIPE = Recipe(
    title="WAE-GAN",
    paper=f"{PAPER}, algorithm 1",
    value_function=(
        "min_{Q,G}  E[c(x, G(z̃))] − λ · E[log D(z̃)];  max_D  λ · (E[log D(z)] + E[log(1 − D(z̃))])"
    ),
    build=build,
    networks=lambda options: "WAE's own",
    defaults=wae_experiments.DEFAULTS | {"update_order": "discriminator_first"},
    variants=wae_experiments.variants(
        {"mnist": _MNIST, "mnist_small": _MNIST, "celebA": _CELEBA, "celebA_small": _CELEBA}
    ),
    epochs_matter=wae_experiments.epochs_matter,
)
