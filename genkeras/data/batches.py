"""Batches whose content depends on nothing but (seed, epoch, step)."""

import collections
import dataclasses
import threading

import numpy as np
import tensorflow as tf

from genkeras.data.dataset import DataError
from genkeras.data.preprocessing import to_range


@dataclasses.dataclass(frozen=True)
class Shares:
    """Which parts of every batch a process reads, where several replicas share each batch.

    A training step that makes several updates has a minibatch for each in its batch, and
    every replica gets its share of each minibatch.

    Args:
        num_replicas: Integer. Replicas in all processes; it divides a minibatch.
        first: Integer. The first replica of this process.
        count: Integer. Replicas of this process.
        updates: Integer. Minibatches in a batch.
    """

    num_replicas: int = 1
    first: int = 0
    count: int = 1
    updates: int = 1

    def of(self, rows, replica):
        """Returns the rows of a batch `(batch_size,)` that one replica of this process gets."""
        by_update = rows.reshape(self.updates, self.num_replicas, -1)
        return by_update[:, self.first + replica].ravel()


WHOLE = Shares()


class Batches:
    """Batch `step` of epoch `epoch` as a pure function of `(seed, epoch, step)`.

    Nothing has to be stored to go on from the middle of an epoch: the position is a number.
    Each epoch shows every picture at most once; the few that do not fill a last batch are
    left out, others in every epoch.

    Args:
        images: uint8 array or memory map `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`, or `None`.
        batch_size: Integer.
        seed: Non-negative integer.

    Raises:
        DataError: If there are fewer images than `batch_size`.

    Example:
        ```python
        batches = Batches(train.images, train.labels, batch_size=64, seed=0)
        dataset = batches.dataset((-1.0, 1.0), start_step=3 * batches.steps_per_epoch)
        ```
    """

    def __init__(self, images, labels, batch_size, seed):
        if batch_size < 1:
            raise DataError(f"--batch_size={batch_size}: expected a positive number.")
        if len(images) < batch_size:
            raise DataError(
                f"{len(images)} training pictures do not fill one batch of {batch_size}: "
                "lower --batch_size, or give more pictures."
            )
        if labels is not None and len(labels) != len(images):
            raise DataError(f"{len(labels)} labels do not go with {len(images)} images.")
        if not 0 <= seed < 2**64:
            raise DataError(f"--seed={seed}: expected a number from 0 to 2**64 - 1.")
        # A view of the base class: taking rows of a memory map then gives a plain array.
        self.images = np.asarray(images)
        self.labels = None if labels is None else np.asarray(labels)
        self.batch_size = int(batch_size)
        self.seed = int(seed)
        self._orders = collections.OrderedDict()
        self._lock = threading.Lock()

    @property
    def steps_per_epoch(self):
        """Number of whole batches in an epoch."""
        return len(self.images) // self.batch_size

    def order(self, epoch):
        """The order of the pictures in an epoch.

        Args:
            epoch: Non-negative integer.

        Returns:
            Read-only int64 permutation `(num_images,)`.
        """
        # Two epochs are kept: around a boundary the pipeline's threads work on both.
        with self._lock:
            if epoch not in self._orders:
                key = np.array([self.seed, epoch], dtype=np.uint64)
                order = np.random.Generator(np.random.Philox(key=key)).permutation(len(self.images))
                order.setflags(write=False)
                self._orders[epoch] = order
                while len(self._orders) > 2:
                    self._orders.popitem(last=False)
            self._orders.move_to_end(epoch)
            return self._orders[epoch]

    def batch(self, epoch, step, shares=WHOLE, replica=0):
        """One batch, or a replica's share of it.

        Args:
            epoch: Non-negative integer.
            step: Integer from 0 to `steps_per_epoch - 1`.
            shares: `Shares`.
            replica: Integer from 0 to `shares.count - 1`.

        Returns:
            Pair of a uint8 array `(num_images, height, width, channels)` and a label array
            `(num_images,)` or `None`, with `batch_size / shares.num_replicas` images.

        Raises:
            IndexError: If the epoch has no such step.
        """
        if not 0 <= step < self.steps_per_epoch:
            raise IndexError(f"step {step} of an epoch of {self.steps_per_epoch} steps")
        rows = self.order(epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        rows = shares.of(rows, replica)
        return self.images[rows], None if self.labels is None else self.labels[rows]

    def dataset(self, value_range, start_step=0, num_steps=None, shares=WHOLE):
        """The batches from a global step on, as a `tf.data` pipeline.

        Args:
            value_range: Pair `(low, high)` of the network.
            start_step: Global step, `epoch * steps_per_epoch + step`, of the first batch.
            num_steps: Number of batches. Defaults to `None`, without end.
            shares: `Shares`. The elements are then shares of batches, in every step one after
                another for each replica of this process; nothing else is read.

        Returns:
            `tf.data.Dataset` of float32 images `(num_images, height, width, channels)`, or of
            pairs `(images, labels)` with int64 labels, with static shapes.
        """
        num_images = self.batch_size // shares.num_replicas
        image_shape = (num_images, *self.images.shape[1:])

        def gather(index):
            step, replica = divmod(int(index), shares.count)
            epoch, step = divmod(step, self.steps_per_epoch)
            images, labels = self.batch(epoch, step, shares, replica)
            return images if labels is None else (images, labels.astype(np.int64))

        # The gather stays in NumPy: a tensor made of a memory map would be a copy of the
        # whole set in anonymous memory.
        def load(index):
            if self.labels is None:
                images = tf.numpy_function(gather, [index], tf.uint8, stateful=False)
                return to_range(tf.ensure_shape(images, image_shape), value_range)
            images, labels = tf.numpy_function(
                gather, [index], (tf.uint8, tf.int64), stateful=False
            )
            images = to_range(tf.ensure_shape(images, image_shape), value_range)
            return images, tf.ensure_shape(labels, (num_images,))

        indices = tf.data.Dataset.counter(start_step * shares.count)
        if num_steps is not None:
            indices = indices.take(num_steps * shares.count)
        return indices.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
