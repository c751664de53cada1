"""Flags of `apps.describe` that make no sense."""

import pytest

from apps import describe


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--width=100000000"], 1, "width=100000000 is too large: at most 65,536"),
        (["--options=discriminator_steps=1e9"], 1, "expected a whole number"),
        (["--image_shape=²,28,1"], 2, "expected height, width and channels"),
        (["--image_shape=28,28,x"], 2, "expected height, width and channels"),
        (["--num_classes=100000000000"], 2, "num_classes"),
    ],
)
def test_mistakes_are_told(words, status, message, capsys):
    assert describe.main(["--model=nsgan", *words]) == status
    text = capsys.readouterr().err
    assert message in text
    assert "Traceback" not in text
