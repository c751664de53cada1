"""Draws sheets at the end of every epoch."""

import keras


class SheetDrawing(keras.callbacks.Callback):
    """Calls `write(model, epoch)` of every sheet, epochs counted from 1.

    Args:
        sheets: List of sheets; see `genkeras.training.sheets`.
    """

    def __init__(self, sheets):
        super().__init__()
        self._sheets = sheets

    def on_epoch_end(self, epoch, logs=None):
        for sheet in self._sheets:
            sheet.write(self.model, epoch + 1)
