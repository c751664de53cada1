"""A sheet of test pictures beside their reproductions."""

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.visualization import grid

NUM_RECONSTRUCTIONS = 32


class ReconstructionSheet:
    """Writes `reconstructions_epoch_NNN.png`: the first 32 test pictures, each with its
    reproduction to the right. For models with `reconstruct`.

    Args:
        directory: Path of the folder for the sheets.
        test_images: uint8 array `(num_images, height, width, channels)`.
    """

    def __init__(self, directory, test_images):
        self._directory = directory
        self._originals = np.asarray(test_images[:NUM_RECONSTRUCTIONS])

    def write(self, model, epoch):
        """Writes the sheet of an epoch, counted from 1."""
        originals = to_range(self._originals, model.value_range)
        reproductions = to_uint8(model.reconstruct(originals), model.value_range)
        pairs = grid.interleave(self._originals, reproductions)
        atomic.write_bytes(
            self._directory / f"reconstructions_epoch_{epoch:03d}.png",
            grid.to_png(grid.make_grid(pairs, columns=8)),
        )
