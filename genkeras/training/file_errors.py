"""Files that TensorFlow writes: what fails there is told like what fails in Python."""

import contextlib
import errno
import os

import tensorflow as tf


@contextlib.contextmanager
def told_as_python_does(path):
    """Turns TensorFlow's errors of files into `OSError`s.

    TensorFlow calls a full disk an exhausted resource, as it calls memory; only the operating
    system's words in the message tell which it was. Other errors pass.

    Args:
        path: Path that is written in the block.

    Raises:
        OSError: Of the number whose words the message holds.
    """
    try:
        yield
    except tf.errors.OpError as error:
        for number in errno.errorcode:
            if number != errno.ENOMEM and os.strerror(number) in error.message:
                raise OSError(number, os.strerror(number), str(path)) from error
        raise
