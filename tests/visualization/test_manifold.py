import io

import numpy as np
import pytest
from PIL import Image

from genkeras.visualization import code_scatter, manifold
from genkeras.visualization.scaling import scale


def test_plane_runs_down_in_the_first_coordinate_and_across_in_the_second():
    plane = manifold.latent_plane(2, 3, 1.5).reshape(2, 3, 2)
    np.testing.assert_array_equal(plane[..., 0], [[1.5, 1.5, 1.5], [-1.5, -1.5, -1.5]])
    np.testing.assert_array_equal(plane[..., 1], [[1.5, 0.0, -1.5], [1.5, 0.0, -1.5]])
    assert plane.dtype == np.float32


def test_sheet_has_no_gaps():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    sheet = manifold.manifold_sheet(images, columns=3)
    np.testing.assert_array_equal(sheet[..., 0], [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("channels", [1, 3])
def test_scaling(channels):
    sheet = np.full((10, 20, channels), 7, np.uint8)
    sheet[:, 10:] = 200
    assert scale(sheet, 1.0) is sheet
    twice = scale(sheet, 2.0)
    assert twice.shape == (20, 40, channels)
    assert (twice[:, 0] == 7).all()
    assert (twice[:, -1] == 200).all()
    assert scale(sheet, 0.25).shape == (2, 5, channels)
    assert scale(sheet, 0.001).shape == (1, 1, channels)


def test_reduction_is_antialiased():
    stripes = np.zeros((8, 8, 1), np.uint8)
    stripes[:, ::2] = 255
    assert abs(scale(stripes, 0.25).astype(int) - 128).max() < 20


@pytest.fixture
def codes():
    random = np.random.default_rng(0)
    return random.normal(size=(300, 2)), random.integers(0, 3, 300)


def _figure(tmp_path, *arguments, **options):
    path = tmp_path / "figure.png"
    path.write_bytes(code_scatter.draw_codes(*arguments, **options))
    return np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)


def test_codes_are_coloured_by_class():
    points = np.repeat([[-2.0, 0.0], [2.0, 0.0]], 50, axis=0)
    labels = np.repeat([0, 1], 50)

    def orange(labels, names):
        png = code_scatter.draw_codes(points, 4.0, labels, names)
        # Without the colour bar.
        picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)[:, :700]
        return np.argwhere((picture[..., 0] > 200) & (picture[..., 2] < 120))

    assert len(orange(None, None)) == 0
    # The second class is orange, and lies in the right half.
    places = orange(labels, ("a", "b"))
    assert len(places) > 5
    assert places[:, 1].min() > 390
    assert orange(1 - labels, ("a", "b"))[:, 1].max() < 390


@pytest.mark.parametrize("count", [2, 15, 1000])
def test_any_number_of_classes_can_be_drawn(tmp_path, codes, count):
    names = tuple(f"class {number}" for number in range(count))
    labels = np.arange(300) % count
    assert len(_figure(tmp_path, codes[0], 4.0, labels, names)) > 0


def test_axes_reach_to_the_limit_and_no_farther(tmp_path):
    inside = _figure(tmp_path, np.full((50, 2), 3.9), 4.0)
    outside = _figure(tmp_path, np.full((50, 2), 4.2), 4.0)
    blue = [np.count_nonzero((p[:, 2] > 150) & (p[:, 0] < 120)) for p in (inside, outside)]
    assert blue[0] > 5
    assert blue[1] == 0
