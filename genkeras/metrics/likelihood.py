"""Bounds of the log-likelihood of pictures under a variational autoencoder.

Both take log weights log w = log p(x, z) − log q(z|x) with z drawn from q(z|x).

Reference:
    [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114), equation 2;
    [Burda et al., 2016](https://arxiv.org/abs/1509.00519), section 3.
"""

import numpy as np


def evidence_lower_bounds(log_weights):
    """ELBO: the mean over samples of log w.

    Args:
        log_weights: Array `(num_images, num_samples)`.

    Returns:
        float64 array `(num_images,)`, in nats.

    Raises:
        ValueError: If the rank is not 2, there is no sample, or a value is NaN or +infinity.
    """
    return _checked(log_weights).mean(axis=1)


def importance_weighted_log_likelihoods(log_weights):
    """log of the mean over samples of w, which more samples bring nearer to log p(x).

    For each picture it is at least the ELBO of the same weights, and in the mean it is a lower
    bound of log p(x).

    Args:
        log_weights: Array `(num_images, num_samples)`.

    Returns:
        float64 array `(num_images,)`, in nats.

    Raises:
        ValueError: If the rank is not 2, there is no sample, or a value is NaN or +infinity.
    """
    log_weights = _checked(log_weights)
    # The exponential of −800 is 0 in float64: only differences from the largest are raised.
    largest = log_weights.max(axis=1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return largest[:, 0] + np.log(np.exp(log_weights - largest).mean(axis=1))


def _checked(log_weights):
    log_weights = np.asarray(log_weights, np.float64)
    if log_weights.ndim != 2 or log_weights.shape[1] == 0:
        raise ValueError(
            f"log_weights should have the shape (num_images, num_samples), got "
            f"{log_weights.shape}. Draw at least one sample for each picture."
        )
    # −infinity is a picture the sample cannot have made; anything else is a mistake.
    if np.isnan(log_weights).any() or np.isposinf(log_weights).any():
        raise ValueError(
            "log_weights should be finite or −infinity, got NaN or +infinity. Compute the "
            "likelihood from logits, and look whether the model diverged."
        )
    return log_weights
