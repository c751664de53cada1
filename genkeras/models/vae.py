"""Variational autoencoder, and its denoising form.

Reference:
    [Kingma & Welling, 2014](https://arxiv.org/abs/1312.6114), equation 10, appendix B and C.
"""

import functools
import math

import keras
import numpy as np
import tensorflow as tf

from genkeras.models import noise
from genkeras.models.autoencoder import Autoencoder
from genkeras.models.gan import DATASET_EPOCHS
from genkeras.models.inference import in_chunks
from genkeras.models.losses import (
    bernoulli_negative_log_likelihood,
    gaussian_kl_divergence,
    gaussian_negative_log_likelihood,
)
from genkeras.models.optimization import Adam, gradient_step
from genkeras.models.precision import loss_scaled
from genkeras.models.recipe import INFOGAN_NETWORKS, Recipe
from genkeras.networks import infogan, mlp
from genkeras.networks.blocks import scaled


class VAE(Autoencoder):
    """Variational autoencoder.

    Minimises `−ELBO = E_q[−log p(x | z)] + KL(q(z | x) ‖ N(0, I))`, mean over images of
    sums over pixels and latent dimensions, where `q` is a diagonal Gaussian with
    `σ = 1e-6 + softplus(·)` and one sample of `z` per image. `p(x | z)` is a Bernoulli
    distribution per pixel, or a Gaussian one whose variance, one number for all pixels, is
    the best for each batch; either way its mean is the sigmoid of the decoder's output.

    With `add_noise` it is a denoising autoencoder: the encoder sees `corrupt(x)`, drawn
    anew in every step, and `x` is what is to be reproduced. `encode` and `reconstruct` add
    no noise: they take images as they are.

    Reference:
        [Kingma & Welling, 2014](https://arxiv.org/abs/1312.6114), equation 10;
        [Rybkin et al., 2021](https://arxiv.org/abs/2006.13202) for the Gaussian's variance.

    Args:
        encoder: Keras model from images `(batch_size, height, width, channels)` in
            `[0, 1]` to `(batch_size, 2 * latent_dim)`: means, then raw deviations.
        decoder: Keras model from latents `(batch_size, latent_dim)` to logits of the
            images' shape.
        likelihood: `"bernoulli"` or `"gaussian"`.
        add_noise: Boolean. Whether the encoder sees noisy images in training.
        seed: Integer. Seed of all noise.

    Raises:
        ValueError: If the likelihood is unknown.
    """

    value_range = (0.0, 1.0)
    prior = "normal"

    def __init__(
        self, encoder, decoder, *, likelihood="bernoulli", add_noise=False, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if likelihood not in LIKELIHOODS:
            raise ValueError(
                f"likelihood={likelihood!r} is unknown; use one of {list(LIKELIHOODS)}."
            )
        self.likelihood = likelihood
        self.add_noise = add_noise
        self.encoder = encoder
        self.decoder = decoder
        self.seed = seed
        self.latent_dim = decoder.input_shape[-1]
        # Noise is a function of (seed, steps_done), so a restored model repeats its steps.
        self.steps_done = self.add_weight(
            name="steps_done", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_divergence")
        self.built = True

    def compile(self, optimizer, **kwargs):
        """Configures training with one optimizer for both networks."""
        # Not given to Keras as `optimizer`, so that all families store theirs alike.
        super().compile(optimizer=None, **kwargs)
        self.autoencoder_optimizer = loss_scaled(optimizer)
        self.autoencoder_optimizer.build(self.trainable_variables)

    @property
    def optimizers(self):
        """Dict of the optimizers by name."""
        return {"autoencoder": self.autoencoder_optimizer}

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_tracker, self.kl_tracker]

    def posterior(self, images, training=False):
        """Returns mean and standard deviation of q(z | x), each `(batch_size, latent_dim)`."""
        mean, raw_stddev = tf.split(self.encoder(images, training=training), 2, axis=1)
        return mean, 1e-6 + tf.nn.softplus(raw_stddev)

    def corrupt(self, images, seed):
        """Returns images with the noise of the VAE program: `x · Bern(½) + Bern(½)` per pixel.

        Half of the pixels turn black, then half of all white. The program leaves the sums
        above 1 as they are; here the result is clipped to `[0, 1]`.

        Args:
            images: Float array or tensor `(num_images, height, width, channels)` in `[0, 1]`.
            seed: Integer, or as returned by `noise.fold`.

        Returns:
            Float tensor of the same shape.
        """
        shape, seed = keras.ops.shape(images), noise.fold(seed, 3)
        kept, added = (
            tf.cast(noise.uniform_unsigned(shape, noise.fold(seed, index)) < 0.5, tf.float32)
            for index in range(2)
        )
        return tf.minimum(images * kept + added, 1.0)

    def encode(self, images, seed=None):
        """Returns codes of images.

        Args:
            images: Float array `(num_images, height, width, channels)` in `[0, 1]`.
            seed: Integer. Seed of a sample from the posterior; `None` gives its mean.

        Returns:
            Float array `(num_images, latent_dim)`.
        """
        mean, stddev = self._moments(images)
        if seed is None:
            return mean
        return mean + stddev * noise.normal(mean.shape, noise.fold(seed, 2)).numpy()

    def _moments(self, images):
        """Returns `posterior` of many images, as arrays."""
        moments = in_chunks(lambda x: tf.concat(self.posterior(x), axis=1), images)
        return np.split(moments, 2, axis=1)

    def generate(self, latents, training=False):
        """Returns images `(batch_size, height, width, channels)` in `[0, 1]`: E[x | z]."""
        return tf.sigmoid(self.decoder(latents, training=training))

    def draw_latents(self, batch_size, seed):
        """Returns latents `(batch_size, latent_dim)` from the prior; `seed` as by `noise.fold`."""
        return noise.normal((batch_size, self.latent_dim), seed)

    @property
    def prior_kernel_scale(self):
        """C₀ of the IMQ kernels that compare codes with the prior: 2d, the mean squared
        distance of two draws from it (see `mmd`)."""
        return 2.0 * self.latent_dim

    def log_weights(self, images, num_samples, seed):
        """Log importance weights log p(x | z) + log p(z) − log q(z | x) with z ~ q(z | x).

        Their mean over samples estimates the ELBO, the logarithm of the mean of their
        exponentials a lower bound of log p(x) that gets tighter with more samples (Burda et
        al., 2016, https://arxiv.org/abs/1509.00519, equation 8).

        p(x | z) is that of training. Bernoulli: minus the cross entropy of the pixels, which
        for black and white ones is a log probability; for grey values between it is the same
        expression and no normalised density, so it compares VAEs of this likelihood only.
        Gaussian: a density over `[0, 1]` numbers, whose variance is the best one for the given
        images: the mean squared error of their reproductions from the posterior means.

        A denoising VAE gets the images as they are, like the other methods.

        Args:
            images: Float array `(num_images, height, width, channels)` in `[0, 1]`.
            num_samples: Integer. Samples of z per image.
            seed: Integer. The same seed gives the same weights, in whatever chunks they are
                computed; the first samples are the same whatever their number.

        Returns:
            float64 array `(num_images, num_samples)`.
        """
        mean, stddev = self._moments(images)
        log_likelihood = bernoulli_log_likelihoods
        if self.likelihood == "gaussian":
            variance = _best_variance(images, self.decode(mean))
            log_likelihood = functools.partial(gaussian_log_likelihoods, variance=variance)

        # Compiled: it is called for every sample.
        @tf.function
        def decoded_likelihood(images, latents):
            return log_likelihood(images, self.decoder(latents, training=False))

        weights = np.empty((len(images), num_samples))
        for index in range(num_samples):
            normal = noise.normal(mean.shape, noise.fold(noise.fold(seed, 5), index)).numpy()
            latents = mean + stddev * normal
            # log p(z) − log q(z | x): the constants of the two normal densities cancel.
            squares = np.square(normal, dtype=np.float64) - np.square(latents, dtype=np.float64)
            ratio = np.sum(0.5 * squares + np.log(stddev, dtype=np.float64), axis=1)
            weights[:, index] = in_chunks(decoded_likelihood, images, latents) + ratio
        return weights

    def call(self, inputs, training=False):
        mean, _ = self.posterior(inputs, training)
        return self.generate(mean, training=training)

    def train_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        step_seed = noise.fold(noise.fold(self.seed, 0), self.steps_done.value)
        self.steps_done.assign_add(1)
        inputs = self.corrupt(images, step_seed) if self.add_noise else images

        def negative_elbo():
            mean, stddev = self.posterior(inputs, training=True)
            latents = mean + stddev * noise.normal(keras.ops.shape(mean), step_seed)
            logits = self.decoder(latents, training=True)
            reconstruction = LIKELIHOODS[self.likelihood](images, logits)
            kl_divergence = gaussian_kl_divergence(mean, stddev)
            return reconstruction + kl_divergence, reconstruction, kl_divergence

        losses = gradient_step(self.autoencoder_optimizer, self.trainable_variables, negative_elbo)
        for metric, value in zip(self.metrics, losses, strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self.metrics}


# Of images and the decoder's output: mean of −log p(x | z).
LIKELIHOODS = {
    "bernoulli": bernoulli_negative_log_likelihood,
    "gaussian": lambda images, logits: gaussian_negative_log_likelihood(images, tf.sigmoid(logits)),
}


def bernoulli_log_likelihoods(images, logits):
    """−Σ BCE(logits, x) over pixels and channels, for each image.

    Args:
        images, logits: Float tensors `(batch_size, height, width, channels)`.

    Returns:
        float64 tensor `(batch_size,)`.
    """
    images, logits = tf.cast(images, tf.float64), tf.cast(logits, tf.float64)
    per_pixel = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    return -tf.reduce_sum(per_pixel, axis=(1, 2, 3))


def gaussian_log_likelihoods(images, logits, variance):
    """log N(x; σ(logits), variance · I), for each image.

    Args:
        images, logits: Float tensors `(batch_size, height, width, channels)`.
        variance: Float.

    Returns:
        float64 tensor `(batch_size,)`.
    """
    images, logits = tf.cast(images, tf.float64), tf.cast(logits, tf.float64)
    squares = tf.square(images - tf.sigmoid(logits)) / variance
    per_pixel = math.log(2.0 * math.pi * variance) + squares
    return -0.5 * tf.reduce_sum(per_pixel, axis=(1, 2, 3))


def _best_variance(images, reproductions):
    """Returns the variance under which images are most likely, as the training loss has it."""
    return 1e-6 + float(np.mean(np.square(images - reproductions), dtype=np.float64))


def build(
    image_shape,
    num_classes=None,
    seed=0,
    *,
    network,
    latent_dim,
    width,
    n_hidden,
    dropout_rate,
    likelihood,
    add_noise,
    learning_rate,
    beta_1,
):
    """Builds a compiled VAE; defaults are in `RECIPE` below.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Not used; the model is unconditional.
        seed: Integer. Seed of the initial weights and of all noise.
        network: `"mlp"`, that of the VAE program, or `"infogan"`, the convolutional
            networks that all models of the comparison share.
        latent_dim: Integer. Length of the latent vector.
        width: Integer. Scales all hidden layers; 64 is the published network.
        n_hidden: Integer. Hidden units of the MLP; `None` for 500 · width / 64.
        dropout_rate: Float. Share of the MLP's hidden units dropped in training.
        likelihood, add_noise: As in `VAE`.
        learning_rate: Float. Adam's.
        beta_1: Float. Adam's decay of the first moment.
    """
    if network == "mlp":
        shared = {
            "n_hidden": scaled(500, width) if n_hidden is None else n_hidden,
            "dropout_rate": dropout_rate,
            "seed": seed,
        }
        # Half of the pixels of noisy images are white: their mean would drown what they
        # show in the first layer, and the codes would collapse onto the prior.
        encoder = mlp.encoder(image_shape, 2 * latent_dim, centred=add_noise, **shared)
        decoder = mlp.decoder(image_shape, latent_dim, **shared)
    else:
        shared = {"width": width, "seed": seed}
        encoder = infogan.discriminator(
            image_shape, outputs=2 * latent_dim, name="encoder", **shared
        )
        decoder = infogan.generator(
            image_shape, latent_dim, activation="linear", name="decoder", **shared
        )
    model = VAE(encoder, decoder, likelihood=likelihood, add_noise=add_noise, seed=seed)
    model.compile(Adam(learning_rate, beta_1=beta_1))
    return model


RECIPE = Recipe(
    title="VAE",
    paper="Kingma & Welling, 2014, https://arxiv.org/abs/1312.6114",
    value_function="min  E_q[−log p(x | z)] + KL(q(z | x) ‖ N(0, I))",
    build=build,
    networks=lambda options: (
        INFOGAN_NETWORKS if options["network"] == "infogan" else "the VAE program's perceptrons"
    ),
    defaults={
        "network": "mlp",
        "width": 64,
        "n_hidden": None,
        "dropout_rate": 0.1,
        "likelihood": "bernoulli",
        "add_noise": False,
        "learning_rate": 1e-3,
    },
    variants=(
        "network",
        {
            # tensorflow-mnist-VAE.
            "mlp": {"latent_dim": 20, "beta_1": 0.9, "batch_size": 128, "epochs": 20},
            # The published Fashion-MNIST comparison, its defaults those of the GANs.
            "infogan": {
                "latent_dim": 62,
                "beta_1": 0.5,
                "batch_size": 64,
                "epochs": 25,
                "dataset_epochs": DATASET_EPOCHS,
            },
        },
    ),
)
