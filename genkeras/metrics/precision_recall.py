"""Precision, recall, density and coverage: what nearest neighbours tell apart.

Each set's region is the union of balls around its rows that reach their k-th nearest
neighbour in the same set, the row itself not counted.

Reference:
    [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991), equations 1 and 2;
    [Naeem et al., 2020](https://arxiv.org/abs/2002.09797), section 3.
"""

import numpy as np

from genkeras.metrics.checks import check_feature_pair
from genkeras.metrics.distances import row_blocks, squared_distances

# Two squared distances this close are equal: they differ by the rounding of their blocks.
_TIE = 1e-9


def precision_recall(real_features, fake_features, k=3):
    """Share of fakes within the region of the reals, and of reals within that of the fakes.

    A ball holds its border (≤). A generator that makes few of the pictures, but well, has a
    high precision and a low recall. Both depend on the numbers of rows: compare only numbers
    of equally many.

    Args:
        real_features, fake_features: Arrays `(num_images, num_features)`.
        k: Integer. Defaults to `3`, the paper's.

    Returns:
        Tuple of floats in `[0, 1]`: precision, recall.

    Raises:
        ValueError: If a set has no more than `k` rows, NaN or infinity, or the sets' numbers
            of features differ.
    """
    real, fake = _centred(real_features, fake_features, k, min_fake=k + 1)
    # Exactly tied distances count as within, however their last digits came out.
    real_radii = _squared_radii(real, k) * (1.0 + _TIE)
    fake_radii = _squared_radii(fake, k) * (1.0 + _TIE)
    fake_is_within = np.zeros(len(fake), bool)
    real_is_within = np.zeros(len(real), bool)
    for block in row_blocks(len(real), len(fake)):
        distances = squared_distances(real[block], fake)
        fake_is_within |= (distances <= real_radii[block, np.newaxis]).any(axis=0)
        real_is_within[block] = (distances <= fake_radii).any(axis=1)
    return float(fake_is_within.mean()), float(real_is_within.mean())


def density_coverage(real_features, fake_features, k=5):
    """How many real balls a fake lies in, and the share of real balls that hold a fake.

    Density = Σ_{i,j} [‖x_i − y_j‖ < r_i] / (k · num_fakes), coverage = the share of reals i
    with ‖x_i − y_j‖ < r_i for some fake j, r_i the distance of real x_i from its k-th nearest
    real. The border is outside (<). Unlike precision and recall no ball is drawn around a
    fake, and one outlying real cannot make the density high.

    Args:
        real_features, fake_features: Arrays `(num_images, num_features)`.
        k: Integer. Defaults to `5`, the paper's.

    Returns:
        Tuple of floats: density (at least 0, about 1 when the distributions agree), coverage
        in `[0, 1]`.

    Raises:
        ValueError: If there are no more than `k` reals or no fake, a value is NaN or infinite,
            or the sets' numbers of features differ.
    """
    real, fake = _centred(real_features, fake_features, k, min_fake=1)
    radii = _squared_radii(real, k) * (1.0 - _TIE)
    num_hits = 0
    is_covered = np.zeros(len(real), bool)
    for block in row_blocks(len(real), len(fake)):
        is_within = squared_distances(real[block], fake) < radii[block, np.newaxis]
        num_hits += np.count_nonzero(is_within)
        is_covered[block] = is_within.any(axis=1)
    return float(num_hits) / (k * len(fake)), float(is_covered.mean())


def _centred(real_features, fake_features, k, min_fake):
    """Both sets in float64 around the mean of the reals, which moves no distance."""
    if k < 1:
        raise ValueError(f"k should be at least 1, got {k}.")
    # The k-th nearest neighbour needs k rows beside the row itself.
    real, fake = check_feature_pair(real_features, fake_features, k + 1, min_fake)
    mean = real.mean(axis=0, dtype=np.float64)
    return real - mean, fake - mean


def _squared_radii(features, k):
    """Squared distance of every row from its k-th nearest other row."""
    radii = np.empty(len(features))
    for block in row_blocks(len(features), len(features)):
        distances = squared_distances(features[block], features)
        rows = np.arange(block.start, block.stop)
        distances[rows - block.start, rows] = np.inf
        radii[block] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
