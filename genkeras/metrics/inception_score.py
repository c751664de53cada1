"""Inception Score: class probabilities should be sharp, and their mean broad.

Reference:
    [Salimans et al., 2016](https://arxiv.org/abs/1606.03498), section 4.
"""

import itertools
import warnings

import numpy as np

from genkeras.metrics.checks import check_features
from genkeras.metrics.small_sample import SmallSampleWarning

# Softmax in half precision is off by less.
_SUM_TOLERANCE = 1e-2


def inception_score(probabilities, num_splits=10):
    """exp(mean KL(p(y|x) ‖ p(y))), averaged over consecutive splits of the rows.

    p(y) is the mean of p(y|x) over a split. The score runs from 1 to the number of classes
    (or of rows in a split, if smaller), and is low when a split has few rows. Pictures
    should come in random order: rows sorted by class make every split poor in classes.

    Args:
        probabilities: Array `(num_images, num_classes)`: p(y|x), every row sums to 1.
        num_splits: Integer. Defaults to `10`, the paper's. Split i holds the rows from
            ⌊i · num_images / num_splits⌋.

    Returns:
        Tuple of floats: mean and population standard deviation over the splits. With fewer
        rows than splits all rows are one split and the deviation is 0.

    Raises:
        ValueError: If rows are not probabilities, or `num_splits` is not positive.

    Warns:
        SmallSampleWarning: If a split has fewer rows than half the classes.
    """
    probabilities = check_features(probabilities, "probabilities", min_rows=1)
    if num_splits < 1:
        raise ValueError(f"num_splits should be at least 1, got {num_splits}.")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    if probabilities.min() < 0 or np.abs(sums - 1.0).max() > _SUM_TOLERANCE:
        raise ValueError(
            "probabilities should be rows of numbers from 0 to 1 that sum to 1, got values from "
            f"{probabilities.min():.3g} to {probabilities.max():.3g} and sums from "
            f"{sums.min():.3g} to {sums.max():.3g}. Pass the softmax of logits."
        )
    num_images, num_classes = probabilities.shape
    if num_images < num_splits:
        warnings.warn(
            f"{num_images} pictures cannot be cut into {num_splits} splits: the score is that of "
            "all pictures together, without a spread. Use more pictures or fewer splits.",
            SmallSampleWarning,
            stacklevel=2,
        )
        num_splits = 1
    elif 2 * (num_images // num_splits) < num_classes:
        warnings.warn(
            f"A split of {num_images // num_splits} pictures cannot hold half of {num_classes} "
            "classes: the score is too low. Use more pictures, fewer splits, or the kernel "
            "distance, which few pictures do not bias.",
            SmallSampleWarning,
            stacklevel=2,
        )
    bounds = [split * num_images // num_splits for split in range(num_splits + 1)]
    scores = []
    for start, stop in itertools.pairwise(bounds):
        conditional = probabilities[start:stop].astype(np.float64)
        marginal = conditional.mean(axis=0)
        # The mean of KL(p(y|x) ‖ p(y)) is the entropy of p(y) minus the mean one of p(y|x).
        scores.append(np.exp(_entropy(marginal) - _entropy(conditional).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def _entropy(probabilities):
    """−Σ p log p over the last axis, where 0 log 0 = 0."""
    logarithms = np.log(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return -(probabilities * logarithms).sum(axis=-1)
