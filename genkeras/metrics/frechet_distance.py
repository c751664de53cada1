"""Fréchet distance between the normal distributions fitted to two sets of features.

Reference:
    [Heusel et al., 2017](https://arxiv.org/abs/1706.08500), equation 6;
    [Dowson and Landau, 1982](https://doi.org/10.1016/0047-259X(82)90077-X).
"""

import warnings

import numpy as np

from genkeras.metrics.checks import check_feature_pair, check_features
from genkeras.metrics.distances import row_blocks
from genkeras.metrics.small_sample import SmallSampleWarning

# Numbers decomposed at once: blocks should be much taller than wide.
_BLOCK_SIZE = 2**24


def frechet_distance(real_features, fake_features):
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) with covariances of n − 1.

    It is biased: with fewer rows it is larger. Compare only numbers of equally many rows, or
    see `intervals.half_sampled`.

    Args:
        real_features, fake_features: Arrays `(num_images, num_features)`; the numbers of
            images may differ.

    Returns:
        Float, at least 0.

    Raises:
        ValueError: If a set has fewer than two rows, NaN or infinity, or the sets' numbers of
            features differ.

    Warns:
        SmallSampleWarning: If a set has no more rows than features.
    """
    real_features, fake_features = check_feature_pair(real_features, fake_features)
    smallest = min(len(real_features), len(fake_features))
    num_features = real_features.shape[1]
    if smallest <= num_features:
        warnings.warn(
            f"{smallest} rows cannot fill a covariance of {num_features} features: the Fréchet "
            "distance is far too large. Use more pictures, or the kernel distance, which few "
            "pictures do not bias.",
            SmallSampleWarning,
            stacklevel=2,
        )
    return _distance(*_mean_and_root(real_features), *_mean_and_root(fake_features))


def frechet_distance_of_moments(real_mean, real_covariance, fake_mean, fake_covariance):
    """The same distance from means and covariances, such as statistics joined from shards.

    Args:
        real_mean, fake_mean: Arrays `(num_features,)`.
        real_covariance, fake_covariance: Arrays `(num_features, num_features)`.

    Returns:
        Float, at least 0.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or a covariance is not
            symmetric or has a negative eigenvalue.
    """
    means = [np.asarray(mean, np.float64) for mean in (real_mean, fake_mean)]
    covariances = [
        check_features(real_covariance, "real_covariance", min_rows=1).astype(np.float64),
        check_features(fake_covariance, "fake_covariance", min_rows=1).astype(np.float64),
    ]
    shapes = [array.shape for array in (*means, *covariances)]
    size = len(covariances[0])
    if shapes != [(size,), (size,), (size, size), (size, size)]:
        raise ValueError(
            "Means should have the shape (num_features,) and covariances (num_features, "
            f"num_features), all of one size; got means of {shapes[0]} and {shapes[1]}, "
            f"covariances of {shapes[2]} and {shapes[3]}."
        )
    if not np.isfinite(means).all():
        raise ValueError("Means should be finite, got NaN or infinity.")
    roots = [_root_of_covariance(covariance) for covariance in covariances]
    return _distance(means[0], roots[0], means[1], roots[1])


def _distance(real_mean, real_root, fake_mean, fake_root):
    """The distance from roots R of the covariances, Σ = RᵀR.

    Σ₁Σ₂ = R₁ᵀ(R₁R₂ᵀ)R₂ has the eigenvalues of (R₁R₂ᵀ)(R₁R₂ᵀ)ᵀ, so the trace of its square
    root is the sum of the singular values of R₁R₂ᵀ: no root of a nearly singular product.
    """
    cross = np.linalg.svd(real_root @ fake_root.T, compute_uv=False).sum()
    traces = np.square(real_root).sum() + np.square(fake_root).sum()
    distance = np.square(real_mean - fake_mean).sum() + traces - 2.0 * cross
    # Rounding can leave a distance of 0 slightly negative.
    return max(float(distance), 0.0)


def _mean_and_root(features):
    """The mean of rows and a triangular root R of their covariance RᵀR."""
    num_rows, num_features = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    root = np.empty((0, num_features))
    # The R of stacked blocks is that of the stack of their Rs; it never squares the features,
    # so small variances keep their digits.
    for block in row_blocks(num_rows, num_features, _BLOCK_SIZE):
        centred = features[block].astype(np.float64) - mean
        root = np.linalg.qr(np.concatenate([root, centred]), mode="r")
    return mean, root / np.sqrt(num_rows - 1)


def _root_of_covariance(covariance):
    scale = np.abs(covariance).max()
    if np.abs(covariance - covariance.T).max() > 1e-6 * scale:
        raise ValueError("A covariance should be symmetric; this one differs from its transpose.")
    eigenvalues, vectors = np.linalg.eigh(covariance)
    if eigenvalues[0] < -1e-6 * scale:
        raise ValueError(
            f"A covariance should have no negative eigenvalue, got {eigenvalues[0]:.3g}. "
            "Compute it in float64."
        )
    # What is within the rounding error of 0 is 0: its square root would be much larger.
    rounding = len(covariance) * np.finfo(np.float64).eps * eigenvalues[-1]
    eigenvalues = np.where(eigenvalues > rounding, eigenvalues, 0.0)
    return np.sqrt(eigenvalues)[:, np.newaxis] * vectors.T
