"""Which files of earlier evaluations are taken for a comparison, and the verdicts."""

import json

import pytest

from genkeras.evaluation import evaluation_table
from genkeras.training.errors import RunError

SCORE = {
    "metric": "frechet",
    "title": "Distance",
    "value": 4.0,
    "higher_is_better": False,
    "std": 0.5,
    "corrected": 3.5,
    "interval": {"low": 3.0, "high": 4.0, "standard_error": 0.25},
    "notes": [],
}


def _result(**changes):
    scores = {"distance": SCORE | changes}
    return {"format_version": 1, "dataset": "squares", "scores": scores, "real": {}}


def _load(tmp_path, content):
    path = tmp_path / "earlier.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return evaluation_table.load(path)


@pytest.mark.parametrize(
    "changes",
    [{}, {"std": None}, {"corrected": None}, {"interval": None}, {"higher_is_better": None}],
)
def test_what_an_evaluation_may_have_written_is_read(tmp_path, changes):
    assert _load(tmp_path, _result(**changes)) == _result(**changes)


def test_a_verdict(tmp_path):
    earlier = _load(tmp_path, _result(corrected=9.0))
    assert (
        evaluation_table.table(_result(), earlier).splitlines()[1].endswith("these two runs differ")
    )
    assert evaluation_table.table(_result(), _result()).endswith("not distinguishable")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ([], "no dataset and scores"),
        ({"format_version": 1, "scores": {}}, "no dataset and scores"),
        (_result() | {"scores": []}, "AttributeError"),
        (_result() | {"format_version": 99}, "has format version 99; this genkeras reads 1"),
        (_result() | {"scores": {"distance": 4.0}}, "TypeError"),
        (_result() | {"scores": {"distance": {"value": 4.0}}}, "KeyError"),
        (_result(value="4"), "TypeError"),
        (_result(value=None), "TypeError"),
        (_result(std="much"), "TypeError"),
        (_result(interval=[3.0, 4.0]), "TypeError"),
        (_result(notes=None), "TypeError"),
        (_result(higher_is_better=None, interval={"low": 3.0}), "KeyError"),
        (_result(value=10**400), "OverflowError"),
    ],
)
def test_another_file_is_refused(tmp_path, content, message):
    with pytest.raises(RunError, match=rf"earlier\.json .*{message}"):
        _load(tmp_path, content)
