import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from genkeras.data.dataset import DataError, DataOptions
from genkeras.data.preprocessing import Geometry, to_range, to_uint8, transform, transform_array

ALL_VALUES = np.arange(256, dtype=np.uint8)


def geometry(default_crop=None, native=None, **kwargs):
    return Geometry.from_options(DataOptions(**kwargs), default_crop).resolve(native)


def coordinates(width=178, height=218):
    """A picture whose red is the column and whose green is the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return Image.fromarray(np.stack([columns, rows, rows * 0], -1))


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_ranges_are_hit_exactly_and_come_back(value_range):
    images = to_range(ALL_VALUES, value_range)
    assert images.dtype == np.float32
    assert (images[0], images[-1]) == value_range
    np.testing.assert_array_equal(to_uint8(images, value_range), ALL_VALUES)


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_tensors_and_arrays_are_converted_alike(value_range):
    tensor = to_range(tf.constant(ALL_VALUES), value_range)
    np.testing.assert_allclose(tensor, to_range(ALL_VALUES, value_range), rtol=0, atol=1e-7)


def test_to_uint8_rounds_to_nearest_and_clips():
    values = np.array([-3.0, 0.4 / 255, 0.6 / 255, 7.0], np.float32)
    np.testing.assert_array_equal(to_uint8(values, (0.0, 1.0)), [0, 0, 1, 255])


def test_to_uint8_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match=r"2 of 3 .* diverged"):
        to_uint8(np.array([np.nan, np.inf, 0.0]), (0.0, 1.0))


def test_centre_crop_of_celeba_is_rows_55_to_162_and_columns_35_to_142():
    crop = geometry(108, crop=True, output_height=108)
    cropped = np.asarray(transform(coordinates(), crop))
    assert cropped[0, 0, :2].tolist() == [35, 55]
    assert cropped[-1, -1, :2].tolist() == [142, 162]


def test_closecrop_of_wae_is_the_140_box_at_19_39():
    cropped = np.asarray(transform(coordinates(), geometry(crop_mode="wae", output_height=140)))
    assert cropped[0, 0, :2].tolist() == [19, 39]
    assert cropped[-1, -1, :2].tolist() == [158, 178]


def test_closecrop_shrinks_by_lanczos():
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (218, 178, 3), dtype=np.uint8))
    expected = picture.crop((19, 39, 159, 179)).resize((64, 64), Image.Resampling.LANCZOS)
    result = transform(picture, geometry(crop_mode="wae"))
    np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


def test_resizecrop_of_wae_keeps_rows_7_to_70_of_78():
    expected = coordinates().resize((64, 78), Image.Resampling.LANCZOS)
    result = transform(coordinates(), geometry(crop_mode="wae_resize"))
    np.testing.assert_array_equal(np.asarray(result), np.asarray(expected)[7:71])


def test_crop_without_sizes_is_the_largest_box_of_the_output_s_shape():
    crop = geometry(crop=True, output_height=50, output_width=100)
    result = np.asarray(transform(coordinates(200, 200), crop))
    # Rows 50..149 of 200, halved.
    assert result.shape[:2] == (50, 100)
    assert 50 <= result[0, 0, 1] <= 51
    assert 148 <= result[-1, -1, 1] <= 149
    assert result[0, -1, 0] >= 197


def test_crop_larger_than_the_picture_says_both_sizes():
    with pytest.raises(DataError, match=r"178x218.*--input_height"):
        transform(coordinates(), geometry(crop=True, input_height=200))


def test_resize_is_antialiased():
    stripes = np.zeros((1, 64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    small = transform_array(stripes, geometry(output_height=8))
    assert small.min() > 100
    assert small.max() < 155


@pytest.mark.parametrize(
    ("options", "native", "expected"),
    [
        ({}, (28, 28), (28, 28)),
        ({}, (32, 32), (64, 64)),
        ({}, None, (64, 64)),
        ({"output_height": 45}, (28, 28), (45, 45)),
        ({"output_height": 45, "output_width": 37}, None, (45, 37)),
        ({"output_width": 37}, None, (64, 37)),
    ],
)
def test_default_sizes(options, native, expected):
    resolved = geometry(native=native, **options)
    assert (resolved.output_height, resolved.output_width) == expected


def test_width_of_the_crop_defaults_to_its_height():
    crop = geometry(108, crop=True, input_height=90)
    assert (crop.crop_height, crop.crop_width) == (90, 90)
    assert geometry(108, input_height=90).crop is None


def test_an_input_height_that_does_nothing_is_said(caplog):
    geometry(input_height=28, output_height=28)
    geometry(crop=True, input_height=108)
    assert not caplog.records
    geometry(input_height=108)
    geometry(crop_mode="wae", input_height=108)
    assert caplog.text.count("--input_height=108 does nothing") == 2


@pytest.mark.parametrize("mode", ["center", "wae", "wae_resize"])
def test_a_mode_that_is_named_crops(mode):
    picture = coordinates()
    whole = np.asarray(transform(picture, geometry()))
    assert (np.asarray(transform(picture, geometry(crop_mode=mode))) != whole).any()
    cropped = transform(picture, geometry(108, crop=True))
    same = transform(picture, geometry(108, crop=True, crop_mode="center"))
    np.testing.assert_array_equal(np.asarray(same), np.asarray(cropped))


def test_unknown_crop_mode():
    with pytest.raises(DataError, match=r"wae_resize"):
        geometry(crop_mode="middle")


def test_arrays_that_need_nothing_are_not_copied():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    assert transform_array(images, geometry(native=(28, 28))) is images


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_cropped_like_pictures(channels):
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, channels), dtype=np.uint8)
    crop = geometry(crop=True, input_height=20, output_height=20)
    np.testing.assert_array_equal(transform_array(images, crop), images[:, 4:24, 4:24])
