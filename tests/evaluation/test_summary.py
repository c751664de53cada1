import numpy as np
import pytest

from genkeras.evaluation import summary


def _score(value, title="Distance", error=0.1, corrected=None, higher_is_better=False):
    centre = value if corrected is None else corrected
    interval = None
    if error is not None:
        margin = 1.96 * error
        interval = {"low": centre - margin, "high": centre + margin, "standard_error": error}
    return {
        "title": title,
        "value": value,
        "higher_is_better": higher_is_better,
        "std": None,
        "corrected": corrected,
        "interval": interval,
        "notes": [],
    }


def _summary(values, **kwargs):
    return summary.over_seeds([{"d": _score(value, **kwargs)} for value in values])


def test_one_seed_keeps_its_interval_and_has_no_spread():
    entry = _summary([5.0])["d"]
    assert entry["mean"] == 5.0
    assert entry["std_over_seeds"] is None
    assert entry["interval"] == pytest.approx([5 - 0.196, 5 + 0.196])


def test_several_seeds_by_hand():
    entry = _summary([4.0, 5.0, 9.0], error=0.3)["d"]
    assert entry["mean"] == 6.0
    assert entry["std_over_seeds"] == pytest.approx(7**0.5)
    assert entry["standard_error"] == pytest.approx(0.3)
    margin = 1.959963984540054 * 0.3
    assert entry["interval"] == pytest.approx([6 - margin, 6 + margin], rel=1e-12)


def test_seeds_share_their_test_pictures():
    """An interval of the mean over seeds holds the truth as often as it says."""
    random, held = np.random.default_rng(0), 0
    for _ in range(400):
        # What a picture is worth to all seeds, and to each.
        values = random.normal(size=64) + 0.3 * random.normal(size=(5, 64))
        errors = values.std(axis=1, ddof=1) / 8.0
        scores = zip(values.mean(axis=1), errors, strict=True)
        runs = [{"d": _score(value, error=error)} for value, error in scores]
        low, high = summary.over_seeds(runs)["d"]["interval"]
        held += low <= 0.0 <= high
    assert held >= 0.92 * 400


def test_an_interval_belongs_to_the_corrected_value():
    entry = summary.over_seeds(
        [{"d": _score(5.0, corrected=4.0)}, {"d": _score(7.0, corrected=6.0)}]
    )
    assert entry["d"]["corrected"] == 5.0
    assert sum(entry["d"]["interval"]) / 2 == pytest.approx(5.0)


def test_only_what_all_runs_have_is_summarised():
    both = [{"d": _score(1.0), "e": _score(2.0)}, {"d": _score(1.0)}]
    assert list(summary.over_seeds(both)) == ["d"]


def test_three_seeds_decide_by_their_spread():
    models = {
        "good": _summary([1.0, 1.1, 0.9]),
        "bad": _summary([5.0, 5.2, 4.9]),
        # Its pictures would say that it differs from `good`, its seeds do not.
        "wild": _summary([9.0, 1.0, 0.5], error=0.01),
    }
    found = {(entry["model"], entry["other"]): entry for entry in summary.verdicts(models)}
    assert found["good", "bad"]["verdict"] == "better"
    assert found["good", "bad"]["basis"] == "training seeds"
    assert found["good", "wild"]["verdict"] == "not distinguishable"
    assert found["bad", "wild"]["verdict"] == "not distinguishable"


def test_fewer_seeds_never_call_a_model_better():
    models = {"a": _summary([1.0, 1.0]), "b": _summary([5.0, 5.0]), "c": _summary([1.1])}
    found = {(entry["model"], entry["other"]): entry for entry in summary.verdicts(models)}
    assert found["a", "b"]["verdict"] == "these two runs differ"
    assert found["a", "b"]["basis"] == "pictures"
    assert found["a", "c"]["verdict"] == "not distinguishable"


def test_without_intervals_or_a_better_side_there_is_no_verdict():
    assert not summary.verdicts({"a": _summary([1.0], error=None), "b": _summary([5.0])})
    sharp = _summary([1.0], higher_is_better=None)
    assert not summary.verdicts({"a": sharp, "b": sharp})


def test_reproductions_are_compared_however_they_were_found():
    models = {
        "gan": summary.over_seeds([{"mse_inversion": _score(1.0, title="MSE")}]),
        "vae": summary.over_seeds([{"mse_encoder": _score(2.0, title="MSE")}]),
    }
    assert [entry["verdict"] for entry in summary.verdicts(models)] == ["these two runs differ"]
