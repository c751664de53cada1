"""Crops, sizes and value ranges: the only place that knows them.

A network states its range, `(0.0, 1.0)` or `(-1.0, 1.0)`; pictures rest as uint8 and are
converted here, on their way in and on their way out.
"""

import dataclasses
import logging

import numpy as np
from PIL import Image

from genkeras.data.dataset import DataError

logger = logging.getLogger("genkeras")

CROP_MODES = ("center", "wae", "wae_resize")
DEFAULT_OUTPUT_SIZE = 64
# Side of the centred box of `--crop` where a program has one: 108 in DCGAN's.
DEFAULT_CROPS = {"celeba": 108}
SMALL_NATIVE_SIZE = (28, 28)

# The `closecrop` of the WAE program: left, top, right, bottom on the 178×218 CelebA picture.
WAE_BOX = (19, 39, 159, 179)
# Its `resizecrop`: resized to width 64 and height 78, of which rows 7 to 70 are kept.
WAE_RESIZED_HEIGHT, WAE_TOP_ROW, WAE_SIZE = 78, 7, 64


def to_range(images, value_range):
    """Converts uint8 pictures into the range a network works in.

    Args:
        images: uint8 NumPy array or TensorFlow tensor of any shape.
        value_range: Pair `(low, high)`: 0 becomes `low`, 255 becomes `high`.

    Returns:
        float32 array or tensor, of the kind and shape given.
    """
    low, high = value_range
    if isinstance(images, np.ndarray):
        images = np.asarray(images, dtype=np.float32)
        low, high = np.float32(low), np.float32(high)
    else:
        import tensorflow as tf

        images = tf.cast(images, tf.float32)
    # Divided first, so that 255 lands on `high` exactly.
    return images / 255.0 * (high - low) + low


