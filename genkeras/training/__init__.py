"""Runs: their configuration, their directory, training, and going on where one stopped."""
