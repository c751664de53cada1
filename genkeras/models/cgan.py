"""Conditional generative adversarial network.

Reference:
    [Mirza and Osindero, 2014](https://arxiv.org/abs/1411.1784), equation 2.
"""

from genkeras.models.gan import DATASET_EPOCHS, DEFAULTS, NonSaturatingGAN
from genkeras.models.optimization import Adam
from genkeras.models.recipe import Recipe
from genkeras.networks import infogan
from genkeras.networks.conditional import join_to_images, join_to_latents


class CGAN(NonSaturatingGAN):
    """Conditional GAN: generator and discriminator are told the class `y` of an image.

    The discriminator minimises `−E[log D(x, y)] − E[log(1 − D(G(z, y), y))]`, the
    generator `−E[log D(G(z, y), y)]`; generated images take the labels of the real
    minibatch. The paper writes the minimax value; the non-saturating form is the one
    of the published Fashion-MNIST comparison. `y` is one-hot: joined to the latents,
    and to the images as channels that are constant over an image.

    Reference:
        [Mirza and Osindero, 2014](https://arxiv.org/abs/1411.1784), equation 2.

    Args:
        generator: Keras model from `(batch_size, latent_dim + num_classes)` to images
            `(batch_size, height, width, channels)` in `[-1, 1]`.
        discriminator: Keras model from `(batch_size, height, width,
            channels + num_classes)` to logits `(batch_size, 1)`.
        num_classes: Integer.
        **kwargs: As for `GAN`.

    Raises:
        ValueError: If the discriminator has no channel for each class.
    """

    def __init__(self, generator, discriminator, *, num_classes, **kwargs):
        super().__init__(generator, discriminator, num_classes=num_classes, **kwargs)
        expected = generator.output_shape[-1] + num_classes
        if discriminator.input_shape[-1] != expected:
            raise ValueError(
                f"The discriminator takes {discriminator.input_shape[-1]} channels; expected "
                f"{expected}: those of an image and one for each of {num_classes} classes."
            )

    def generate(self, latents, labels=None, training=False):
        """Returns images `(batch_size, height, width, channels)` of the given classes.

        Args:
            latents: Float tensor `(batch_size, latent_dim)`.
            labels: Integer tensor `(batch_size,)`; always needed.
            training: Boolean.

        Raises:
            ValueError: If there are no labels.
        """
        inputs = join_to_latents(latents, labels, self.num_classes)
        return super().generate(inputs, training=training)

    def discriminate(self, images, labels=None, training=False):
        """Returns logits `(batch_size, 1)` that images are real and of the given classes."""
        inputs = join_to_images(images, labels, self.num_classes)
        return super().discriminate(inputs, training=training)

    def call(self, inputs, training=False):
        """Returns images of a pair `(latents, labels)`."""
        latents, labels = inputs
        return self.generate(latents, labels, training=training)


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
    discriminator_steps,
    generator_steps,
    ema_decay,
):
    """Builds a compiled CGAN on the InfoGAN networks; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer. Classes of the data.
        seed: Integer. Seed of the initial weights and of all noise.
        latent_dim: Integer. Length of the latent vector, the class not included.
        width: Integer. Scales all hidden layers; 64 is the published network.
        learning_rate: Float. Adam's, of the generator.
        discriminator_learning_rate: Float. Adam's, of the discriminator.
        beta_1: Float. Adam's decay of the first moment, for both.
        discriminator_steps, generator_steps, ema_decay: As in `GAN`.

    Raises:
        ValueError: If the data has no classes.
    """
    if num_classes is None:
        raise ValueError(
            "CGAN needs labels, and these pictures have none. Use a data set with classes "
            "(mnist, fashion_mnist, a folder with one folder per class, celeba with "
            "--label=Smiling), or an unconditional model such as nsgan."
        )
    height, columns, channels = image_shape
    model = CGAN(
        infogan.generator(image_shape, latent_dim + num_classes, width=width, seed=seed),
        infogan.discriminator((height, columns, channels + num_classes), width=width, seed=seed),
        num_classes=num_classes,
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


RECIPE = Recipe(
    title="CGAN",
    paper="Mirza and Osindero, 2014, https://arxiv.org/abs/1411.1784",
    value_function=(
        "max_D  E[log D(x, y)] + E[log(1 − D(G(z, y), y))];  max_G  E[log D(G(z, y), y)]"
    ),
    build=build,
    defaults=DEFAULTS,
    dataset_epochs=DATASET_EPOCHS,
)
