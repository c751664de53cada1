"""What each coordinate of the latent vector does: the `visualize` options of the DCGAN program."""

import math

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_uint8
from genkeras.models.inference import in_chunks
from genkeras.visualization import animation, grid

TRAVERSAL_SECONDS = 2.0
MOSAIC_SECONDS = 8.0


class LatentTraversal:
    """Writes sheets or GIFs of latents in which one coordinate runs from 0 to 1.

    With n pictures (or frames) and d latent dimensions, the options write

    - 0: `option0.png`, latents of U(−½, ½).
    - 1: `option1_dimension_<i>.png` for each i: latents of U(−1, 1), but coordinate i runs
      over the sheet.
    - 2: `option2_dimension_<i>.gif` for one random i: one vector of U(−0.2, 0.2), in which
      coordinate i runs.
    - 3: `option3_dimension_<i>.gif` for each i: all 0, but coordinate i runs.
    - 4: the same as `option4_dimension_<i>.gif`, and `option4_merged.gif`, all of them side
      by side, forth and back.

    Sheets have ⌈√n⌉ columns, the merged GIF ⌈√d⌉: 10×10 for the program's 100 dimensions.
    A GIF lasts 2 seconds, the merged one 8.

    For any model with `latent_dim` and `generate` (GANs) or `decode` (autoencoders). A
    conditional model draws each picture of a sheet, and each GIF, of one class.

    Args:
        directory: Path of the folder for the files.
        option: Integer from 0 to 4.
        num_pictures: Integer. Pictures per sheet and frames per GIF: the batch size.
        labels: List of integers, for a conditional model: classes, repeated over the
            pictures of a sheet, or over the GIFs, in turn. `None` draws them.
        seed: Integer. The same seed gives the same latents.
    """

    def __init__(self, directory, option=1, num_pictures=64, labels=None, seed=0):
        if option not in range(5):
            raise ValueError(f"option={option}; expected 0, 1, 2, 3 or 4.")
        self._directory = directory
        self._option = option
        self._num_pictures = num_pictures
        self._labels = labels
        self._seed = seed

    def write(self, model):
        """Writes all files of the option.

        Args:
            model: Trained model.

        Returns:
            List of the paths written.
        """
        random = np.random.default_rng(self._seed)
        draw = (self._sample, self._sheets, self._random_gif, self._gifs, self._merged_gif)
        return draw[self._option](model, random)

    def _sample(self, model, random):
        latents = random.uniform(-0.5, 0.5, (self._num_pictures, model.latent_dim))
        return [self._write_sheet(model, random, latents, "option0.png")]

    def _sheets(self, model, random):
        paths = []
        for dimension in range(model.latent_dim):
            latents = random.uniform(-1.0, 1.0, (self._num_pictures, model.latent_dim))
            latents[:, dimension] = self._run()
            name = f"option1_{_name(dimension, model)}.png"
            paths.append(self._write_sheet(model, random, latents, name))
        return paths

    def _random_gif(self, model, random):
        start = random.uniform(-0.2, 0.2, model.latent_dim)
        dimension = int(random.integers(model.latent_dim))
        (label,) = self._choose_labels(model, random, 1)
        frames = self._traverse(model, start, dimension, label)
        return [self._write_gif(frames, f"option2_{_name(dimension, model)}.gif")]

    def _gifs(self, model, random):
        return self._write_traversals(model, random)[0]

    def _merged_gif(self, model, random):
        paths, traversals = self._write_traversals(model, random)
        columns = math.ceil(math.sqrt(model.latent_dim))
        mosaics = [grid.make_grid(pictures, columns) for pictures in np.stack(traversals, axis=1)]
        frames = [mosaics[index] for index in animation.forth_and_back(len(mosaics))]
        return [*paths, self._write_gif(frames, "option4_merged.gif", MOSAIC_SECONDS)]

    def _write_traversals(self, model, random):
        """Writes the GIFs of options 3 and 4; returns their paths and frames."""
        paths, traversals = [], []
        labels = self._choose_labels(model, random, model.latent_dim)
        for dimension, label in enumerate(labels):
            frames = self._traverse(model, np.zeros(model.latent_dim), dimension, label)
            name = f"option{self._option}_{_name(dimension, model)}.gif"
            paths.append(self._write_gif(frames, name))
            traversals.append(frames)
        return paths, traversals

    def _traverse(self, model, start, dimension, label):
        """Returns the pictures `(num_pictures, ...)` while one coordinate runs."""
        latents = np.tile(start, (self._num_pictures, 1))
        latents[:, dimension] = self._run()
        labels = None if label is None else np.full(self._num_pictures, label)
        return _decode(model, latents, labels)

    def _run(self):
        return np.linspace(0.0, 1.0, self._num_pictures)

    def _choose_labels(self, model, random, number):
        """Returns `number` labels, `None` each for an unconditional model."""
        if not getattr(model, "num_classes", None):
            return [None] * number
        if self._labels is None:
            return random.integers(model.num_classes, size=number)
        return np.resize(self._labels, number)

    def _write_sheet(self, model, random, latents, name):
        labels = self._choose_labels(model, random, len(latents))
        images = _decode(model, latents, None if labels[0] is None else labels)
        path = self._directory / name
        atomic.write_bytes(path, grid.to_png(grid.make_grid(images)))
        return path

    def _write_gif(self, frames, name, seconds=TRAVERSAL_SECONDS):
        path = self._directory / name
        atomic.write_bytes(path, animation.to_gif(frames, seconds))
        return path


def _name(dimension, model):
    digits = len(str(model.latent_dim - 1))
    return f"dimension_{dimension:0{digits}d}"


def _decode(model, latents, labels):
    """Returns uint8 images of latents, by a GAN's generator or an autoencoder's decoder."""
    latents = latents.astype(np.float32)
    if hasattr(model, "decode"):
        images = model.decode(latents)
    elif labels is None:
        images = in_chunks(model.generate, latents)
    else:
        images = in_chunks(model.generate, latents, labels)
    return to_uint8(images, model.value_range)
