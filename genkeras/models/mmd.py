"""Maximum mean discrepancy between two samples, with the kernels of the WAE program.

Reference:
    [Gretton et al., 2012](https://jmlr.org/papers/v13/gretton12a.html), lemma 6;
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), algorithm 2.
"""

import keras
import tensorflow as tf

# Widths of the IMQ kernels that are summed, as multiples of the base scale.
IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def squared_distances(x, y):
    """Returns ‖x_i − y_j‖² as a tensor `(num_x, num_y)` for rows of `x` and `y`."""
    x_norms = tf.reduce_sum(tf.square(x), axis=1)[:, tf.newaxis]
    y_norms = tf.reduce_sum(tf.square(y), axis=1)[tf.newaxis, :]
    # Rounding can leave a distance of 0 slightly negative.
    return tf.maximum(x_norms + y_norms - 2.0 * tf.matmul(x, y, transpose_b=True), 0.0)


def unbiased_mmd(kernel, x, y):
    """The unbiased estimate of MMD² between two samples of equal size n.

    [Σ_{i≠j} k(x_i, x_j) + Σ_{i≠j} k(y_i, y_j)] / (n(n − 1)) − 2 / n² · Σ_{i,j} k(x_i, y_j).
    Being unbiased, it is negative about half the time when the distributions agree.

    Args:
        kernel: Function of squared distances, elementwise.
        x, y: Float tensors `(n, latent_dim)`.

    Returns:
        Scalar tensor.
    """
    n = keras.ops.shape(x)[0]
    pairs = tf.cast(n * (n - 1), x.dtype)
    within = sum(
        tf.reduce_sum(tf.linalg.set_diag(values, tf.zeros_like(values[0])))
        for values in (kernel(squared_distances(x, x)), kernel(squared_distances(y, y)))
    )
    across = tf.reduce_mean(kernel(squared_distances(x, y)))
    return within / pairs - 2.0 * across


def imq_mmd(posterior_latents, prior_latents, base_scale):
    """Sum of the MMDs with inverse multiquadratic kernels C / (C + ‖x − y‖²).

    Args:
        posterior_latents, prior_latents: Float tensors `(batch_size, latent_dim)`.
        base_scale: Float. C₀; the scales are C = t · C₀ for t in `IMQ_SCALES`.
    """

    # A sum of kernels has the sum of their MMDs.
    def kernel(distances):
        scales = [factor * base_scale for factor in IMQ_SCALES]
        return sum(scale / (scale + distances) for scale in scales)

    return unbiased_mmd(kernel, posterior_latents, prior_latents)


def rbf_mmd(posterior_latents, prior_latents):
    """MMD with the Gaussian kernel exp(−‖x − y‖² / (2σ²)) and the program's bandwidth.

    Args:
        posterior_latents, prior_latents: Float tensors `(batch_size, latent_dim)`.
    """
    variance = rbf_bandwidth(posterior_latents, prior_latents)
    return unbiased_mmd(
        lambda distances: tf.exp(-distances / (2.0 * variance)), posterior_latents, prior_latents
    )


def rbf_bandwidth(posterior_latents, prior_latents):
    """σ² = A + B, about twice a median of the squared distances; its gradient flows.

    A is the m-th largest of the n² squared distances between posterior and prior latents, B
    that of the n² ones among the posterior latents, the zeros of the diagonal included, with
    m = (n² − n) / 2.

    Args:
        posterior_latents, prior_latents: Float tensors `(batch_size, latent_dim)`.

    Returns:
        Scalar tensor.
    """
    n = keras.ops.shape(posterior_latents)[0]
    m = n * (n - 1) // 2

    def mth_largest(distances):
        return tf.math.top_k(tf.reshape(distances, [-1]), m).values[m - 1]

    across = squared_distances(posterior_latents, prior_latents)
    within = squared_distances(posterior_latents, posterior_latents)
    return mth_largest(across) + mth_largest(within)
