"""Train, sample, score, compare, export and serve image generative models."""

__version__ = "0.1.0"
