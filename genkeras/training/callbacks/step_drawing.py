"""Draws a sheet every so many training steps."""

from genkeras.training.callbacks.every_steps import EverySteps


class StepDrawing(EverySteps):
    """Calls `write(model, step)` of a sheet, steps counted from 1.

    Args:
        sheet: A sheet, see `genkeras.training.sheets`, that numbers its files by steps.
        every: Integer. `0` for never.
    """

    def __init__(self, sheet, every):
        super().__init__(every)
        self._sheet = sheet

    def act(self, step):
        self._sheet.write(self.model, step)
