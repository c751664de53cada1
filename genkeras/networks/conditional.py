"""How a class enters a network: joined to its input as a one-hot vector."""

import tensorflow as tf


def join_to_latents(latents, labels, num_classes):
    """Appends one-hot classes to latents.

    Args:
        latents: Float tensor `(batch_size, latent_dim)`.
        labels: Integer tensor `(batch_size,)` with values below `num_classes`.
        num_classes: Integer.

    Returns:
        Float tensor `(batch_size, latent_dim + num_classes)`.

    Raises:
        ValueError: If there are no labels.
    """
    _require(labels)
    return tf.concat([latents, tf.one_hot(labels, num_classes)], axis=1)


def join_to_images(images, labels, num_classes):
    """Appends one-hot classes to images, as channels that are constant over an image.

    Args:
        images: Float tensor `(batch_size, height, width, channels)`.
        labels: Integer tensor `(batch_size,)` with values below `num_classes`.
        num_classes: Integer.

    Returns:
        Float tensor `(batch_size, height, width, channels + num_classes)`: channel
        `channels + k` is 1 for images of class `k` and 0 for others.

    Raises:
        ValueError: If there are no labels.
    """
    _require(labels)
    one_hot = tf.one_hot(labels, num_classes)[:, None, None, :]
    planes = tf.tile(one_hot, (1, images.shape[1], images.shape[2], 1))
    return tf.concat([images, planes], axis=3)


def _require(labels):
    if labels is None:
        raise ValueError(
            "A conditional model needs labels: give pairs (images, labels) for training, and "
            "labels beside the latents for generating."
        )
