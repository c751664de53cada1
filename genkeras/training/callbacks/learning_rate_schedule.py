"""Learning rates that change from epoch to epoch."""

import keras


class LearningRateSchedule(keras.callbacks.Callback):
    """Sets the rate of every optimizer of a model at the beginning of an epoch.

    The model says by how much: `learning_rate_factor(epoch, num_epochs)` times its
    `learning_rates`, a dict of the names in `optimizers` to the rates it was compiled with.
    Its `plateau`, unless `None`, is told the end of every epoch.

    Keras' own `LearningRateScheduler` knows only one optimizer.
    """

    def on_epoch_begin(self, epoch, logs=None):
        factor = self.model.learning_rate_factor(epoch, self.params["epochs"])
        for name, optimizer in self.model.optimizers.items():
            optimizer.learning_rate = self.model.learning_rates[name] * factor

    def on_epoch_end(self, epoch, logs=None):
        if self.model.plateau is not None:
            self.model.plateau.end_epoch(epoch)
