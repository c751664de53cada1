"""What lies between the codes of a latent plane."""

import numpy as np

from genkeras.visualization.grid import make_grid


def latent_plane(rows, columns, z_range):
    """Returns a grid of latents over a square of the plane.

    Args:
        rows, columns: Integers. Points along `z₁` and along `z₂`.
        z_range: Float r. Both coordinates run from r to −r.

    Returns:
        float32 array `(rows * columns, 2)` for pictures laid out row by row: `z₁` is r in
        the top row and −r in the bottom one, `z₂` is r in the left column and −r in the
        right one, as the VAE program draws them.
    """
    first, second = np.linspace(z_range, -z_range, rows), np.linspace(z_range, -z_range, columns)
    plane = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
    return plane.reshape(-1, 2).astype(np.float32)


def manifold_sheet(images, columns):
    """Lays the pictures of a latent plane out without gaps: neighbours flow into each other.

    Args:
        images: uint8 array `(rows * columns, height, width, channels)`.
        columns: Integer.

    Returns:
        uint8 array `(rows * height, columns * width, channels)`.
    """
    return make_grid(images, columns, padding=0)
