"""Sheets of a conditional model: what it makes of each class, and of one style in all classes."""

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_uint8
from genkeras.training.sheets.samples import NUM_SAMPLES, SHEET_SEED
from genkeras.visualization import grid

NUM_STYLES = 10
# A data set may have hundreds of classes, and every epoch writes a file for each.
MAX_CLASSES = 20


class ClassSheets:
    """Writes `class_<k>_epoch_NNN.png`: 64 samples of class k, of the latents of `SampleSheet`.

    Only the first 20 classes are drawn.

    Args:
        directory: Path of the folder for the sheets.
    """

    def __init__(self, directory):
        self._directory = directory

    def write(self, model, epoch):
        """Writes the sheets of an epoch, counted from 1."""
        for label in range(min(model.num_classes, MAX_CLASSES)):
            labels = np.full(NUM_SAMPLES, label)
            images = model.sample(NUM_SAMPLES, labels=labels, seed=SHEET_SEED)
            _write(
                self._directory / f"class_{label}_epoch_{epoch:03d}.png",
                to_uint8(images, model.value_range),
                columns=8,
            )


class StyleSheet:
    """Writes `styles_epoch_NNN.png`: every row has one latent vector, every column one class.

    Ten rows; a column for each of the first 20 classes.

    Args:
        directory: Path of the folder for the sheets.
    """

    def __init__(self, directory):
        self._directory = directory

    def write(self, model, epoch):
        """Writes the sheet of an epoch, counted from 1."""
        # One seed, so the latents are the same for every class.
        by_class = [
            model.sample(NUM_STYLES, labels=np.full(NUM_STYLES, label), seed=SHEET_SEED)
            for label in range(min(model.num_classes, MAX_CLASSES))
        ]
        rows = np.stack(by_class, axis=1).reshape(-1, *by_class[0].shape[1:])
        _write(
            self._directory / f"styles_epoch_{epoch:03d}.png",
            to_uint8(rows, model.value_range),
            columns=len(by_class),
        )


def _write(path, images, columns):
    atomic.write_bytes(path, grid.to_png(grid.make_grid(images, columns)))
