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
        file_name: String, formatted with the number that `write` gets.
    """

    def __init__(self, directory, file_name="epoch_{:03d}.png"):
        self._directory = directory
        self._file_name = file_name

    def write(self, model, epoch):
        """Writes the sheet of an epoch, counted from 1."""
        images = to_uint8(model.sample(NUM_SAMPLES, seed=SHEET_SEED), model.value_range)
        atomic.write_bytes(
            self._directory / self._file_name.format(epoch), grid.to_png(grid.make_grid(images))
        )
