"""What autoencoders do alike once they are trained."""

import keras

from genkeras.models import noise
from genkeras.models.inference import in_chunks


class Autoencoder(keras.Model):
    """A model with an encoder, a decoder and a prior.

    A subclass has `encode(images, seed)`, `generate(latents, training)` and
    `draw_latents(batch_size, seed)`.
    """

    def decode(self, latents):
        """Returns what `generate` does of many latents, as an array."""
        return in_chunks(self.generate, latents)

    def reconstruct(self, images, seed=None):
        """Returns reproductions of images: `decode(encode(images, seed))`."""
        return self.decode(self.encode(images, seed))

    def sample(self, num_images, labels=None, seed=None):
        """Draws images from the model.

        Args:
            num_images: Integer.
            labels: `None`; the model is unconditional.
            seed: Integer. The same seed gives the same images; `None` draws one.

        Returns:
            Float array `(num_images, height, width, channels)` in `value_range`.

        Raises:
            ValueError: If labels are given.
        """
        if labels is not None:
            raise ValueError(f"{type(self).__name__} is unconditional: it takes no labels.")
        seed = noise.fresh_seed() if seed is None else seed
        return self.decode(self.draw_prior(num_images, seed))

    def draw_prior(self, num_latents, seed):
        """Returns the latents `(num_latents, latent_dim)` that `sample` decodes; an array."""
        return self.draw_latents(num_latents, noise.fold(seed, 1)).numpy()
