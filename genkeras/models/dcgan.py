"""Deep convolutional generative adversarial network, as the DCGAN program trains it.

Reference:
    [Radford et al., 2016](https://arxiv.org/abs/1511.06434), sections 3 and 4.
"""

from genkeras.models.gan import NonSaturatingGAN
from genkeras.models.optimization import Adam
from genkeras.models.recipe import Recipe
from genkeras.networks import dcgan as networks
from genkeras.networks.conditional import join_to_images, join_to_latents

# The program's name of a prior -> ours, a key of `noise.PRIORS`.
PRIOR_NAMES = {
    "uniform_signed": "uniform_signed",
    "normal01": "normal",
    "uniform_unsigned": "uniform_unsigned",
}


class DCGAN(NonSaturatingGAN):
    """Deep convolutional GAN: the non-saturating losses on all-convolutional networks.

    A training step is one discriminator and two generator updates, all three with the
    same latents: the program's remedy against a discriminator that learns too fast.
    With `num_classes` both networks are told the class of an image, one-hot; generated
    images then take the labels of the real minibatch.

    Reference:
        [Radford et al., 2016](https://arxiv.org/abs/1511.06434), sections 3 and 4.

    Args:
        generator: Keras model from latents `(batch_size, latent_dim)`, or
            `(batch_size, latent_dim + num_classes)`, to images
            `(batch_size, height, width, channels)` in `value_range`.
        discriminator: Keras model from such images, with `num_classes` more channels
            where there are classes, to logits `(batch_size, 1)`.
        generator_steps: Integer. Generator updates per training step. Defaults to `2`.
        shared_latents: Boolean. Whether all updates of a step use the same latents.
            Defaults to `True`.
        num_classes: Integer, or `None` for an unconditional model.
        value_range: Pair `(low, high)` of the generator's images.
        **kwargs: As for `GAN`.
    """

    def __init__(
        self,
        generator,
        discriminator,
        *,
        generator_steps=2,
        shared_latents=True,
        num_classes=None,
        value_range=(-1.0, 1.0),
        **kwargs,
    ):
        super().__init__(
            generator,
            discriminator,
            generator_steps=generator_steps,
            shared_latents=shared_latents,
            num_classes=num_classes,
            **kwargs,
        )
        self.value_range = value_range

    def generate(self, latents, labels=None, training=False):
        """Returns images `(batch_size, height, width, channels)` in `value_range`.

        Args:
            latents: Float tensor `(batch_size, latent_dim)`.
            labels: Integer tensor `(batch_size,)`; needed by a conditional model only.
            training: Boolean.

        Raises:
            ValueError: If a conditional model gets no labels.
        """
        if self.num_classes is not None:
            latents = join_to_latents(latents, labels, self.num_classes)
        return super().generate(latents, training=training)

    def discriminate(self, images, labels=None, training=False):
        """Returns logits `(batch_size, 1)` that images are real (and of the given classes)."""
        if self.num_classes is not None:
            images = join_to_images(images, labels, self.num_classes)
        return super().discriminate(images, training=training)

    def call(self, inputs, training=False):
        """Returns images of latents, or, if conditional, of a pair `(latents, labels)`."""
        latents, labels = (inputs, None) if self.num_classes is None else inputs
        return self.generate(latents, labels, training=training)


def build(
    image_shape,
    num_classes=None,
    seed=0,
    *,
    conditional,
    latent_dim,
    z_dist,
    width,
    learning_rate,
    discriminator_learning_rate,
    beta_1,
    discriminator_steps,
    generator_steps,
    ema_decay,
):
    """Builds a compiled DCGAN on the program's networks; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer. Classes of the data, or `None`.
        seed: Integer. Seed of the initial weights and of all noise.
        conditional: Boolean. Whether the networks are told the class; they are then those
            that the program uses for MNIST, and images are in `[0, 1]`.
        latent_dim: Integer. Length of the latent vector, the class not included.
        z_dist: String. Distribution of the latents, a key of `PRIOR_NAMES`.
        width: Integer. Scales all hidden layers; 64 is the published network.
        learning_rate: Float. Adam's, of both networks.
        discriminator_learning_rate: Float. Adam's, of the discriminator; `None` for
            `learning_rate`.
        beta_1: Float. Adam's decay of the first moment, for both.
        discriminator_steps, generator_steps, ema_decay: As in `GAN`.

    Raises:
        ValueError: If the prior is unknown, or `conditional` and the data has no classes.
    """
    if z_dist not in PRIOR_NAMES:
        raise ValueError(f"z_dist={z_dist!r} is unknown; use one of {list(PRIOR_NAMES)}.")
    shared = {
        "prior": PRIOR_NAMES[z_dist],
        "discriminator_steps": discriminator_steps,
        "generator_steps": generator_steps,
        "ema_decay": ema_decay,
        "seed": seed,
    }
    if conditional:
        if num_classes is None:
            raise ValueError(
                "conditional=True needs labels, and these pictures have none. Use a data set "
                "with classes (mnist, fashion_mnist, a folder with one folder per class, celeba "
                "with --label=Smiling), or leave --conditional out."
            )
        model = DCGAN(
            networks.conditional_generator(
                image_shape, latent_dim, num_classes, width=width, seed=seed
            ),
            networks.conditional_discriminator(image_shape, num_classes, width=width, seed=seed),
            num_classes=num_classes,
            value_range=(0.0, 1.0),
            **shared,
        )
    else:
        model = DCGAN(
            networks.generator(image_shape, latent_dim, width=width, seed=seed),
            networks.discriminator(image_shape, width=width, seed=seed),
            **shared,
        )
    if discriminator_learning_rate is None:
        discriminator_learning_rate = learning_rate
    model.compile(
        generator_optimizer=Adam(learning_rate, beta_1=beta_1),
        discriminator_optimizer=Adam(discriminator_learning_rate, beta_1=beta_1),
    )
    return model


RECIPE = Recipe(
    title="DCGAN",
    paper="Radford et al., 2016, https://arxiv.org/abs/1511.06434",
    value_function="max_D  E[log D(x)] + E[log(1 − D(G(z)))];  max_G  E[log D(G(z))]",
    build=build,
    networks=lambda options: (
        "DCGAN-tensorflow's for MNIST" if options["conditional"] else "DCGAN's own"
    ),
    # Those of the DCGAN program; the paper's batch is 128.
    defaults={
        "conditional": False,
        "latent_dim": 100,
        "z_dist": "uniform_signed",
        "width": 64,
        "learning_rate": 2e-4,
        "discriminator_learning_rate": None,
        "beta_1": 0.5,
        "discriminator_steps": 1,
        "generator_steps": 2,
        "ema_decay": None,
        "batch_size": 64,
        "epochs": 25,
    },
)
