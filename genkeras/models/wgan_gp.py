"""Wasserstein GAN with gradient penalty.

Reference:
    [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028), Algorithm 1.
"""

import keras
import tensorflow as tf

from genkeras.models import noise
from genkeras.models.gan import DATASET_EPOCHS
from genkeras.models.optimization import Adam
from genkeras.models.recipe import Recipe
from genkeras.models.wgan import WGAN
from genkeras.networks import infogan


class WGANGP(WGAN):
    """Wasserstein GAN with gradient penalty.

    The critic minimises `E[D(G(z))] − E[D(x)] + weight * E[(‖∇D(x̂)‖₂ − 1)²]`, where
    `x̂` is drawn uniformly on the line between a real and a generated image.

    Reference:
        [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028), Algorithm 1.

    Args:
        generator: Keras model from latents `(batch_size, latent_dim)` to images
            `(batch_size, height, width, channels)` in `[-1, 1]`.
        discriminator: Keras model, the critic, from such images to scores
            `(batch_size, 1)`. Must not use batch normalization: the penalty is on the
            gradient of each image's score by that image alone.
        gradient_penalty_weight: Float. The paper's `λ`.
        **kwargs: As for `WGAN`.

    Raises:
        ValueError: If the critic contains batch normalization.
    """

    def __init__(self, generator, discriminator, *, gradient_penalty_weight=10.0, **kwargs):
        for layer in _layers(discriminator):
            if isinstance(layer, keras.layers.BatchNormalization):
                raise ValueError(
                    f"The critic {discriminator.name!r} contains the batch normalization layer "
                    f"{layer.name!r}. The gradient penalty is per image, and batch normalization "
                    "makes a score depend on the other images: use no normalization or layer "
                    "normalization."
                )
        super().__init__(generator, discriminator, **kwargs)
        self.gradient_penalty_weight = gradient_penalty_weight

    def discriminator_penalty(self, real_images, fake_images, labels=None, seed=None):
        """λ · mean (‖∇D(x̂)‖₂ − 1)², Algorithm 1, lines 4 to 7.

        Args:
            real_images, fake_images: Float tensors `(batch_size, height, width, channels)`.
            labels: Integer tensor `(batch_size,)`, or `None`.
            seed: As returned by `noise.fold`. Of the positions on the lines.

        Returns:
            Scalar tensor.
        """
        per_image = (keras.ops.shape(real_images)[0], 1, 1, 1)
        position = noise.uniform_unsigned(per_image, seed)
        between = position * real_images + (1.0 - position) * fake_images
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(between)
            output = self.discriminate(between, labels, training=True)
        gradient = tape.gradient(output, between)
        # The constant keeps the root's own gradient finite where the critic is flat.
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + 1e-10)
        return self.gradient_penalty_weight * tf.reduce_mean(tf.square(norm - 1.0))


def _layers(network):
    """Yields the layers of a network, those of networks inside it included."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)


def build(
    image_shape,
    num_classes=None,
    seed=0,
    *,
    latent_dim,
    width,
    learning_rate,
    discriminator_learning_rate,
    beta_1,
    beta_2,
    discriminator_steps,
    generator_steps,
    gradient_penalty_weight,
    critic_normalization,
    ema_decay,
):
    """Builds a compiled WGAN-GP on the InfoGAN networks; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Not used; the model is unconditional.
        seed: Integer. Seed of the initial weights and of all noise.
        latent_dim: Integer. Length of the latent vector.
        width: Integer. Scales all hidden layers; 64 is the published network.
        learning_rate: Float. Adam's, of the generator.
        discriminator_learning_rate: Float. Adam's, of the critic.
        beta_1, beta_2: Floats. Adam's decays of the first and second moment, for both.
        discriminator_steps, generator_steps, ema_decay: As in `WGAN`.
        gradient_penalty_weight: Float. As in `WGANGP`.
        critic_normalization: `"none"` or `"layer"`.
    """
    model = WGANGP(
        infogan.generator(image_shape, latent_dim, width=width, seed=seed),
        infogan.discriminator(
            image_shape,
            width=width,
            normalization=None if critic_normalization == "none" else critic_normalization,
            seed=seed,
        ),
        discriminator_steps=discriminator_steps,
        generator_steps=generator_steps,
        gradient_penalty_weight=gradient_penalty_weight,
        ema_decay=ema_decay,
        seed=seed,
    )
    decays = {"beta_1": beta_1, "beta_2": beta_2}
    model.compile(
        generator_optimizer=Adam(learning_rate, **decays),
        discriminator_optimizer=Adam(discriminator_learning_rate, **decays),
    )
    return model


RECIPE = Recipe(
    title="WGAN-GP",
    paper="Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028",
    value_function="min_G max_D  E[D(x)] − E[D(G(z))] − λ E[(‖∇D(x̂)‖₂ − 1)²]",
    build=build,
    defaults={
        "latent_dim": 62,
        "width": 64,
        "learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
        "beta_1": 0.0,
        "beta_2": 0.9,
        "discriminator_steps": 5,
        "generator_steps": 1,
        "gradient_penalty_weight": 10.0,
        "critic_normalization": "none",
        "ema_decay": None,
        "batch_size": 64,
        "epochs": 25,
    },
    dataset_epochs=DATASET_EPOCHS,
)
