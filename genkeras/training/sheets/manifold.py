"""The sheets that the VAE program calls PMLR, "plot manifold learning results"."""

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.training.sheets.samples import SHEET_SEED
from genkeras.visualization import grid, manifold
from genkeras.visualization.code_scatter import draw_codes
from genkeras.visualization.scaling import scale

# Beyond the decoded square, so that the outer codes are seen too.
MARGIN = 2.0
CHUNK_SIZE = 500


class ManifoldSheets:
    """Writes `PMLR_epoch_NN.png`, the decoded square `[−r, r]²` of the latent plane, and
    `PMLR_map_epoch_NN.png`, where the first test pictures lie in it, by class.

    The codes are samples of the posteriors, with the same noise in every epoch; those of a
    denoising autoencoder are of noisy pictures. For autoencoders with two latent dimensions.

    Args:
        directory: Path of the folder for the sheets.
        test: `Split`; with labels, the codes are coloured by class.
        class_names: Tuple of strings, or `None`.
        rows, columns: Integers. Pictures on the decoded sheet.
        z_range: Float r.
        resize_factor: Float. Size of the decoded sheet, 1.0 for the pictures' own.
        num_codes: Integer. Test pictures in the map.
    """

    def __init__(
        self,
        directory,
        test,
        class_names,
        rows=20,
        columns=20,
        z_range=2.0,
        resize_factor=1.0,
        num_codes=5000,
    ):
        self._directory = directory
        self._images = test.images[:num_codes]
        self._labels = None if test.labels is None else np.asarray(test.labels[:num_codes])
        self._class_names = class_names
        self._shape = rows, columns
        self._z_range = z_range
        self._resize_factor = resize_factor

    def write(self, model, epoch):
        """Writes the sheets of an epoch, counted from 1."""
        images = model.decode(manifold.latent_plane(*self._shape, self._z_range))
        sheet = manifold.manifold_sheet(to_uint8(images, model.value_range), self._shape[1])
        atomic.write_bytes(
            self._directory / f"PMLR_epoch_{epoch:02d}.png",
            grid.to_png(scale(sheet, self._resize_factor)),
        )
        atomic.write_bytes(
            self._directory / f"PMLR_map_epoch_{epoch:02d}.png",
            draw_codes(self._codes(model), self._z_range + MARGIN, self._labels, self._class_names),
        )

    def _codes(self, model):
        codes = []
        # In chunks: thousands of large pictures as floats would fill the memory.
        for start in range(0, len(self._images), CHUNK_SIZE):
            images = np.asarray(self._images[start : start + CHUNK_SIZE])
            inputs, seed = to_range(images, model.value_range), SHEET_SEED + start
            if getattr(model, "add_noise", False):
                inputs = model.corrupt(inputs, seed)
            codes.append(model.encode(inputs, seed=seed))
        return np.concatenate(codes)
