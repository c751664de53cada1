import io

import numpy as np
import pytest
from PIL import Image

from genkeras.visualization.curves import curve_panels, curves


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, to look at their lines."""
    from matplotlib.figure import Figure

    made = []

    class Spy(Figure):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr("matplotlib.figure.Figure", Spy)
    return made


def _lines(axes):
    return [line for line in axes.get_lines() if len(line.get_xdata())]


def test_each_name_has_its_curve_and_its_place_in_the_legend(figures):
    series = {"gan": ([1, 2, 3], [4.0, 3.0, 2.5]), "vae": (np.array([1, 3]), np.array([2.0, 1.0]))}
    png = curves(series, "epoch", "score")
    assert Image.open(io.BytesIO(png)).format == "PNG"
    (axes,) = figures[0].axes
    for line, (x, y) in zip(_lines(axes), series.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), x)
        np.testing.assert_array_equal(line.get_ydata(), y)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "score", "linear")
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["gan", "vae"]


def test_seeds_are_faint_and_their_mean_strong_as_far_as_all_go(figures):
    seeds = [([10.0, 20.0, 30.0], [1.0, 2.0, 9.0]), ([12.0, 24.0], [3.0, 6.0])]
    curves({"gan": seeds}, "seconds", "score", log_y=True)
    first, second, mean = _lines(figures[0].axes[0])
    assert first.get_alpha() == second.get_alpha() < 0.5
    assert mean.get_alpha() is None
    assert first.get_color() == mean.get_color()
    np.testing.assert_array_equal(first.get_ydata(), [1, 2, 9])
    np.testing.assert_array_equal(mean.get_xdata(), [11, 22])
    np.testing.assert_array_equal(mean.get_ydata(), [2, 4])
    assert figures[0].axes[0].get_yscale() == "log"
    assert not figures[0].legends  # One name needs none.


def test_one_seed_in_a_list_is_one_line(figures):
    curves({"gan": [([1], [2.0])]}, "epoch", "score")
    (line,) = _lines(figures[0].axes[0])
    assert line.get_marker() == "o"  # A single point would not be seen without.


def test_panels_share_the_horizontal_axis_and_colours(figures):
    panels = {
        "score": {"gan": ([1, 2], [1.0, 2.0]), "vae": ([1, 2], [3.0, 4.0])},
        "distance": {"vae": ([1, 2], [50.0, 40.0])},
    }
    curve_panels(panels, "epoch")
    top, bottom = figures[0].axes
    assert (top.get_xlabel(), bottom.get_xlabel()) == ("", "epoch")
    assert _lines(top)[1].get_color() == _lines(bottom)[0].get_color()
    assert [axes.get_title(loc="left") for axes in (top, bottom)] == ["score", "distance"]


def test_more_names_than_colours_can_still_be_told_apart(figures):
    curves({str(index): ([1, 2], [index, index]) for index in range(12)}, "epoch", "score")
    looks = {(line.get_color(), line.get_linestyle()) for line in _lines(figures[0].axes[0])}
    assert len(looks) == 12


def test_values_that_are_not_numbers_are_gaps():
    assert curves({"gan": ([1, 2, 3], [1.0, float("nan"), 2.0])}, "epoch", "score")
    assert curves({"gan": [([], []), ([], [])]}, "epoch", "score")
