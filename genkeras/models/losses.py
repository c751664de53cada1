"""Loss terms that more than one paper uses. Tensors in, scalar tensor out."""

import math

import tensorflow as tf

from genkeras.networks import replicas


def real_cross_entropy(logits):
    """Mean of −log σ(logit): the sigmoid cross entropy with target 1.

    Args:
        logits: Float tensor of any shape, scores before the sigmoid.
    """
    return tf.reduce_mean(tf.nn.softplus(-logits))


def fake_cross_entropy(logits):
    """Mean of −log(1 − σ(logit)): the sigmoid cross entropy with target 0.

    Args:
        logits: Float tensor of any shape, scores before the sigmoid.
    """
    return tf.reduce_mean(tf.nn.softplus(logits))


def bernoulli_negative_log_likelihood(images, logits):
    """Mean over images of −log p(x | logits), summed over pixels and channels.

    Args:
        images: Float tensor `(batch_size, height, width, channels)` in `[0, 1]`.
        logits: Float tensor of the same shape. Computed from logits, it is finite for
            any prediction, where the logarithm of a float32 probability is not.
    """
    per_pixel = tf.nn.softplus(logits) - images * logits
    return tf.reduce_mean(tf.reduce_sum(per_pixel, axis=(1, 2, 3)))


def gaussian_negative_log_likelihood(images, means):
    """Mean over images of −log N(x; means, σ²I), with the σ² under which it is smallest.

    ½ Σ(log 2πσ² + (x − mean)²/σ²) over pixels and channels, where σ² is one number for the
    whole batch: its mean squared error, the maximum likelihood estimate (Rybkin et al., 2021,
    https://arxiv.org/abs/2006.13202, section 3.3). So no weight between reconstruction and
    other terms has to be chosen. It is a density: below zero once σ < 0.24.

    Args:
        images: Float tensor `(batch_size, height, width, channels)` in `[0, 1]`.
        means: Float tensor of the same shape.
    """
    squared_error = replicas.mean(tf.reduce_mean(tf.square(images - means)))
    # About the variance of rounding to 256 values; without it, perfect pictures give log 0.
    variance = 1e-6 + squared_error
    per_pixel = tf.math.log(2.0 * math.pi * variance) + squared_error / variance
    return 0.5 * math.prod(images.shape[1:]) * per_pixel


def gaussian_kl_divergence(mean, stddev):
    """Mean over images of KL(N(mean, stddev²) ‖ N(0, I)).

    ½ Σ(μ² + σ² − log(1e-8 + σ²) − 1), Kingma & Welling, 2014, appendix B; the constant
    keeps the logarithm finite.

    Args:
        mean, stddev: Float tensors `(batch_size, latent_dim)`.
    """
    variance = tf.square(stddev)
    terms = tf.square(mean) + variance - tf.math.log(1e-8 + variance) - 1.0
    return 0.5 * tf.reduce_mean(tf.reduce_sum(terms, axis=1))
