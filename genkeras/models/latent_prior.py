"""The distributions P_z that a WAE can match its codes to."""

import dataclasses
import math

import tensorflow as tf

from genkeras.models import noise

NAMES = ("normal", "sphere", "uniform")


@dataclasses.dataclass(frozen=True)
class LatentPrior:
    """A distribution of latents, and what an encoder must do to stay on its support.

    Args:
        name: String. `"normal"`, N(0, I); `"sphere"`, uniform on the unit sphere;
            `"uniform"`, U(−1, 1) per coordinate.
        latent_dim: Integer. The latent size d.
        scale: Float. s, by which all of them are multiplied.
    """

    name: str
    latent_dim: int
    scale: float = 1.0

    def __post_init__(self):
        if self.name not in NAMES:
            raise ValueError(f"prior={self.name!r} is unknown; use one of {list(NAMES)}.")
        if not self.scale > 0.0:
            raise ValueError(f"prior_scale={self.scale}: expected a number above 0.")

    def draw(self, num_latents, seed):
        """Returns latents `(num_latents, latent_dim)`; `seed` as by `noise.fold`."""
        shape = (num_latents, self.latent_dim)
        if self.name == "uniform":
            return self.scale * noise.uniform_signed(shape, seed)
        latents = noise.normal(shape, seed)
        if self.name == "sphere":
            latents = tf.math.l2_normalize(latents, axis=1)
        return self.scale * latents

    def constrain(self, outputs):
        """Maps an encoder's outputs `(batch_size, latent_dim)` onto the support."""
        if self.name == "sphere":
            return self.scale * tf.math.l2_normalize(outputs, axis=1)
        if self.name == "uniform":
            return self.scale * tf.tanh(outputs)
        return outputs

    def log_density(self, latents):
        """log p(z) of the normal prior `(batch_size,)`, up to a constant as in the program.

        −‖z‖² / (2s²) − ½ log 2π − ½ d log s².
        """
        variance = self.scale**2
        constant = 0.5 * math.log(2.0 * math.pi) + 0.5 * self.latent_dim * math.log(variance)
        return -tf.reduce_sum(tf.square(latents), axis=1) / (2.0 * variance) - constant

    @property
    def kernel_scale(self):
        """C₀ of the IMQ kernels: 2ds² (normal: the mean squared distance of two draws), 2
        (sphere), d (uniform)."""
        return {
            "normal": 2.0 * self.latent_dim * self.scale**2,
            "sphere": 2.0,
            "uniform": float(self.latent_dim),
        }[self.name]
