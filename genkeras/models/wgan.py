"""Wasserstein GAN with weight clipping.

Reference:
    [Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875), Algorithm 1.
"""

import keras
import tensorflow as tf

from genkeras.models.gan import DATASET_EPOCHS, GAN
from genkeras.models.recipe import Recipe
from genkeras.networks import infogan

# The authors' program: a long turn of the critic before each of the first 25 generator
# updates and before every 500th.
WARMUP_CRITIC_UPDATES = 100
WARMUP_GENERATOR_UPDATES = 25
WARMUP_PERIOD = 500


class WGAN(GAN):
    """Wasserstein GAN.

    The critic minimises `E[D(G(z))] − E[D(x)]`, the generator `−E[D(G(z))]`. The critic
    must be Lipschitz: train with the `WeightClipping` callback, which `build` declares
    in `required_callbacks`.

    Reference:
        [Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875), Algorithm 1.

    Args:
        generator: Keras model from latents `(batch_size, latent_dim)` to images
            `(batch_size, height, width, channels)` in `[-1, 1]`.
        discriminator: Keras model, the critic, from such images to scores
            `(batch_size, 1)`.
        discriminator_steps: Integer. Critic updates per training step, each on images of
            its own (the paper's `n_critic`).
        critic_warmup: Boolean. Whether the critic makes 100 updates before each of the
            first 25 generator updates and before every 500th, as the authors' program
            does and the paper does not say. A training step always makes its
            `discriminator_steps` critic updates on fresh images; during a warm-up the
            generator's part is left out of it until 100 critic updates have been made.
            So an epoch stays one pass over the images, with fewer generator updates:
            on 60,000 images and batches of 64 the first 25 take 2.7 epochs. An epoch that
            has none logs a generator loss of 0.
        **kwargs: As for `GAN`.
    """

    def __init__(
        self, generator, discriminator, *, discriminator_steps=5, critic_warmup=False, **kwargs
    ):
        super().__init__(
            generator, discriminator, discriminator_steps=discriminator_steps, **kwargs
        )
        self.critic_warmup = critic_warmup
        # Known while a step is traced for several replicas, whose optimizers must not stand
        # in a branch of it; else decided in the step.
        self.generator_turn = None
        if critic_warmup:
            self.generator_turns = self._add_counter("generator_turns")
            self.critic_updates = self._add_counter("critic_updates_since_generator_turn")

    def discriminator_loss(self, real_output, fake_output):
        """Mean D(G(z)) − mean D(x): minus the estimate of the Wasserstein distance."""
        return tf.reduce_mean(fake_output) - tf.reduce_mean(real_output)

    def generator_loss(self, fake_output):
        """−mean D(G(z))."""
        return -tf.reduce_mean(fake_output)

    def _update_generator(self, latents, labels, step_seed):
        # `super()` without arguments works only here, not inside `take_turn`.
        update = super()._update_generator
        if not self.critic_warmup:
            update(latents, labels, step_seed)
            return
        is_due = self.is_generator_due()
        self.critic_updates.assign_add(self.discriminator_steps)

        def take_turn():
            update(latents, labels, step_seed)
            self.generator_turns.assign_add(1)
            self.critic_updates.assign(0)
            return True

        if self.generator_turn is None:
            tf.cond(is_due, take_turn, lambda: False)
        elif self.generator_turn:
            take_turn()

    def is_generator_due(self):
        """Whether the next critic updates are the last before the generator's, with warm-up.

        Returns:
            Scalar boolean tensor.
        """
        turns = self.generator_turns.value
        is_long = (turns < WARMUP_GENERATOR_UPDATES) | (turns % WARMUP_PERIOD == 0)
        wanted = tf.where(is_long, WARMUP_CRITIC_UPDATES, self.discriminator_steps)
        return self.critic_updates.value + self.discriminator_steps >= wanted

    def _add_counter(self, name):
        # A variable of the model, so that a restored run goes on in the middle of a turn.
        return self.add_weight(
            name=name, shape=(), dtype="int32", initializer="zeros", trainable=False
        )


def build(
    image_shape,
    num_classes=None,
    seed=0,
    *,
    latent_dim,
    width,
    learning_rate,
    discriminator_learning_rate,
    discriminator_steps,
    generator_steps,
    clip_value,
    critic_warmup,
    ema_decay,
):
    """Builds a compiled WGAN on the InfoGAN networks; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Not used; the model is unconditional.
        seed: Integer. Seed of the initial weights and of all noise.
        latent_dim: Integer. Length of the latent vector.
        width: Integer. Scales all hidden layers; 64 is the published network.
        learning_rate: Float. RMSProp's, of the generator.
        discriminator_learning_rate: Float. RMSProp's, of the critic.
        discriminator_steps, critic_warmup: As in `WGAN`.
        clip_value: Float. The paper's `c`: bound of the critic's weights.
        generator_steps, ema_decay: As in `GAN`.
    """
    model = WGAN(
        infogan.generator(image_shape, latent_dim, width=width, seed=seed),
        infogan.discriminator(image_shape, width=width, seed=seed),
        discriminator_steps=discriminator_steps,
        generator_steps=generator_steps,
        critic_warmup=critic_warmup,
        ema_decay=ema_decay,
        seed=seed,
    )
    model.compile(
        generator_optimizer=rmsprop(learning_rate),
        discriminator_optimizer=rmsprop(discriminator_learning_rate),
    )
    model.required_callbacks = {"weight_clipping": {"clip_value": clip_value}}
    return model


def rmsprop(learning_rate):
    """RMSProp as the authors' program runs it: no momentum, ρ = 0.99, ε = 1e-8.

    They divide the gradient by `√v + ε`, Keras by `√(v + epsilon)`, so the same floor
    of the divisor is `epsilon = ε²`. It matters: the gradients of a clipped critic are
    far below `√1e-8 = 1e-4`, and would hardly be normalised at all.
    """
    return keras.optimizers.RMSprop(learning_rate, rho=0.99, epsilon=1e-8**2)


RECIPE = Recipe(
    title="WGAN",
    paper="Arjovsky et al., 2017, https://arxiv.org/abs/1701.07875",
    value_function="min_G max_D  E[D(x)] − E[D(G(z))],  all weights of D in [−c, c]",
    build=build,
    defaults={
        "latent_dim": 62,
        "width": 64,
        "learning_rate": 5e-5,
        "discriminator_learning_rate": 5e-5,
        "discriminator_steps": 5,
        "generator_steps": 1,
        "clip_value": 0.01,
        "critic_warmup": False,
        "ema_decay": None,
        "batch_size": 64,
        "epochs": 25,
    },
    dataset_epochs=DATASET_EPOCHS,
)
