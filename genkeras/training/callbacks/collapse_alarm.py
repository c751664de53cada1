"""Says when a generator has collapsed."""

import logging

import keras
import numpy as np

from genkeras.data.preprocessing import to_uint8
from genkeras.training.sheets.samples import NUM_SAMPLES, SHEET_SEED

# Of the variance of training pictures. Untrained generators have about 0.01 of it: their
# samples hardly differ to the eye, but have not collapsed.
SMALLEST_SHARE = 0.001
_log = logging.getLogger("genkeras")


class CollapseAlarm(keras.callbacks.Callback):
    """Warns in the log, once, when the samples of an epoch are nearly identical.

    That is when their variance around their mean picture is below 0.1 % of that of as
    many training pictures. Training goes on.

    Args:
        train_images: uint8 array `(num_images, height, width, channels)`.
    """

    def __init__(self, train_images):
        super().__init__()
        rows = np.linspace(0, len(train_images) - 1, NUM_SAMPLES).astype(int)
        self._real_variance = _variance(np.asarray(train_images[rows]))
        self._told = False

    def on_epoch_end(self, epoch, logs=None):
        if self._told:
            return
        samples = self.model.sample(NUM_SAMPLES, seed=SHEET_SEED)
        variance = _variance(to_uint8(samples, self.model.value_range))
        if variance < SMALLEST_SHARE * self._real_variance:
            self._told = True
            _log.warning(
                "After epoch %d the samples are nearly identical: their variance is %.2g %% of "
                "that of training pictures. The model may have collapsed; training goes on. If "
                "later sheets in the folder samples do not get better, try another seed, a lower "
                "learning rate or another model.",
                epoch + 1,
                100.0 * variance / self._real_variance,
            )


def _variance(images):
    """Returns the variance of a pixel over the pictures, mean over pixels and channels."""
    return float(images.astype(np.float64).var(axis=0).mean())
