"""Killed programs.

All models and many kills: with `GENKERAS_TORTURE=1`, or by `python -m tests.torture.torture`.
"""

import os

import pytest

from tests.torture.torture import PROGRAMS, torture


def test_a_killed_program_ends_with_the_bits_of_one_that_was_not(tmp_path):
    """The short form: one model, killed within a step, a save and an export."""
    words = ["--epochs=2", "--batch_size=500"]
    points = ("step", "save", "export")
    kills, differences = torture("vae", tmp_path, kills=3, words=words, points=points)
    assert [kill["where"] for kill in kills] == list(points)
    assert all(kill["steps"] > 0 for kill in kills)
    assert differences == {}


@pytest.mark.skipif(not os.environ.get("GENKERAS_TORTURE"), reason="GENKERAS_TORTURE is not set")
@pytest.mark.parametrize("model", PROGRAMS)
def test_every_model_under_many_kills(tmp_path, model):
    kills, differences = torture(model, tmp_path, kills=6)
    assert len(kills) == 6
    assert differences == {}
