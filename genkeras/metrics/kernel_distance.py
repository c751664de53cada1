"""Kernel distance (KID): unbiased MMD² with a polynomial kernel.

Reference:
    [Bińkowski et al., 2018](https://arxiv.org/abs/1801.01401), section 4.
"""

import warnings

import numpy as np

from genkeras.metrics.checks import check_feature_pair
from genkeras.metrics.distances import row_blocks
from genkeras.metrics.small_sample import SmallSampleWarning


def kernel_distance(real_features, fake_features, num_subsets=100, subset_size=1000, seed=0):
    """Mean over random subsets of the unbiased MMD² with k(x, y) = (x·y / d + 1)³.

    On m rows of each set, MMD² = [Σ_{i≠j} k(x_i, x_j) + Σ_{i≠j} k(y_i, y_j)] / (m(m − 1)) −
    2 / m² · Σ_{i,j} k(x_i, y_j). Being unbiased, it does not grow with fewer rows, and is
    negative about half the time when the distributions agree.

    Args:
        real_features, fake_features: Arrays `(num_images, num_features)`.
        num_subsets: Integer. Defaults to `100`.
        subset_size: Integer. Rows drawn without replacement from each set for a subset.
            Defaults to `1000`.
        seed: Integer. Of the subsets.

    Returns:
        Tuple of floats: mean and population standard deviation over the subsets. The
        deviation is that of one subset, not the uncertainty of the mean.

    Raises:
        ValueError: If a set has fewer than two rows, NaN or infinity, the sets' numbers of
            features differ, or there is no subset of two rows.

    Warns:
        SmallSampleWarning: If a set has fewer than `subset_size` rows (subsets then take half
            of the smaller set), or if every subset would be both whole sets (the deviation is
            then 0).
    """
    real_features, fake_features = check_feature_pair(real_features, fake_features)
    if num_subsets < 1 or subset_size < 2:
        raise ValueError(
            "num_subsets should be at least 1 and subset_size at least 2, got "
            f"{num_subsets} and {subset_size}."
        )
    sizes = len(real_features), len(fake_features)
    if min(sizes) < subset_size:
        asked, subset_size = subset_size, max(2, min(sizes) // 2)
        warnings.warn(
            f"Subsets of {asked} rows cannot be drawn from {min(sizes)}: {subset_size} are drawn. "
            "The mean stays unbiased but is noisier, and the deviation is not comparable with "
            f"that of {asked}. Use at least {asked} pictures.",
            SmallSampleWarning,
            stacklevel=2,
        )
    if max(sizes) == subset_size:
        warnings.warn(
            f"Every subset of {subset_size} rows is the whole set: one is taken and the "
            "deviation of 0 says nothing. Use more pictures or a smaller subset_size.",
            SmallSampleWarning,
            stacklevel=2,
        )
        num_subsets = 1
    random = np.random.default_rng(seed)
    distances = []
    for _ in range(num_subsets):
        subsets = [
            features[random.choice(len(features), subset_size, replace=False)].astype(np.float64)
            for features in (real_features, fake_features)
        ]
        distances.append(_unbiased_mmd(*subsets))
    return float(np.mean(distances)), float(np.std(distances))


def kernel_distance_standard_error(real_features, fake_features):
    """Standard error of the unbiased MMD² between two whole sets.

    The variance of a U-statistic is, to first order, that of its projections:
    4 / m · Var_i[h(x_i)] + 4 / n · Var_j[h(y_j)] with h(x_i) = mean_{i'≠i} k(x_i, x_i') −
    mean_j k(x_i, y_j), and y alike. It is somewhat too large where the distributions agree.

    Reference:
        [Gretton et al., 2012](https://jmlr.org/papers/v13/gretton12a.html), corollary 16.

    Args:
        real_features, fake_features: Arrays `(num_images, num_features)`.

    Returns:
        Float.

    Raises:
        ValueError: As `kernel_distance`.
    """
    real_features, fake_features = check_feature_pair(real_features, fake_features)
    real, fake = real_features.astype(np.float64), fake_features.astype(np.float64)
    variance = 0.0
    for own, other in ((real, fake), (fake, real)):
        projections = np.empty(len(own))
        for block in row_blocks(len(own), max(len(own), len(other))):
            rows = own[block]
            with_itself = ((rows * rows).sum(axis=1) / rows.shape[1] + 1.0) ** 3
            within = _kernel(rows, own).sum(axis=1) - with_itself
            across = _kernel(rows, other).mean(axis=1)
            projections[block] = within / (len(own) - 1) - across
        variance += 4.0 * projections.var(ddof=1) / len(own)
    return float(np.sqrt(variance))


def _unbiased_mmd(x, y):
    num_rows = len(x)
    within = 0.0
    for rows in (x, y):
        kernel = _kernel(rows, rows)
        within += kernel.sum() - np.trace(kernel)
    return within / (num_rows * (num_rows - 1)) - 2.0 * _kernel(x, y).mean()


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1.0) ** 3
