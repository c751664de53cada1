"""Draws sheets at the end of every epoch."""

import keras


class SheetDrawing(keras.callbacks.Callback):
    """Calls `write(model, epoch)` of every sheet, epochs counted from 1.

    Args:
        sheets: List of sheets; see `genkeras.training.sheets`.
        check: Function to call before something is written, which raises if it must not be.
    """

    def __init__(self, sheets, check):
        super().__init__()
        self._sheets = sheets
        self._check = check

    def on_epoch_end(self, epoch, logs=None):
        for sheet in self._sheets:
            self._check()
            sheet.write(self.model, epoch + 1)
