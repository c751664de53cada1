"""How far an autoencoder's codes are from the prior it should match.

Reference:
    [Gretton et al., 2012](https://jmlr.org/papers/v13/gretton12a.html), lemma 6;
    [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), algorithm 2.
"""

from genkeras.metrics.checks import check_features
from genkeras.metrics.distances import row_blocks, squared_distances

# Widths of the kernels that are summed, as multiples of the base scale: those of the authors'
# program (https://github.com/tolstikhin/wae), with which WAE-MMD is trained.
IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def code_distance(codes, prior_latents, base_scale):
    """Unbiased MMD² between codes and prior, summed over kernels C / (C + ‖x − y‖²).

    Σ_{i≠j} k(x_i, x_j) / (n(n − 1)) + Σ_{i≠j} k(y_i, y_j) / (m(m − 1)) −
    2 / (nm) · Σ_{i,j} k(x_i, y_j), where k sums the kernels of C = t · C₀ for t in
    `IMQ_SCALES`. Being unbiased, it is negative about half the time when the distributions
    agree.

    Args:
        codes: Array `(n, latent_dim)`: codes of pictures.
        prior_latents: Array `(m, latent_dim)`: draws from the prior.
        base_scale: Float. C₀; 2 · latent_dim · s² for a normal prior of deviation s.

    Returns:
        Float, at most 14.

    Raises:
        ValueError: If a set has fewer than two rows, NaN or infinity, their numbers of columns
            differ, or `base_scale` is not positive.
    """
    codes = check_features(codes, "codes")
    prior_latents = check_features(prior_latents, "prior_latents")
    if codes.shape[1] != prior_latents.shape[1]:
        raise ValueError(
            "codes and prior_latents should have the same number of columns, got "
            f"{codes.shape} and {prior_latents.shape}."
        )
    if not base_scale > 0:
        raise ValueError(f"base_scale should be positive, got {base_scale}.")
    # A row beside itself is at distance 0, where every kernel is 1.
    within = [
        (_kernel_sum(rows, rows, base_scale) - len(IMQ_SCALES) * len(rows))
        / (len(rows) * (len(rows) - 1))
        for rows in (codes, prior_latents)
    ]
    across = _kernel_sum(codes, prior_latents, base_scale) / (len(codes) * len(prior_latents))
    return float(sum(within) - 2.0 * across)


def _kernel_sum(x, y, base_scale):
    total = 0.0
    for block in row_blocks(len(x), len(y)):
        distances = squared_distances(x[block], y)
        for factor in IMQ_SCALES:
            scale = factor * base_scale
            total += (scale / (scale + distances)).sum()
    return total
