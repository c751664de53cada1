"""Train, sample, reconstruct and compare image generative models."""

__version__ = "0.1.0"
