"""Something to be done every so many training steps."""

import keras


class EverySteps(keras.callbacks.Callback):
    """Calls `act(step)`, which a subclass defines, when `every` more steps are done.

    Steps are counted from the first one of the run, by the model: a resumed run goes on
    counting.

    Args:
        every: Integer. `0` for never.
    """

    def __init__(self, every):
        super().__init__()
        self.every = every
        self._turns = None

    def act(self, step):
        """Does what is to be done after training step `step`, counted from 1."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        if self.every:
            self._turns = self._steps_done() // self.every

    def on_train_batch_end(self, batch, logs=None):
        if not self.every:
            return
        step = self._steps_done()
        # Not `step % every`: while steps wait for the end of their group, the number stays.
        if step // self.every > self._turns:
            self._turns = step // self.every
            self.act(step)

    def _steps_done(self):
        return int(self.model.steps_done.numpy())
