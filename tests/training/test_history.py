import csv
import io

import pytest

from genkeras.training.errors import RunError
from genkeras.training.history import History


def _history():
    history = History()
    for epoch, scores in enumerate([{}, {"b": 2.0}, {"b": 3.0, "a": 1.0}], 1):
        history.append(0.5 * epoch, 10, {"loss": 1.0 / epoch, "penalty": 0.0})
        if scores:
            history.add_scores(scores)
    return history


def test_scores_are_columns_behind_the_losses_and_empty_where_there_are_none():
    rows = list(csv.reader(io.StringIO(_history().to_csv())))
    assert rows[0] == ["epoch", "seconds", "images", "loss", "penalty", "b", "a"]
    assert [row[5:] for row in rows[1:]] == [["", ""], ["2.0", ""], ["3.0", "1.0"]]
    assert list(csv.reader(io.StringIO(History().to_csv()))) == [["epoch", "seconds", "images"]]


def test_losses_and_scores_are_kept_apart():
    history = _history()
    assert history.last_losses() == {"loss": 1.0 / 3, "penalty": 0.0}
    assert history.last_scores() == {"b": 3.0, "a": 1.0}
    history.append(1.0, 10, {"loss": 0.0, "penalty": 0.0})
    assert history.last_scores() == {}
    assert (History().last_losses(), History().last_scores()) == ({}, {})


def test_a_score_with_the_name_of_a_loss_is_refused_before_anything_is_added():
    history = _history()
    history.append(1.0, 10, {"loss": 0.0})
    with pytest.raises(ValueError, match="epoch 4 has loss already"):
        history.add_scores({"c": 1.0, "loss": 2.0})
    assert history.last_scores() == {}


def test_curve_of_a_score_and_of_a_loss():
    history = _history()
    # Seconds until the end of epochs 2 and 3: 0.5 + 1.0 and 1.5 more.
    assert history.curve("b") == ([2, 3], [1.5, 3.0], [2.0, 3.0])
    assert history.curve("loss")[0] == [1, 2, 3]
    assert history.curve("no_such_column") == ([], [], [])


def test_what_is_stored_gives_the_same_history_back():
    history = _history()
    again = History.from_meta(history.to_meta({"steps": 3}))
    assert again.rows == history.rows
    assert again.in_progress == {"steps": 3}
    assert again.last_scores() == history.last_scores()
    # Stored before there were scores.
    assert History.from_meta({"history": history.rows}).last_losses().keys() >= {"loss", "a"}


@pytest.mark.parametrize("meta", [{}, {"history": 5}, {"history": ["row"]}])
def test_a_state_without_a_history_is_told(meta):
    with pytest.raises(RunError, match="no history of a run"):
        History.from_meta(meta)
