"""Wasserstein autoencoders: what WAE-MMD and WAE-GAN share.

`WAE` holds the training loop; a variant says how far the codes are from the prior.

Reference:
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), equation 4.
"""

import keras
import tensorflow as tf

from genkeras.models import noise, schedules
from genkeras.models.autoencoder import Autoencoder
from genkeras.models.inference import in_chunks
from genkeras.models.optimization import Adam, gradient_step
from genkeras.models.precision import loss_scaled
from genkeras.models.wae_terms import COSTS, moment_distance, truncated_normal

ENCODER_NOISES = ("deterministic", "add_noise", "gaussian", "implicit")
LAMBDA_SCHEDULES = ("constant", "adaptive")
PIXEL_NOISE_STDDEV = 0.01
LAMBDA_PERIOD = 1000
PRETRAINING_STEPS = 200
PRETRAINED_BELOW = 0.1
PAPER = "Tolstikhin et al., 2018, https://arxiv.org/abs/1711.01558"


class WAE(Autoencoder):
    """Wasserstein autoencoder.

    Minimises `E[c(x, G(z̃))] + λ · D(Q_z, P_z) + w · E[c(G(z), R(G(z)))]` over encoder and
    decoder, where `z̃` is the code of `x`, `Q_z` the distribution of the codes, `P_z` the
    prior, `D` the `latent_penalty` of a subclass and `R` decoding after encoding. Costs are
    computed in the networks' value range.

    Reference:
        [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), equation 4.

    Args:
        encoder: Keras model from images `(batch_size, height, width, channels)` in
            `value_range` to `(batch_size, latent_dim)`; for gaussian noise to
            `(batch_size, 2 * latent_dim)`: means, then log-variances.
        decoder: Keras model from latents `(batch_size, latent_dim)` to images.
        prior: `LatentPrior`.
        value_range: Pair `(low, high)` of the decoder's output.
        encoder_noise: String. `"deterministic"`; `"add_noise"`, truncated normal noise on
            the pixels in training; `"gaussian"`, z̃ = μ + ε√(1e-8 + exp(v)), for the normal
            prior only; or `"implicit"`, z̃ = E(x) + ε·A(E(x)).
        noise_matrix: Keras model from `(batch_size, latent_dim)` to the matrix A of
            implicit noise, `(batch_size, latent_dim, latent_dim)`; else `None`.
        cost: String. `"l2sq"`, `"l2"` or `"l1"`; see `wae_terms`.
        wae_lambda: Float. λ at the beginning.
        lambda_schedule: String. `"constant"`, or `"adaptive"`: every 1,000 steps
            λ ← ½λ + ½ · reconstruction loss / |latent penalty|.
        fixed_point_weight: Float. w, the weight of the fixed-point cost.
        learning_rate_schedule: String. See `schedules`.
        pretraining_batch_size: Integer. Images per step of `pretrain`; `None` for a model
            that is not to be pretrained.
        seed: Integer. Seed of all noise.
    """

    # What makes the schedule act; models do not import callbacks.
    required_callbacks = {"learning_rate_schedule": {}}  # noqa: RUF012

    def __init__(
        self,
        encoder,
        decoder,
        *,
        prior,
        value_range,
        encoder_noise="add_noise",
        noise_matrix=None,
        cost="l2sq",
        wae_lambda=10.0,
        lambda_schedule="constant",
        fixed_point_weight=0.0,
        learning_rate_schedule="none",
        pretraining_batch_size=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_choice("encoder_noise", encoder_noise, ENCODER_NOISES)
        _check_choice("lambda_schedule", lambda_schedule, LAMBDA_SCHEDULES)
        _check_choice("cost", cost, COSTS)
        schedules.check(learning_rate_schedule)
        if encoder_noise == "gaussian" and prior.name != "normal":
            raise ValueError(
                f"encoder_noise='gaussian' leaves the support of prior={prior.name!r}; use "
                "prior='normal', or encoder_noise='implicit'."
            )
        if (noise_matrix is not None) != (encoder_noise == "implicit"):
            raise ValueError(
                f"encoder_noise={encoder_noise!r} with noise_matrix={noise_matrix}: implicit "
                "noise needs a noise_matrix, and only it does."
            )
        self.encoder = encoder
        self.decoder = decoder
        self.noise_matrix = noise_matrix
        self.prior = prior
        self.latent_dim = prior.latent_dim
        self.value_range = tuple(value_range)
        self.encoder_noise = encoder_noise
        self.reconstruction_cost = COSTS[cost]
        self.lambda_schedule = lambda_schedule
        self.fixed_point_weight = fixed_point_weight
        self.learning_rate_schedule = learning_rate_schedule
        self.pretraining_batch_size = pretraining_batch_size
        self.seed = seed
        self.plateau = schedules.Plateau() if learning_rate_schedule == "plateau" else None
        self.wae_lambda = self.add_weight(
            name="wae_lambda",
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(wae_lambda),
            trainable=False,
        )
        # Noise is a function of (seed, steps_done), so a restored model repeats its steps.
        self.steps_done = self.add_weight(
            name="steps_done", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.penalty_tracker = keras.metrics.Mean(name="latent_penalty")
        self.lambda_tracker = keras.metrics.Mean(name="wae_lambda")
        self.built = True

    def compile(self, autoencoder_optimizer, **kwargs):
        """Configures training with one optimizer for encoder and decoder."""
        # Not given to Keras as `optimizer`, so that all families store theirs alike.
        super().compile(optimizer=None, **kwargs)
        self.autoencoder_optimizer = loss_scaled(autoencoder_optimizer)
        self.autoencoder_optimizer.build(self.autoencoder_variables)
        # What the schedule multiplies: the optimizers' own rates change with it.
        self.learning_rates = {"autoencoder": float(autoencoder_optimizer.learning_rate.numpy())}

    @property
    def optimizers(self):
        """Dict of the optimizers by name."""
        return {"autoencoder": self.autoencoder_optimizer}

    @property
    def metrics(self):
        trackers = [self.loss_tracker, self.reconstruction_tracker, self.penalty_tracker]
        return trackers + [self.lambda_tracker] * (self.lambda_schedule == "adaptive")

    @property
    def encoder_variables(self):
        """Trainable variables of the encoder, implicit noise included."""
        networks = [self.encoder, self.noise_matrix]
        return [v for network in networks if network for v in network.trainable_variables]

    @property
    def autoencoder_variables(self):
        """Trainable variables of encoder and decoder."""
        return self.encoder_variables + self.decoder.trainable_variables

    def latent_penalty(self, posterior_latents, prior_latents):
        """How far the codes are from the prior, a scalar tensor. A subclass defines it.

        Args:
            posterior_latents, prior_latents: Float tensors `(batch_size, latent_dim)`.
        """
        raise NotImplementedError

    def train_penalty(self, posterior_latents, prior_latents):
        """Trains what the latent penalty is made of, if anything."""

    # Whether `train_penalty` comes before the autoencoder's update, or after it.
    penalty_first = True

    def learning_rate_factor(self, epoch, num_epochs):
        """Returns what the learning rates are multiplied by in an epoch, counted from 0."""
        if self.plateau is not None:
            return float(self.plateau.factor.numpy())
        return schedules.factor(self.learning_rate_schedule, epoch, num_epochs)

    def draw_codes(self, images, seed, training=False):
        """Samples codes from Q(Z | X).

        Args:
            images: Float tensor `(batch_size, height, width, channels)`.
            seed: Integer tensor, as by `noise.fold`.
            training: Boolean.

        Returns:
            Float tensor `(batch_size, latent_dim)`.
        """
        if self.encoder_noise == "add_noise" and training:
            shape = keras.ops.shape(images)
            images = images + PIXEL_NOISE_STDDEV * truncated_normal(shape, seed)
        outputs = self.encoder(images, training=training)
        shape = (keras.ops.shape(outputs)[0], self.latent_dim)
        return self.codes(outputs, noise.normal(shape, seed))

    def codes(self, outputs, normal_noise=None):
        """Returns codes for the encoder's outputs.

        Args:
            outputs: Float tensor, what `encoder` returns.
            normal_noise: Float tensor `(batch_size, latent_dim)`, drawn from N(0, I). Codes
                that have noise are their centres without it.

        Returns:
            Float tensor `(batch_size, latent_dim)`.
        """
        if self.encoder_noise == "gaussian":
            outputs, log_variance = tf.split(outputs, 2, axis=1)
            if normal_noise is not None:
                log_variance = tf.clip_by_value(log_variance, -50.0, 50.0)
                outputs = outputs + normal_noise * tf.sqrt(1e-8 + tf.exp(log_variance))
        elif self.encoder_noise == "implicit" and normal_noise is not None:
            outputs = outputs + tf.linalg.matvec(
                self.noise_matrix(outputs), normal_noise, transpose_a=True
            )
        return self.prior.constrain(outputs)

    def encode(self, images, seed=None):
        """Returns codes of images.

        Args:
            images: Float array `(num_images, height, width, channels)` in `value_range`.
            seed: Integer. Seed of a sample of the codes, where they are random; `None`
                leaves the noise out.

        Returns:
            Float array `(num_images, latent_dim)`.
        """
        outputs = in_chunks(lambda x: self.encoder(x, training=False), images)
        if seed is None:
            return in_chunks(self.codes, outputs)
        shape = (len(outputs), self.latent_dim)
        return in_chunks(self.codes, outputs, noise.normal(shape, noise.fold(seed, 2)))

    def generate(self, latents, training=False):
        """Returns images `(batch_size, height, width, channels)` in `value_range`."""
        return self.decoder(latents, training=training)

    def draw_latents(self, batch_size, seed):
        """Returns latents `(batch_size, latent_dim)` from the prior; `seed` as by `noise.fold`."""
        return self.prior.draw(batch_size, seed)

    @property
    def prior_kernel_scale(self):
        """C₀ of the IMQ kernels that compare codes with the prior; see `LatentPrior`."""
        return self.prior.kernel_scale

    def call(self, inputs, training=False):
        return self.decoder(self.codes(self.encoder(inputs, training=training)), training=training)

    def train_step(self, data):
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        step_seed = noise.fold(noise.fold(self.seed, 0), self.steps_done.value)
        self.steps_done.assign_add(1)
        prior_latents = self.prior.draw(keras.ops.shape(images)[0], noise.fold(step_seed, 0))

        def objective():
            latents = self.draw_codes(images, noise.fold(step_seed, 1), training=True)
            # Both orders train it on the codes of the encoder as it was before this step.
            if self.penalty_first:
                self.train_penalty(tf.stop_gradient(latents), prior_latents)
            reproductions = self.decoder(latents, training=True)
            reconstruction = self.reconstruction_cost(images, reproductions)
            penalty = self.latent_penalty(latents, prior_latents)
            loss = reconstruction + self.wae_lambda * penalty
            if self.fixed_point_weight:
                cost = self.fixed_point_cost(prior_latents, noise.fold(step_seed, 2))
                loss = loss + self.fixed_point_weight * cost
            return loss, reconstruction, penalty, latents

        optimizer, variables = self.autoencoder_optimizer, self.autoencoder_variables
        loss, reconstruction, penalty, latents = gradient_step(optimizer, variables, objective)
        if not self.penalty_first:
            self.train_penalty(latents, prior_latents)
        if self.plateau is not None:
            self.plateau.observe(loss)
        self.loss_tracker.update_state(loss)
        self.reconstruction_tracker.update_state(reconstruction)
        self.penalty_tracker.update_state(penalty)
        self.lambda_tracker.update_state(self.wae_lambda)
        self._update_lambda(reconstruction, penalty)
        return {metric.name: metric.result() for metric in self.metrics}

    def fixed_point_cost(self, prior_latents, seed):
        """c(G, R(G)) with G = decode(z) and R = decode∘encode.

        The weights inside R get no gradient: it flows through R's input and through the
        target, into the decoder that made G.

        Args:
            prior_latents: Float tensor `(batch_size, latent_dim)`.
            seed: Integer tensor. Seed of the encoder's noise.

        Returns:
            Scalar tensor.
        """
        generated = self.decoder(prior_latents, training=True)
        images = tf.stop_gradient(generated)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            latents = self.draw_codes(images, seed, training=True)
            cost = self.reconstruction_cost(images, self.decoder(latents, training=True))
        slope = tape.gradient(cost, images)
        # The value of the cost, and its first-order change with the generated images alone.
        change = tf.reduce_sum(tf.stop_gradient(slope) * (generated - images))
        return tf.stop_gradient(cost) + change

    def pretrain(self, batches):
        """Fits mean and covariance of the codes to the prior's: at most 200 Adam steps.

        Minimises mean (m_P − m_Q)² + mean (C_P − C_Q)² over the encoder, until it is below
        0.1, with m the means and C the covariances of a batch.

        Args:
            batches: Iterable of image batches, or of pairs of images and labels.

        Returns:
            List of the losses, one per step.
        """
        rate = self.learning_rates["autoencoder"]
        optimizer = Adam(rate, beta_1=0.5)
        optimizer.build(self.encoder_variables)
        seed = noise.fold(self.seed, 3)

        @tf.function
        def step(images, index):
            step_seed = noise.fold(seed, index)
            prior_latents = self.prior.draw(images.shape[0], noise.fold(step_seed, 0))

            def loss():
                latents = self.draw_codes(images, noise.fold(step_seed, 1), training=True)
                return moment_distance(latents, prior_latents)

            return gradient_step(optimizer, self.encoder_variables, loss)

        losses = []
        for index, batch in zip(range(PRETRAINING_STEPS), batches, strict=False):
            images, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
            losses.append(float(step(images, tf.constant(index, tf.int64))))
            if losses[-1] < PRETRAINED_BELOW:
                break
        return losses

    def _update_lambda(self, reconstruction, penalty):
        if self.lambda_schedule == "adaptive":
            adapted = 0.5 * self.wae_lambda + 0.5 * reconstruction / tf.abs(penalty)
            due = self.steps_done.value % LAMBDA_PERIOD == 0
            self.wae_lambda.assign(tf.where(due, adapted, self.wae_lambda.value))


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown; use one of {list(choices)}.")
