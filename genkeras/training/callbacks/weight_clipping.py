"""Keeps the critic's weights in a box."""

import keras
from keras import ops


class WeightClipping(keras.callbacks.Callback):
    """Clips every trainable variable of the discriminator after each of its updates.

    Biases and the scales and shifts of normalizations are included, moving statistics
    are not. The projection is put on the variables as their `constraint`, which a Keras
    optimizer applies after every update; a callback alone would see only the last of a
    training step's critic updates. Initial weights may lie outside until the first one.

    When training ends, the variables' own constraints, which are put aside meanwhile,
    are back. Keras does not call a callback when training is aborted by an exception:
    the projection then stays until the next training with this callback ends, or until
    `on_train_end()` is called.

    Reference:
        [Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875), Algorithm 1, line 7.

    Args:
        clip_value: Float. Weights are kept in `[-clip_value, clip_value]`.

    Raises:
        ValueError: If `clip_value` is not positive.
    """

    def __init__(self, clip_value):
        super().__init__()
        if not clip_value > 0:
            raise ValueError(f"clip_value={clip_value}; expected a positive number.")
        self.clip_value = clip_value

    def on_train_begin(self, logs=None):
        for variable in self.model.discriminator.trainable_variables:
            own = variable.constraint
            if isinstance(own, _Projection):  # Left by an aborted training.
                own = own.own_constraint
            variable.constraint = _Projection(self.clip_value, own)
        # A train function traced before would go on without the constraints.
        self.model.make_train_function(force=True)

    def on_train_end(self, logs=None):
        for variable in self.model.discriminator.trainable_variables:
            if isinstance(variable.constraint, _Projection):
                variable.constraint = variable.constraint.own_constraint
        # And this one would go on with them.
        self.model.train_function = None


class _Projection(keras.constraints.Constraint):
    """Projects on `[-clip_value, clip_value]`, and remembers whose place it took."""

    def __init__(self, clip_value, own_constraint):
        self.clip_value = clip_value
        self.own_constraint = own_constraint

    def __call__(self, value):
        return ops.clip(value, -self.clip_value, self.clip_value)
