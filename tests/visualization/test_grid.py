import io

import numpy as np
import pytest
from PIL import Image

from genkeras.visualization import grid


def _numbered(count, shape=(2, 3, 1)):
    return np.stack([np.full(shape, index + 1, np.uint8) for index in range(count)])


def test_pictures_stand_row_by_row_on_white():
    sheet = grid.make_grid(_numbered(5), columns=3, padding=1)
    assert sheet.shape == (2 * 3 + 1, 3 * 4 + 1, 1)
    for index in range(5):
        top, left = 1 + index // 3 * 3, 1 + index % 3 * 4
        assert (sheet[top : top + 2, left : left + 3] == index + 1).all()
        sheet[top : top + 2, left : left + 3] = 255
    assert (sheet == 255).all()  # padding, and the place that stays empty


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (5, 3), (64, 8), (65, 9)])
def test_square_by_default(count, columns):
    rows = -(-count // columns)
    assert grid.make_grid(_numbered(count), padding=0).shape == (2 * rows, 3 * columns, 1)


def test_interleave_puts_each_reproduction_to_the_right():
    originals, reproductions = _numbered(3), _numbered(3) + 100
    pairs = grid.interleave(originals, reproductions)
    assert [int(image[0, 0, 0]) for image in pairs] == [1, 101, 2, 102, 3, 103]


@pytest.mark.parametrize("channels", [1, 3])
def test_png_holds_the_pixels(channels):
    image = np.random.default_rng(0).integers(0, 256, (4, 5, channels), np.uint8)
    read = np.asarray(Image.open(io.BytesIO(grid.to_png(image))))
    np.testing.assert_array_equal(read.reshape(image.shape), image)


def test_side_by_side_takes_grey_and_colour():
    sheets = {"a": _numbered(16), "b": _numbered(25, (2, 3, 3))}
    figure = grid.side_by_side(sheets, scale=1)
    widths = [4 * 5 + 2, 5 * 5 + 2]
    assert figure.shape == (32 + 5 * 4 + 2 + 12, sum(widths) + 3 * 12, 3)
    assert (figure[32 + 2, 12 + 2] == 1).all()
    assert (figure[32 + 2, 12 + widths[0] + 12 + 2] == 1).all()


def test_side_by_side_begins_new_rows_and_makes_room_for_names():
    sheets = dict.fromkeys(["a", "b", "c"], _numbered(4))
    figure = grid.side_by_side(sheets, scale=4, columns=2, sheets_per_row=2)
    side = 4 * (2 * 5 + 2), 4 * (2 * 4 + 2)
    assert figure.shape == (2 * (32 + side[1]) + 12, 2 * (side[0] + 12) + 12, 3)
    # The third stands below the first.
    first = figure[32 : 32 + side[1], 12 : 12 + side[0]]
    np.testing.assert_array_equal(figure[64 + side[1] : 64 + 2 * side[1], 12 : 12 + side[0]], first)
    long_name = grid.side_by_side({"a name longer than its sheet": _numbered(1)}, scale=1)
    assert long_name.shape[1] > 200
