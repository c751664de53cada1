"""What a network must know when several devices train it: its replica's rows of a batch.

`tf.distribute` runs a training step once per device, on a share of the batch: a replica.
With one device, and outside of a training step, everything here does nothing.
"""

import tensorflow as tf


def count():
    """Returns the number of replicas that run the current training step; else 1."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def own_rows(draw, shape):
    """Draws for the whole batch, and keeps the rows of this replica.

    So a row's random numbers depend on its place in the batch alone: replicas differ, and
    any number of them trains on the same numbers as one device. Every replica draws them
    all, which is little beside what the networks do with a row.

    Args:
        draw: Function of a shape that returns a tensor of it.
        shape: Tuple `(num_rows, ...)` of this replica's rows.

    Returns:
        Tensor of the given shape.
    """
    replicas = count()
    if replicas == 1:
        return draw(shape)
    num_rows = shape[0]
    first = num_rows * tf.distribute.get_replica_context().replica_id_in_sync_group
    everything = draw((replicas * num_rows, *shape[1:]))
    return tf.ensure_shape(everything[first : first + num_rows], tuple(shape))


def mean(value):
    """Returns the mean of a tensor, or of each of a list of tensors, over the replicas."""
    if count() == 1:
        return value
    # What was just read from a variable names no device, which the reduction asks for.
    value = tf.nest.map_structure(tf.identity, value)
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)
