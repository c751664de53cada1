import numpy as np
import pytest

from genkeras.visualization.reproductions import reproduction_figure

# At the left are the names, whose letters have all shades of grey.
RIGHT_MARGIN = 12


def _shades(first, count=3, shape=(28, 30, 1)):
    return np.stack([np.full(shape, first + index, np.uint8) for index in range(count)])


def _boxes(figure, shades):
    """Returns top, left, height and width of the box of each shade."""
    boxes = {}
    for shade in shades:
        rows, columns = np.nonzero((figure == shade).all(axis=-1))
        box = figure[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (box == shade).all()
        boxes[shade] = (rows.min(), columns.min(), *box.shape[:2])
    return boxes


def test_one_row_per_model_below_the_originals():
    models = {"vae": _shades(110), "wgan_gp": _shades(120)}
    figure = reproduction_figure(_shades(100), models)
    # 28 pixels are few: each becomes 2 × 2. Three pictures, 2 pixels between and around them.
    width = 3 * 62 + 2
    names, strips = figure[:, : -width - RIGHT_MARGIN], figure[:, -width - RIGHT_MARGIN :]
    boxes = _boxes(strips, [first + index for first in (100, 110, 120) for index in range(3)])
    assert {box[2:] for box in boxes.values()} == {(56, 60)}
    for index in range(3):
        tops, lefts = zip(*(boxes[first + index][:2] for first in (100, 110, 120)), strict=True)
        assert list(tops) == sorted(set(tops))
        assert set(lefts) == {2 + 62 * index}
    for first in (100, 110, 120):
        top, _, height, _ = boxes[first]
        beside = names[top : top + height]
        assert (beside < 128).any()
        # A name is not cut at the edge or by the pictures.
        assert (beside[:, :6] == 255).all()
        assert (beside[:, -6:] == 255).all()
    assert (figure[:, -RIGHT_MARGIN:] == 255).all()


def test_colour_pictures_keep_their_size_and_colours():
    originals = np.zeros((2, 64, 64, 3), np.uint8)
    originals[1] = (10, 20, 30)
    figure = reproduction_figure(originals, {"dcgan": originals})
    rows, columns = np.nonzero((figure == (10, 20, 30)).all(axis=-1))
    assert len(rows) == 2 * 64 * 64
    assert columns.max() - columns.min() == 63


def test_as_many_pictures_as_wanted():
    def shades_of(figure, count):
        strips = figure[:, -(62 * count + 2) - RIGHT_MARGIN :]
        return np.unique(strips).tolist()

    figure = reproduction_figure(_shades(1, 20), {"gan": _shades(101, 20)}, num_images=4)
    assert shades_of(figure, 4) == [1, 2, 3, 4, 101, 102, 103, 104, 255]
    # Fewer are all there are.
    assert shades_of(reproduction_figure(_shades(101, 2), {}), 2) == [101, 102, 255]


def test_other_pictures_are_refused():
    with pytest.raises(ValueError, match=r"of gan have the shape \(2, 28, 30, 1\); expected"):
        reproduction_figure(_shades(0), {"gan": _shades(0, 2)})
