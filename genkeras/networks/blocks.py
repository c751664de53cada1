"""What the published networks have in common: scaled widths, batch norm, size-exact upsampling."""

from keras import layers

from genkeras.networks.layers import BatchNormalization, Upsampling

PUBLISHED_WIDTH = 64
# Those of a picture. With more, the transposed form is as fast.
MOST_SUB_PIXEL_CHANNELS = 4


def scaled(size, width):
    """Returns the hidden size `size` of a published network at another `width`.

    Args:
        size: Integer. Units or channels in the published network.
        width: Integer. `64` gives the published network, `16` a quarter of it.
    """
    return max(1, round(size * width / PUBLISHED_WIDTH))


def halved(size, times=1):
    """Returns `size` after `times` stride-2 layers with SAME padding: ⌈size / 2^times⌉."""
    return -(-size // 2**times)


def batch_normalization():
    return BatchNormalization(momentum=0.9, epsilon=1e-5)


def upsample_to(inputs, height, width, filters, kernel_size, initializer, use_bias):
    """Stride-2 transposed convolution to exactly `height` × `width`.

    The transpose of a SAME-padded stride-2 convolution from `height` × `width`. Keras
    returns twice the input size; where that is one row or column too many (odd sizes),
    it is cut off at the side where the convolution would not have padded.

    Args:
        inputs: Symbolic tensor `(batch_size, ⌈height/2⌉, ⌈width/2⌉, channels)`.
        height, width: Integers. Output size in pixels.
        filters: Integer. Output channels.
        kernel_size: Integer. At least 2.
        initializer: Keras initializer of the kernel.
        use_bias: Boolean.

    Returns:
        Symbolic tensor `(batch_size, height, width, filters)`.
    """
    options = {"use_bias": use_bias, "kernel_initializer": initializer}
    if filters <= MOST_SUB_PIXEL_CHANNELS:
        outputs = Upsampling(filters, kernel_size, **options)(inputs)
    else:
        outputs = layers.Conv2DTranspose(
            filters, kernel_size, strides=2, padding="same", **options
        )(inputs)
    rows, columns = (_cut(size, kernel_size) for size in (height, width))
    if any(rows + columns):
        outputs = layers.Cropping2D((rows, columns))(outputs)
    return outputs


def _cut(size, kernel_size):
    """Returns how much to cut before and after, from the even size to `size`."""
    if size % 2 == 0:
        return (0, 0)
    # SAME padding before the first pixel: half of what stride 2 needs in all.
    before = (kernel_size - 1) // 2 - (kernel_size - 2) // 2
    return (before, 1 - before)
