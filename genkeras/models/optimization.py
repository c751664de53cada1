"""One gradient step, and its optimizer, shared by all models."""

import keras
import tensorflow as tf

from genkeras.networks import replicas


class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` that reads and writes each array once per update.

    The same formula as one operation: the time of an update is that of moving seven arrays
    through memory, which Keras' single steps do several times over.

    Reference:
        [Kingma & Ba, 2015](https://arxiv.org/abs/1412.6980), section 2, in the last form
        (ε beside the uncorrected root).

    Args: as `keras.optimizers.Adam`, without `amsgrad`.
    """

    def apply(self, grads, trainable_variables=None):
        steps = tf.cast(self.iterations.value + 1, tf.float32)
        # Of all variables the same.
        self._powers = tf.pow(self.beta_1, steps), tf.pow(self.beta_2, steps)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self._powers[0],
            beta2_power=self._powers[1],
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )


def gradient_step(optimizer, variables, compute_loss):
    """Updates `variables` along the gradient of a loss.

    Only `variables` are watched, so no gradient is computed for the other network
    (the discriminator's weights during a generator step). Where several replicas share the
    batch, the gradient is that of the mean of their losses, and losses are returned as means.

    Args:
        optimizer: Keras optimizer, built on `variables`.
        variables: List of Keras variables.
        compute_loss: Function without arguments that returns a scalar tensor, or a
            tuple whose first element is that scalar.

    Returns:
        What `compute_loss` returned, its scalars as means over the replicas.
    """
    num_replicas = replicas.count()
    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        result = compute_loss()
        loss = result[0] if isinstance(result, tuple) else result
        if num_replicas > 1:
            # The optimizer sums the gradients of the replicas.
            loss = loss / num_replicas
        # Within the tape: the gradients are those of the scaled loss.
        loss = optimizer.scale_loss(loss)
    gradients = tape.gradient(loss, values)
    if num_replicas > 1 and isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        gradients = _finite_together(gradients)
    optimizer.apply(gradients, variables)
    return result if num_replicas == 1 else _with_mean_scalars(result)


def _finite_together(gradients):
    """Makes gradients NaN where those of another replica are not finite.

    `LossScaleOptimizer` leaves an update out if the gradients of one replica are not finite,
    and looks at them before they are summed: all replicas must come to the same end.
    """
    finite = [tf.reduce_all(tf.math.is_finite(each)) for each in gradients if each is not None]
    share = replicas.mean(tf.cast(tf.reduce_all(finite), tf.float32))
    added = tf.where(share < 1.0, float("nan"), 0.0)
    return [None if each is None else each + tf.cast(added, each.dtype) for each in gradients]


def _with_mean_scalars(result):
    values = tf.nest.flatten(result)
    is_scalar = [value.shape.rank == 0 for value in values]
    # In one message.
    means = iter(replicas.mean([v for v, scalar in zip(values, is_scalar, strict=True) if scalar]))
    chosen = [next(means) if scalar else v for v, scalar in zip(values, is_scalar, strict=True)]
    return tf.nest.pack_sequence_as(result, chosen)