def to_uint8(images, value_range):
    """Converts a network's pictures back: rounded to the nearest of 256 values, and clipped.

    Args:
        images: Float array or tensor of any shape.
        value_range: Pair `(low, high)` of the network.

    Returns:
        uint8 NumPy array of the same shape.

    Raises:
        DataError: If a value is not finite: such pictures have no honest uint8 form.
    """
    low, high = value_range
    images = np.asarray(images, dtype=np.float32)
    finite = np.isfinite(images)
    if not finite.all():
        raise DataError(
            f"{images.size - np.count_nonzero(finite)} of {images.size} values of the pictures "
            "are not finite (NaN or infinite): the model that made them has diverged. Lower its "
            "learning rate and train again."
        )
    return np.rint(np.clip((images - low) / (high - low), 0.0, 1.0) * 255.0).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How a picture is cropped and resized.

    Args:
        crop: `None` for the whole picture, else one of `CROP_MODES`.
        crop_height: Height of the centred box; `None` for the largest box with the shape
            of the output.
        crop_width: Its width.
        output_height: Height handed over; `None` until the native size is known.
        output_width: Width handed over.
    """

    crop: str | None = None
    crop_height: int | None = None
    crop_width: int | None = None
    output_height: int | None = None
    output_width: int | None = None

    @classmethod
    def from_options(cls, options, default_crop=None):
        """Reads the options of a user.

        Args:
            options: `DataOptions`.
            default_crop: Side of the centred box when the user names none.

        Returns:
            `Geometry`, whose output size may still be `None`; see `resolve`.

        Raises:
            DataError: For an unknown crop mode, or options that contradict each other.
        """
        if options.crop_mode not in (None, *CROP_MODES):
            raise DataError(
                f"--crop_mode={options.crop_mode}: expected one of {', '.join(CROP_MODES)}."
            )
        crop = _crop(options)
        height = width = None
        asked = options.input_height or options.input_width
        # The program's usual `--input_height=28 --output_height=28` asks for no change.
        if asked and crop != "center" and asked != options.output_height:
            logger.warning("--input_height=%d does nothing without --crop in the centre.", asked)
        if crop == "center":
            height = options.input_height or options.input_width or default_crop
            width = options.input_width or height
        return cls(crop, height, width, options.output_height, options.output_width)

    def resolve(self, native_size=None):
        """Fixes the output size.

        Args:
            native_size: `(height, width)` that all pictures share, or `None`.

        Returns:
            `Geometry` with both output sizes set: what was asked for, else 28×28 for
            28×28 pictures, else 64×64.
        """
        small = native_size == SMALL_NATIVE_SIZE
        height = self.output_height or (native_size[0] if small else DEFAULT_OUTPUT_SIZE)
        if self.output_width is not None:
            width = self.output_width
        elif self.output_height is not None:
            width = self.output_height
        else:
            width = native_size[1] if small else DEFAULT_OUTPUT_SIZE
        return dataclasses.replace(self, output_height=height, output_width=width)

    def is_identity_for(self, size):
        """Whether pictures of `(height, width)` come through unchanged."""
        whole = self.crop is None or (
            self.crop == "center"
            and (self.crop_height or size[0], self.crop_width or size[1]) == tuple(size)
        )
        return whole and (self.output_height, self.output_width) == tuple(size)

    def refusal(self, width, height):
        """Why a picture of this size cannot be cropped, or `None` if it can."""
        if self.crop == "wae":
            who, box = "--crop_mode=wae", WAE_BOX[2:]
        elif self.crop == "center" and self.crop_height is not None:
            box = (self.crop_width, self.crop_height)
            who = f"the crop box {box[0]}x{box[1]}"
        else:
            return None
        if width >= box[0] and height >= box[1]:
            return None
        return (
            f"{who} needs a picture of at least {box[0]}x{box[1]} (width x height), but this "
            f"one is {width}x{height}: lower --input_height, or leave the crop out"
        )


def default_sizes(options, native_size=None, default_crop=None):
    """What each size option is when it is left out, the others staying as they are.

    Without a crop in the centre the input sizes do nothing: any of them is like the default.

    Args:
        options: `DataOptions`.
        native_size: `(height, width)` that all pictures share, or `None`.
        default_crop: Side of the centred box when the user names none.

    Returns:
        Dictionary of `input_height`, `input_width`, `output_height` and `output_width`.
    """
    bare = Geometry().resolve(native_size and tuple(native_size))
    centred = _crop(options) == "center"
    return {
        "input_height": options.input_width or default_crop if centred else options.input_height,
        "input_width": options.input_height or default_crop if centred else options.input_width,
        "output_height": bare.output_height,
        "output_width": options.output_height or bare.output_width,
    }


def _crop(options):
    return options.crop_mode or ("center" if options.crop else None)


def transform(picture, geometry):
    """Crops and resizes one picture, with antialiasing.

    Args:
        picture: PIL image of mode `L` or `RGB`.
        geometry: `Geometry` after `resolve`.

    Returns:
        PIL image of `geometry.output_height` × `geometry.output_width`.

    Raises:
        DataError: If the crop box is larger than the picture.
    """
    output = (geometry.output_width, geometry.output_height)
    if geometry.crop == "wae_resize":
        # At another size than 64 the same share of the picture is kept.
        rows = round(WAE_RESIZED_HEIGHT * output[1] / WAE_SIZE)
        top = round(WAE_TOP_ROW * output[1] / WAE_SIZE)
        resized = picture.resize((output[0], rows), Image.Resampling.LANCZOS)
        return resized.crop((0, top, output[0], top + output[1]))
    refusal = geometry.refusal(*picture.size)
    if refusal:
        raise DataError(refusal)
    resampling = Image.Resampling.BILINEAR
    if geometry.crop == "wae":
        picture = picture.crop(WAE_BOX)
        resampling = Image.Resampling.LANCZOS
    elif geometry.crop == "center":
        picture = _center_crop(picture, geometry)
    # Pillow widens the filter when it shrinks: that is the antialiasing.
    return picture if picture.size == output else picture.resize(output, resampling)


def transform_array(images, geometry):
    """Crops and resizes an array of pictures.

    Args:
        images: uint8 array `(num_images, height, width, channels)` with 1 or 3 channels.
        geometry: `Geometry` after `resolve`.

    Returns:
        uint8 array `(num_images, output_height, output_width, channels)`; the array itself
        when there is nothing to do.

    Raises:
        DataError: If the crop box is larger than the pictures.
    """
    num_images, height, width, channels = images.shape
    if geometry.is_identity_for((height, width)):
        return images
    shape = (num_images, geometry.output_height, geometry.output_width, channels)
    result = np.empty(shape, np.uint8)
    for index, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        result[index] = np.asarray(transform(picture, geometry)).reshape(shape[1:])
    return result


def _center_crop(picture, geometry):
    height, width = geometry.crop_height, geometry.crop_width
    if height is None:
        scale = min(picture.height / geometry.output_height, picture.width / geometry.output_width)
        height = max(1, min(picture.height, round(scale * geometry.output_height)))
        width = max(1, min(picture.width, round(scale * geometry.output_width)))
    # Rounded as in the DCGAN program: 108 of 178×218 is columns 35..142, rows 55..162.
    left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))
