"""The plane in which codes look least Gaussian."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from genkeras.visualization import latent_scatter, panels


def _codes_with(covariance, mean, num_codes=400, seed=0):
    """Codes whose sample covariance and mean are exactly these."""
    raw = np.random.default_rng(seed).normal(size=(num_codes, len(mean)))
    raw -= raw.mean(axis=0)
    whitened = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    return whitened @ np.linalg.cholesky(np.asarray(covariance, float)).T + mean


def _same_plane(plane, expected):
    return np.linalg.norm(plane @ plane.T - expected @ expected.T) < 0.02


def test_it_is_orthonormal_and_repeatable():
    codes = _codes_with(np.diag([3.0, 1.0, 1.0, 0.2]), np.zeros(4))
    plane = latent_scatter.least_gaussian_projection(codes)
    np.testing.assert_allclose(plane.T @ plane, np.eye(2), atol=1e-9)
    np.testing.assert_array_equal(plane, latent_scatter.least_gaussian_projection(codes))


def test_it_finds_the_variances_farthest_from_the_prior():
    # (3 − 1)² and (0.1 − 1)² are the largest of the squared excesses.
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    variances = np.array([3.0, 1.1, 0.1, 1.0, 0.9])
    codes = _codes_with(rotation @ np.diag(variances) @ rotation.T, np.zeros(5))
    plane = latent_scatter.least_gaussian_projection(codes)
    assert _same_plane(plane, rotation[:, [0, 2]])


def test_the_scale_of_the_prior_counts():
    variances = np.array([2.0, 2.0, 1.0, 2.1, 1.2])
    codes = _codes_with(np.diag(variances), np.zeros(5))
    plane = latent_scatter.least_gaussian_projection(codes, scale=np.sqrt(2.0))
    assert _same_plane(plane, np.eye(5)[:, [2, 4]])


def test_a_shifted_mean_is_in_the_plane():
    mean = np.array([0.0, 3.0, 0.0, 4.0])
    plane = latent_scatter.least_gaussian_projection(_codes_with(np.eye(4), mean))
    assert np.linalg.norm(plane.T @ mean) == pytest.approx(5.0, rel=1e-3)


@pytest.mark.parametrize(("latent_dim", "is_normal"), [(1, True), (2, True), (5, True), (5, False)])
def test_draws_the_prior_and_every_cloud(latent_dim, is_normal):
    random = np.random.default_rng(0)
    axes = Figure().subplots()
    prior, codes = random.normal(size=(50, latent_dim)), random.normal(size=(40, latent_dim))
    latent_scatter.draw(axes, prior, {"a": codes, "b": codes[:10]}, 1.0, is_normal)
    assert [len(cloud.get_offsets()) for cloud in axes.collections] == [50, 40, 10]
    if latent_dim == 2 or not is_normal:
        np.testing.assert_allclose(axes.collections[1].get_offsets(), codes[:, :2])


@pytest.mark.parametrize("channels", [1, 3])
def test_the_figure_leaves_missing_epochs_out(channels):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 8, 8, channels)).astype(np.uint8)
    codes = np.zeros((5, 2))
    png = panels.six_panels(
        {str(number): pictures for number in range(4)},
        [2, 2, 3, 3],
        {"prior_latents": codes, "codes": {"Q": codes}, "scale": 1.0, "latent_is_normal": True},
        {"a": [1.0, np.nan, 2.0]},
    )
    assert png.startswith(b"\x89PNG")
