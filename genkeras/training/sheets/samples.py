"""A sheet of samples."""

from genkeras import atomic
from genkeras.data.preprocessing import to_uint8
from genkeras.visualization import grid

NUM_SAMPLES = 64
# Every epoch and every model of a comparison is drawn from the same latents.
SHEET_SEED = 0


class SampleSheet:
    """Writes `epoch_NNN.png`: samples of the same 64 latents after every epoch.

    Args:
        directory: Path of the folder for the sheets.
    """

    def __init__(self, directory):
        self._directory = directory

    def write(self, model, epoch):
        """Writes the sheet of an epoch, counted from 1."""
        images = to_uint8(model.sample(NUM_SAMPLES, seed=SHEET_SEED), model.value_range)
        atomic.write_bytes(
            self._directory / f"epoch_{epoch:03d}.png", grid.to_png(grid.make_grid(images))
        )
