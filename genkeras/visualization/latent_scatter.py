"""Codes against draws from the prior, in the plane where they differ most."""

import numpy as np

RESTARTS = 3
MAX_STEPS = 5000
STEP_SIZE = 1e-3
# Progress is looked at every so many steps; less than this share of the value ends a search.
CHECKED_STEPS = 100
SMALLEST_PROGRESS = 1e-6


def least_gaussian_projection(codes, scale=1.0, seed=0):
    """Finds two orthonormal directions in which codes look least like N(0, scale² I).

    Maximises ‖Cov − s²I‖² + ‖mean‖² of the projected codes over the plane, with Adam and
    several random starts. Only the first two moments of the codes enter.

    Args:
        codes: Float array `(num_codes, latent_dim)`, `latent_dim` at least 2.
        scale: Float. s, the standard deviation of the prior.
        seed: Integer. Seed of the starts; the same seed gives the same plane.

    Returns:
        Float array `(latent_dim, 2)` with orthonormal columns.
    """
    codes = np.asarray(codes, np.float64)
    covariance, mean = np.cov(codes, rowvar=False), codes.mean(axis=0)
    random = np.random.default_rng(seed)
    starts = (random.normal(size=(codes.shape[1], 2)) for _ in range(RESTARTS))
    planes = [_climb(start, covariance, mean, scale**2) for start in starts]
    return max(planes, key=lambda plane: _non_gaussianity(plane, covariance, mean, scale**2))


def draw(axes, prior_latents, codes, scale, latent_is_normal):
    """Draws prior and codes as two clouds of points.

    Codes of more than two dimensions are seen in their least Gaussian plane if the prior is
    normal, else by their first two coordinates.

    Args:
        axes: Matplotlib axes.
        prior_latents: Float array `(num_latents, latent_dim)`.
        codes: Dict of a label to a float array `(num_codes, latent_dim)`.
        scale: Float. Standard deviation of a normal prior.
        latent_is_normal: Boolean. Whether the prior is normal.
    """
    if prior_latents.shape[1] == 1:
        # A second coordinate of 0 puts one-dimensional codes on a line.
        prior_latents, codes = _on_line(prior_latents), {k: _on_line(v) for k, v in codes.items()}
    if latent_is_normal and prior_latents.shape[1] > 2:
        plane = least_gaussian_projection(np.concatenate(list(codes.values())), scale)
    else:
        plane = np.eye(prior_latents.shape[1])[:, :2]
    clouds = {"P_z": prior_latents, **codes}
    for (label, points), colour in zip(clouds.items(), ("red", "blue", "green"), strict=False):
        x, y = (points @ plane).T
        axes.scatter(x, y, s=12, alpha=0.6, linewidths=0, color=colour, label=label)
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="upper left")


def _on_line(latents):
    return np.concatenate([latents, np.zeros_like(latents)], axis=1)


def _climb(start, covariance, mean, variance):
    """Returns the plane that Adam reaches from a start."""
    plane = _orthonormal(start)
    first, second = np.zeros_like(plane), np.zeros_like(plane)
    value = _non_gaussianity(plane, covariance, mean, variance)
    for step in range(1, MAX_STEPS + 1):
        excess = plane.T @ covariance @ plane - variance * np.eye(2)
        gradient = 4.0 * covariance @ plane @ excess + 2.0 * np.outer(mean, mean @ plane)
        # The objective depends on the plane alone: turning within it is no progress.
        gradient -= plane @ (plane.T @ gradient)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        slope = first / (1.0 - 0.9**step)
        size = np.sqrt(second / (1.0 - 0.999**step)) + 1e-8
        plane = _orthonormal(plane + STEP_SIZE * slope / size)
        if step % CHECKED_STEPS == 0:
            before, value = value, _non_gaussianity(plane, covariance, mean, variance)
            if value - before < SMALLEST_PROGRESS * abs(value):
                break
    return plane


def _orthonormal(matrix):
    """Gram-Schmidt: two orthonormal columns that span the same plane."""
    first = matrix[:, 0] / np.linalg.norm(matrix[:, 0])
    second = matrix[:, 1] - first * (first @ matrix[:, 1])
    return np.stack([first, second / np.linalg.norm(second)], axis=1)


def _non_gaussianity(plane, covariance, mean, variance):
    excess = plane.T @ covariance @ plane - variance * np.eye(2)
    return np.sum(excess**2) + np.sum((mean @ plane) ** 2)
