"""What a comparison keeps of its processes, and when it is made anew."""

import dataclasses
import threading
import types

import numpy as np
import pytest

from genkeras.evaluation import compare
from genkeras.evaluation.outcome import Outcome
from genkeras.training import lock
from genkeras.training.errors import RunError

COMPARISON = compare.Comparison(("vae",), "mnist", {}, {}, {})


@pytest.fixture
def path(tmp_path):
    outcome = Outcome({"key": "k"}, {"samples": np.zeros((2, 3, 3, 1), np.uint8)})
    outcome.save(tmp_path / "outcomes/real.npz")
    return tmp_path / "outcomes/real.npz"


def test_any_bit_of_an_outcome_s_directory_may_be_wrong(path):
    """Such as the one that claims a password."""
    whole = path.read_bytes()
    for position in range(whole.rindex(b"PK\x01\x02"), len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            outcome = Outcome.load(path)
            assert outcome is None or outcome.facts == {"key": "k"}


@pytest.mark.parametrize("facts", [{}, [], {"key": None}, None, "key"])
def test_an_outcome_without_its_key(path, facts, caplog):
    Outcome(facts, {}).save(path)
    assert Outcome.load(path) is None
    assert "it is made anew" in caplog.text


def test_an_outcome_is_kept_for_the_same_data_only(tmp_path, monkeypatch):
    calls = []

    def work(function, comparison, output_dir):
        calls.append(comparison)
        return Outcome({"number": len(calls)}, {})

    monkeypatch.setattr(compare, "in_own_process", work)

    def number(fingerprint, comparison=COMPARISON):
        outcome = compare._outcome(tmp_path, fingerprint, "real", None, comparison)
        return outcome.facts["number"]

    assert [number("a"), number("a"), number("b"), number("b")] == [1, 1, 2, 2]
    assert number("b", dataclasses.replace(COMPARISON, dataset="celeba")) == 3


def test_the_content_of_a_file_of_features_counts_and_not_its_name(tmp_path, monkeypatch):
    dataset = types.SimpleNamespace(facts={"fingerprint": "pixels"})
    monkeypatch.setattr("genkeras.data.registry.load", lambda name, options: dataset)

    def fingerprint(**protocol):
        return compare._fingerprint(dataclasses.replace(COMPARISON, protocol=protocol))

    path = tmp_path / "network.npz"
    for name in ("features", "inception_graph"):
        path.write_bytes(b"one")
        first = fingerprint(**{name: str(path)})
        assert fingerprint(**{name: str(path)}) == first
        path.write_bytes(b"two")
        assert fingerprint(**{name: str(path)}) != first
    # A file that is missing is told of by who needs it.
    assert fingerprint() == fingerprint(features="classifier") == "pixels"
    assert fingerprint(features="missing.npz") == "pixels"


def test_a_run_directory_that_another_process_is_about_to_leave(tmp_path):
    compare._wait_until_free(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    held = lock.RunLock(tmp_path)
    held.__enter__()
    compare._wait_until_free(tmp_path, seconds=0)  # Not for ever.
    threading.Timer(0.5, held.__exit__, (None, None, None)).start()
    with pytest.raises(RunError, match="is training in"), lock.RunLock(tmp_path):
        pass
    compare._wait_until_free(tmp_path)
    with lock.RunLock(tmp_path):
        pass


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path):
    report = tmp_path / "mine" / "report.md"
    report.parent.mkdir()
    report.write_text("my own")
    with pytest.raises(RunError, match="holds things that are not of a comparison"):
        compare.compare(COMPARISON, report.parent)
    assert report.read_text() == "my own"
    assert [path.name for path in report.parent.iterdir()] == ["report.md"]
    with pytest.raises(RunError, match=r"report\.md is a file"):
        compare.compare(COMPARISON, report)
