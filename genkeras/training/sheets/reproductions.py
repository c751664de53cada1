"""The sheets that the VAE program calls PRR, "plot reproduce results"."""

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.training.sheets.samples import SHEET_SEED
from genkeras.visualization import grid
from genkeras.visualization.scaling import scale


class ReproductionSheets:
    """Writes `input.png`, the first test pictures, and `PRR_epoch_NN.png`, one reproduction
    of each: decoded from one sample of its posterior, the same sample's noise in every epoch.

    Of a denoising autoencoder `input_noise.png` too, the noisy pictures that it is given
    and restores. For models with `reconstruct(images, seed)`.

    Args:
        directory: Path of the folder for the sheets.
        test_images: uint8 array `(num_images, height, width, channels)`.
        rows, columns: Integers. Pictures on a sheet.
        resize_factor: Float. Size of the sheets, 1.0 for the pictures' own.
    """

    def __init__(self, directory, test_images, rows=10, columns=10, resize_factor=1.0):
        self._directory = directory
        self._inputs = np.asarray(test_images[: rows * columns])
        self._columns = columns
        self._resize_factor = resize_factor

    def write(self, model, epoch):
        """Writes the sheets of an epoch, counted from 1."""
        self._write("input", self._inputs)
        inputs = to_range(self._inputs, model.value_range)
        if getattr(model, "add_noise", False):
            inputs = model.corrupt(inputs, SHEET_SEED)
            self._write("input_noise", to_uint8(inputs, model.value_range))
        reproductions = model.reconstruct(inputs, seed=SHEET_SEED)
        self._write(f"PRR_epoch_{epoch:02d}", to_uint8(reproductions, model.value_range))

    def _write(self, name, images):
        sheet = scale(grid.make_grid(images, self._columns), self._resize_factor)
        atomic.write_bytes(self._directory / f"{name}.png", grid.to_png(sheet))
