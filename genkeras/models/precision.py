"""Training in 16 bits where it is safe: layers' arithmetic, not weights, losses or penalties."""

import contextlib

import keras

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@contextlib.contextmanager
def policy(precision):
    """Lets the layers that are made within compute in `precision`; weights stay float32.

    Networks end in float32, so that losses, penalties and pictures do too.

    Reference:
        [Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740).

    Args:
        precision: String. One of `PRECISIONS`.

    Raises:
        ValueError: If it is none of them.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is unknown; use one of {list(PRECISIONS)}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def loss_scaled(optimizer):
    """Returns the optimizer; under float16 one that scales the loss before gradients are taken.

    Small gradients would be 0 in float16. The scale is halved, and the update left out, when
    a gradient is not finite, and doubled after 2,000 updates.
    """
    if keras.config.dtype_policy().compute_dtype != "float16":
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)
