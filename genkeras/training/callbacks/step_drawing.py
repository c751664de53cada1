"""Draws a sheet every so many training steps."""

from genkeras.training.callbacks.every_steps import EverySteps


class StepDrawing(EverySteps):
    """Calls `write(model, step)` of a sheet, steps counted from 1.

    Args:
        sheet: A sheet, see `genkeras.training.sheets`, that numbers its files by steps.
        every: Integer. `0` for never.
        check: Function to call before something is written, which raises if it must not be.
    """

    def __init__(self, sheet, every, check):
        super().__init__(every)
        self._sheet = sheet
        self._check = check

    def act(self, step):
        self._check()
        self._sheet.write(self.model, step)
