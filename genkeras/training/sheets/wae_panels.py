"""The figure of six panels of the WAE program, and the numbers behind its curves."""

import logging

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.metrics.sharpness import sharpness
from genkeras.training.sheets.samples import SHEET_SEED
from genkeras.training.state import UNREADABLE
from genkeras.visualization import panels
from genkeras.visualization.grid import interleave

# Pictures in a sheet and its columns, for small pictures (MNIST) and larger ones (CelebA).
SMALL_SIZE = 32
SMALL_LAYOUT, LARGE_LAYOUT = (400, 20), (30, 5)
NUM_CODES = 500
# What is kept of an epoch for the figures of later ones.
_MEASURED = ("codes", "reconstruction_loss", "latent_penalty", "mean_sharpness", "min_sharpness")
_log = logging.getLogger("genkeras")


class WAEPanels:
    """Writes `panels_epoch_NNN.png`: train and test reconstructions and samples; codes beside
    the prior, curves, data.

    The curves (reconstruction loss, |latent penalty|, sharpness of the samples, encoding
    change: the mean squared move of codes since the epoch before) are measured on the first
    500 test pictures, not taken from training, so that the figure of a finished run can be
    drawn again. `panels_epoch_NNN.npz` holds an epoch's measurements for the later figures.

    Args:
        directory: Path of the folder for the sheets.
        train_images: uint8 array `(num_images, height, width, channels)`.
        test_images: uint8 array of the same kind.
    """

    def __init__(self, directory, train_images, test_images):
        self._directory = directory
        self._train_images = np.asarray(train_images[:NUM_CODES])
        self._test_images = np.asarray(test_images[:NUM_CODES])
        small = max(self._test_images.shape[1:3]) <= SMALL_SIZE
        self._num_pictures, self._columns = SMALL_LAYOUT if small else LARGE_LAYOUT
        self._unreadable = set()

    def write(self, model, epoch):
        """Writes the figure of an epoch, counted from 1."""
        samples = to_uint8(model.sample(self._num_pictures, seed=SHEET_SEED), model.value_range)
        train_codes, _, train_pairs = self._reproduce(model, self._train_images)
        test_codes, reconstruction_loss, test_pairs = self._reproduce(model, self._test_images)
        prior_latents = model.draw_prior(len(test_codes), SHEET_SEED)
        # Between fewer than two codes there is no distance.
        has_pairs = len(test_codes) > 1
        penalty = model.latent_penalty(test_codes, prior_latents) if has_pairs else np.nan
        edges = sharpness(samples)
        measured = {
            "codes": test_codes,
            "reconstruction_loss": reconstruction_loss,
            "latent_penalty": float(penalty),
            "mean_sharpness": edges.mean(),
            "min_sharpness": edges.min(),
        }
        with atomic.replacing(self._path(epoch, "npz")) as file:
            np.savez(file, **measured)
        # Originals and reproductions in alternate columns: an even number of them.
        pair_columns = self._columns + self._columns % 2
        figure = panels.six_panels(
            {
                "Train reconstructions": train_pairs,
                "Test reconstructions": test_pairs,
                "Samples": samples,
                "Data": self._train_images[: self._num_pictures],
            },
            [pair_columns, pair_columns, self._columns, self._columns],
            {
                "prior_latents": prior_latents,
                "codes": {"Q_z, train": train_codes, "Q_z, test": test_codes},
                "scale": model.prior.scale,
                "latent_is_normal": model.prior.name == "normal",
            },
            self._curves(epoch),
        )
        atomic.write_bytes(self._path(epoch, "png"), figure)

    def _reproduce(self, model, images):
        """Returns codes, mean cost of the reproductions, and the pictures of a panel."""
        originals = to_range(images, model.value_range)
        codes = model.encode(originals, seed=SHEET_SEED)
        reproductions = model.decode(codes)
        cost = float(model.reconstruction_cost(originals, reproductions))
        shown = slice(self._num_pictures // 2)
        return (
            codes,
            cost,
            interleave(images[shown], to_uint8(reproductions[shown], model.value_range)),
        )

    def _curves(self, last_epoch):
        """Returns the curves over the epochs; NaN where a measurement is missing."""
        curves = {
            "log reconstruction loss": [],
            "log |latent penalty|": [],
            "log sharpness, mean": [],
            "log sharpness, minimum": [],
            "log encoding change": [],
        }
        previous_codes = None
        for epoch in range(1, last_epoch + 1):
            measured = self._load(epoch)
            codes, row = None, [np.nan] * len(curves)
            if measured:
                codes = measured["codes"]
                moved = np.nan
                if previous_codes is not None:
                    moved = np.mean((codes - previous_codes) ** 2)
                row = [
                    measured["reconstruction_loss"],
                    abs(measured["latent_penalty"]),
                    measured["mean_sharpness"],
                    measured["min_sharpness"],
                    moved,
                ]
            for values, value in zip(curves.values(), row, strict=True):
                values.append(float(value) or np.nan)
            previous_codes = codes
        return curves

    def _load(self, epoch):
        path = self._path(epoch, "npz")
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in _MEASURED}
        except UNREADABLE as error:
            if path not in self._unreadable:
                self._unreadable.add(path)
                _log.warning("%s cannot be read (%s): the curves have a gap.", path, error)
            return None

    def _path(self, epoch, suffix):
        return self._directory / f"panels_epoch_{epoch:03d}.{suffix}"
