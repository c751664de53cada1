"""Generative adversarial networks: the minimax value function and its non-saturating form.

`GAN` holds the one training loop of the adversarial family. A variant overrides
equations (the two losses, the penalty, how labels enter), never the loop.

Reference:
    [Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661), equation 1, Algorithm 1.
"""

import functools

import keras
import numpy as np

from genkeras.models import noise
from genkeras.models.inference import in_chunks
from genkeras.models.losses import fake_cross_entropy, real_cross_entropy
from genkeras.models.optimization import Adam, gradient_step
from genkeras.models.precision import loss_scaled
from genkeras.models.recipe import Recipe
from genkeras.networks import infogan

PAPER = "Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661"


class GAN(keras.Model):
    """Generative adversarial network, trained on its minimax value function.

    The discriminator minimises `−E[log D(x)] − E[log(1 − D(G(z)))]`, the generator
    `E[log(1 − D(G(z)))]`, where `D` is the sigmoid of the discriminator's output.
    Every update draws new latents, as Algorithm 1 does.

    Reference:
        [Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661), Algorithm 1.

    Args:
        generator: Keras model from latents `(batch_size, latent_dim)` to images
            `(batch_size, height, width, channels)` in `[-1, 1]`.
        discriminator: Keras model from such images to logits `(batch_size, 1)`.
        prior: String. Distribution of the latents, a key of `noise.PRIORS`.
        discriminator_steps: Integer. Discriminator updates per training step, each on
            images of its own: a step takes `discriminator_steps * batch_size` images.
        generator_steps: Integer. Generator updates per training step.
        shared_latents: Boolean. Whether generator updates take the latents of the last
            discriminator update, instead of new ones.
        ema_decay: Float. Decay per generator update of a moving average of the
            generator's weights, which then draws the samples; `None` for none.
        num_classes: Integer. Classes of a conditional model (a subclass whose `generate`
            and `discriminate` use the labels), else `None`.
        seed: Integer. Seed of all noise.
    """

    value_range = (-1.0, 1.0)

    def __init__(
        self,
        generator,
        discriminator,
        *,
        prior="uniform_signed",
        discriminator_steps=1,
        generator_steps=1,
        shared_latents=False,
        ema_decay=None,
        num_classes=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.prior = prior
        self.discriminator_steps = discriminator_steps
        self.generator_steps = generator_steps
        self.shared_latents = shared_latents
        self.ema_decay = ema_decay
        self.num_classes = num_classes
        self.seed = seed
        self.latent_dim = generator.input_shape[-1] - (num_classes or 0)
        self.averaged_generator = None
        if ema_decay is not None:
            self.averaged_generator = keras.models.clone_model(generator)
            self.averaged_generator.set_weights(generator.get_weights())
            self.averaged_generator.trainable = False
        # Noise is a function of (seed, steps_done), so a restored model repeats its steps.
        self.steps_done = self.add_weight(
            name="steps_done", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.discriminator_tracker = keras.metrics.Mean(name="discriminator_loss")
        self.generator_tracker = keras.metrics.Mean(name="generator_loss")
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        """Configures training with an optimizer for each network."""
        # Without `optimizer=None` Keras would make a hidden RMSprop.
        super().compile(optimizer=None, **kwargs)
        self.generator_optimizer = loss_scaled(generator_optimizer)
        self.discriminator_optimizer = loss_scaled(discriminator_optimizer)
        # Unbuilt optimizers are silently left out when a state is restored.
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def optimizers(self):
        """Dict of the optimizers by name."""
        return {
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator_optimizer,
        }

    @property
    def metrics(self):
        return [self.discriminator_tracker, self.generator_tracker]

    def discriminator_loss(self, real_output, fake_output):
        """Negative of the value function: mean BCE(D(x), 1) + mean BCE(D(G(z)), 0)."""
        return real_cross_entropy(real_output) + fake_cross_entropy(fake_output)

    def generator_loss(self, fake_output):
        """Mean log(1 − σ(D(G(z)))), the generator's part of the value function."""
        return -fake_cross_entropy(fake_output)

    def discriminator_penalty(self, real_images, fake_images, labels=None, seed=None):
        """What is added to the discriminator's loss; nothing here. `seed` as by `noise.fold`."""
        return 0.0

    def generate(self, latents, labels=None, training=False):
        """Returns images `(batch_size, height, width, channels)` in `value_range`.

        Outside of training they come from the moving average, where one is kept.
        """
        return self.sampling_generator(training)(latents, training=training)

    def sampling_generator(self, training=False):
        """Returns the network that `generate` calls."""
        return self.generator if training else self.averaged_generator or self.generator

    def discriminate(self, images, labels=None, training=False):
        """Returns the discriminator's outputs `(batch_size, 1)`."""
        return self.discriminator(images, training=training)

    def call(self, inputs, training=False):
        return self.generate(inputs, training=training)

    def train_step(self, data):
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        batch_size = keras.ops.shape(images)[0] // self.discriminator_steps
        step_seed = noise.fold(noise.fold(self.seed, 0), self.steps_done.value)
        self.steps_done.assign_add(1)

        for index in range(self.discriminator_steps):
            # Each update sees a fresh minibatch (WGAN, Algorithm 1, line 3).
            rows = slice(index * batch_size, (index + 1) * batch_size)
            batch_labels = None if labels is None else labels[rows]
            latents = self.draw_latents(batch_size, noise.fold(step_seed, index))
            penalty_seed = noise.fold(
                step_seed, self.discriminator_steps + self.generator_steps + index
            )
            loss = self._discriminator_step(images[rows], batch_labels, latents, penalty_seed)
            self.discriminator_tracker.update_state(loss)

        # Conditional models: fakes take the real batch's labels.
        self._update_generator(latents, batch_labels, step_seed)
        return {metric.name: metric.result() for metric in self.metrics}

    def sample(self, num_images, labels=None, seed=None):
        """Draws images from the model.

        Args:
            num_images: Integer.
            labels: Integer array `(num_images,)`, for conditional models only; `None`
                draws them uniformly.
            seed: Integer. The same seed gives the same images, and the same latents
                whatever the labels; `None` draws one.

        Returns:
            Float array `(num_images, height, width, channels)` in `value_range`.

        Raises:
            ValueError: If the labels do not fit the model.
        """
        seed = noise.fresh_seed() if seed is None else seed
        latents = self.draw_latents(num_images, noise.fold(noise.fold(seed, 1), 0))
        if self.num_classes is None:
            if labels is not None:
                raise ValueError(f"{type(self).__name__} is unconditional: it takes no labels.")
            return in_chunks(self.generate, latents)
        if labels is None:
            labels = self.sample_labels(num_images, seed)
        check_labels(labels, num_images, self.num_classes)
        return in_chunks(self.generate, latents, np.asarray(labels))

    def sample_labels(self, num_images, seed):
        """Returns the labels that `sample` draws with this seed, `(num_images,)`."""
        uniform = noise.uniform_unsigned((num_images,), noise.fold(noise.fold(seed, 1), 1))
        return np.minimum(uniform.numpy() * self.num_classes, self.num_classes - 1).astype(int)

    def draw_latents(self, batch_size, seed):
        """Returns latents `(batch_size, latent_dim)` from the prior; `seed` as by `noise.fold`."""
        return noise.PRIORS[self.prior]((batch_size, self.latent_dim), seed)

    def _update_average(self):
        if self.averaged_generator is None:
            return
        pairs = zip(self.averaged_generator.weights, self.generator.weights, strict=True)
        for average, weight in pairs:
            # Not only the trained weights: batch norm's statistics belong to them.
            average.assign(self.ema_decay * average + (1.0 - self.ema_decay) * weight)

    def _update_generator(self, latents, labels, step_seed):
        """Makes the generator's updates of a training step.

        Args:
            latents: Tensor `(batch_size, latent_dim)`: those of the last discriminator update.
            labels: Integer tensor `(batch_size,)`, or `None`.
            step_seed: Integer tensor. Seed of the training step.
        """
        batch_size = keras.ops.shape(latents)[0]
        for index in range(self.generator_steps):
            if not self.shared_latents:
                number = self.discriminator_steps + index
                latents = self.draw_latents(batch_size, noise.fold(step_seed, number))
            self.generator_tracker.update_state(self._generator_step(latents, labels))
            self._update_average()

    def _discriminator_step(self, real_images, labels, latents, penalty_seed):
        fake_images = self.generate(latents, labels, training=True)

        def loss():
            # Two passes: each batch has its own batch-norm statistics.
            real_output = self.discriminate(real_images, labels, training=True)
            fake_output = self.discriminate(fake_images, labels, training=True)
            penalty = self.discriminator_penalty(real_images, fake_images, labels, penalty_seed)
            return self.discriminator_loss(real_output, fake_output) + penalty

        variables = self.discriminator.trainable_variables
        return gradient_step(self.discriminator_optimizer, variables, loss)

    def _generator_step(self, latents, labels):
        def loss():
            fake_images = self.generate(latents, labels, training=True)
            return self.generator_loss(self.discriminate(fake_images, labels, training=True))

        variables = self.generator.trainable_variables
        return gradient_step(self.generator_optimizer, variables, loss)


def check_labels(labels, num_images, num_classes):
    """Raises `ValueError` unless `labels` are `num_images` integers below `num_classes`."""
    labels = np.asarray(labels)
    if labels.shape != (num_images,):
        raise ValueError(f"labels has shape {labels.shape}; expected ({num_images},).")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}; expected integers.")
    if num_images and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; expected 0 to {num_classes - 1}."
        )


