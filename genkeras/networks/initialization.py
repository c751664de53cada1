"""Initial weights of the published networks, reproducible without global random state."""

import random

import keras


class Initializers:
    """Initializers of one network, each layer with a seed of its own.

    Keras refuses nothing when one seeded initializer serves two layers, but both
    then start with the same numbers; so every call here returns a new one.

    Args:
        seed: Integer. Seed of the model.
        network: String. Name of the network; two networks of one model start
            with different weights.
        stddev: Float. Standard deviation of `normal` and `truncated_normal`.
    """

    def __init__(self, seed, network, stddev=0.02):
        # A string seeds Python's generator through SHA-512: the same on every machine.
        self._random = random.Random(f"{seed}:{network}")
        self._stddev = stddev

    def next_seed(self):
        """Returns a new integer seed, for a layer that draws numbers (dropout)."""
        return self._random.getrandbits(31)

    def normal(self):
        return keras.initializers.RandomNormal(stddev=self._stddev, seed=self.next_seed())

    def truncated_normal(self):
        return keras.initializers.TruncatedNormal(stddev=self._stddev, seed=self.next_seed())

    def he(self):
        """He et al., 2015, over the fan-in, truncated normal."""
        return keras.initializers.HeNormal(seed=self.next_seed())
