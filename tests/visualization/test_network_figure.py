import io

import numpy as np
import pytest
from PIL import Image

from genkeras.visualization.network_figure import Box, Column, draw_networks

SHORT = Column("decoder", [Box(("Input",), "2", 0), Box(("Dense", "ReLU"), "784", 2352)], "2,352")
LONG = Column("encoder", [Box(("Conv2D",), "7×7×8", 80)] * 9, "720")


def _draw(*columns, value_function="min  E[c]"):
    png = draw_networks("Model", value_function, "Somebody, 2020", list(columns))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_grows_with_layers_and_networks():
    one, longer, wider = _draw(SHORT), _draw(LONG), _draw(SHORT, SHORT, SHORT)
    assert longer.shape[0] > one.shape[0] + 300
    assert wider.shape[1] > one.shape[1]
    assert _draw(SHORT, LONG).shape[0] == longer.shape[0]


def test_players_of_a_value_function_stand_on_lines_of_their_own():
    one, two = _draw(SHORT), _draw(SHORT, value_function="max_D  V;  max_G  W")
    assert two.shape[0] - one.shape[0] == pytest.approx(0.26 * 110, abs=2)
    long = _draw(SHORT, value_function=" + ".join(["E[log D(x)]"] * 12))
    assert long.shape[0] > one.shape[0]


def test_nothing_touches_the_edge():
    picture = _draw(SHORT, LONG)
    for edge in (picture[:5], picture[-5:], picture[:, :5], picture[:, -5:]):
        assert (edge == 255).all()


def test_kinds_of_layers_have_colours():
    picture = _draw(LONG, SHORT).reshape(-1, 3)
    for colour in ("d5edd2", "cfe3f5", "e8e8e8"):
        wanted = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)])
        assert np.count_nonzero((picture == wanted).all(axis=1)) > 1000