class NonSaturatingGAN(GAN):
    """GAN with the "log D trick": the generator minimises `−E[log D(G(z))]`.

    The same fixed point as the minimax form, with a gradient that does not vanish
    while the discriminator rejects everything.

    Reference:
        [Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661), section 3.

    Args: as `GAN`.
    """

    def generator_loss(self, fake_output):
        """Mean BCE(D(G(z)), 1)."""
        return real_cross_entropy(fake_output)


def build(
    model_class,
    image_shape,
    num_classes=None,
    seed=0,
    *,
    latent_dim,
    width,
    learning_rate,
    discriminator_learning_rate,
    beta_1,
    discriminator_steps,
    generator_steps,
    ema_decay,
):
    """Builds a compiled GAN on the InfoGAN networks; defaults are in the recipes below.

    Args:
        model_class: `GAN` or a subclass.
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Not used; the model is unconditional.
        seed: Integer. Seed of the initial weights and of all noise.
        latent_dim: Integer. Length of the latent vector.
        width: Integer. Scales all hidden layers; 64 is the published network.
        learning_rate: Float. Adam's, of the generator.
        discriminator_learning_rate: Float. Adam's, of the discriminator.
        beta_1: Float. Adam's decay of the first moment, for both.
        discriminator_steps, generator_steps, ema_decay: As in `GAN`.
    """
    model = model_class(
        infogan.generator(image_shape, latent_dim, width=width, seed=seed),
        infogan.discriminator(image_shape, width=width, seed=seed),
        discriminator_steps=discriminator_steps,
        generator_steps=generator_steps,
        ema_decay=ema_decay,
        seed=seed,
    )
    model.compile(
        generator_optimizer=Adam(learning_rate, beta_1=beta_1),
        discriminator_optimizer=Adam(discriminator_learning_rate, beta_1=beta_1),
    )
    return model


