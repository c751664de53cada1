"""Terms of the WAE objective as functions of tensors: costs, moments, pixel noise."""

import keras
import tensorflow as tf

from genkeras.models import noise


def squared_cost(images, reproductions):
    """0.05 · mean over images of Σ (x − x′)², summed over pixels and channels.

    Args:
        images, reproductions: Float tensors `(batch_size, height, width, channels)`.
    """
    return 0.05 * tf.reduce_mean(_sum_over_pixels(tf.square(images - reproductions)))


def euclidean_cost(images, reproductions):
    """0.2 · mean over images of √(1e-8 + Σ (x − x′)²). Args: as `squared_cost`."""
    squares = _sum_over_pixels(tf.square(images - reproductions))
    # The constant keeps the gradient of the root finite at 0.
    return 0.2 * tf.reduce_mean(tf.sqrt(1e-8 + squares))


def absolute_cost(images, reproductions):
    """0.02 · mean over images of Σ |x − x′|. Args: as `squared_cost`."""
    return 0.02 * tf.reduce_mean(_sum_over_pixels(tf.abs(images - reproductions)))


COSTS = {"l2sq": squared_cost, "l2": euclidean_cost, "l1": absolute_cost}


def moment_distance(posterior_latents, prior_latents):
    """mean (m_P − m_Q)² + mean (C_P − C_Q)² of two samples' means m and covariances C.

    Args:
        posterior_latents, prior_latents: Float tensors `(batch_size, latent_dim)`.
    """
    posterior_mean, posterior_covariance = _moments(posterior_latents)
    prior_mean, prior_covariance = _moments(prior_latents)
    return tf.reduce_mean(tf.square(prior_mean - posterior_mean)) + tf.reduce_mean(
        tf.square(prior_covariance - posterior_covariance)
    )


def truncated_normal(shape, seed):
    """Normal numbers within two standard deviations; `seed` as returned by `noise.fold`."""
    # The distribution function of N(0, 1) is inverted between its values at −2 and 2.
    low, high = 0.02275013, 0.97724987
    return tf.math.ndtri(low + (high - low) * noise.uniform_unsigned(shape, seed))


def _moments(latents):
    mean = tf.reduce_mean(latents, axis=0)
    centred = latents - mean
    degrees = tf.cast(keras.ops.shape(latents)[0] - 1, latents.dtype)
    return mean, tf.matmul(centred, centred, transpose_a=True) / degrees


def _sum_over_pixels(values):
    return tf.reduce_sum(values, axis=(1, 2, 3))
