"""Converters that would bury our own lines under theirs."""

import contextlib
import logging

# TensorFlow's SavedModel writer logs through absl's logger.
_CHATTY = ("absl", "tensorflow", "tf2onnx")


@contextlib.contextmanager
def quiet_converters():
    """Leaves out what is told at every export: renamed tensors, counted constants."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