# The setting of the published Fashion-MNIST comparison (InfoGAN's networks and rates).
DEFAULTS = {
    "latent_dim": 62,
    "width": 64,
    "learning_rate": 1e-3,
    "discriminator_learning_rate": 2e-4,
    "beta_1": 0.5,
    "discriminator_steps": 1,
    "generator_steps": 1,
    "ema_decay": None,
    "batch_size": 64,
    "epochs": 25,
}
# 25 epochs on MNIST, 40 on Fashion-MNIST.
DATASET_EPOCHS = {"fashion_mnist": 40, "fashion_mnist_sample": 40}

MINIMAX = Recipe(
    title="GAN (minimax)",
    paper=PAPER,
    value_function="min_G max_D  E[log D(x)] + E[log(1 − D(G(z)))]",
    build=functools.partial(build, GAN),
    defaults=DEFAULTS,
    dataset_epochs=DATASET_EPOCHS,
)
NON_SATURATING = Recipe(
    title="Improved GAN (non-saturating)",
    paper=f"{PAPER}, section 3",
    value_function="max_D  E[log D(x)] + E[log(1 − D(G(z)))];  max_G  E[log D(G(z))]",
    build=functools.partial(build, NonSaturatingGAN),
    defaults=DEFAULTS,
    dataset_epochs=DATASET_EPOCHS,
)
