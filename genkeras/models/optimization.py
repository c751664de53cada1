"""One gradient step, shared by all models."""

import tensorflow as tf


def gradient_step(optimizer, variables, compute_loss):
    """Updates `variables` along the gradient of a loss.

    Only `variables` are watched, so no gradient is computed for the other network
    (the discriminator's weights during a generator step).

    Args:
        optimizer: Keras optimizer, built on `variables`.
        variables: List of Keras variables.
        compute_loss: Function without arguments that returns a scalar tensor, or a
            tuple whose first element is that scalar.

    Returns:
        What `compute_loss` returned.
    """
    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        result = compute_loss()
    loss = result[0] if isinstance(result, tuple) else result
    optimizer.apply(tape.gradient(loss, values), variables)
    return result
