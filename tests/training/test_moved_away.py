"""A run directory that is moved away while it is trained in."""

import contextlib

import pytest

from genkeras import atomic
from genkeras.training import experiment, state
from genkeras.training.errors import RunError


@pytest.fixture
def move_behind(monkeypatch, tmp_path):
    """Function that has the run directory moved away when a file in it was written."""

    def arrange(prepared, name):
        replacing, moved = atomic.replacing, tmp_path / "elsewhere"

        @contextlib.contextmanager
        def replacing_and_move(path):
            with replacing(path) as file:
                yield file
            if path.name == name:
                prepared.run_dir.rename(moved)

        monkeypatch.setattr(atomic, "replacing", replacing_and_move)
        monkeypatch.setattr(state, "replacing", replacing_and_move)
        return moved

    return arrange


@pytest.mark.parametrize(
    ("last", "missing"),
    [
        ("step_000000002.png", "samples/step_000000004.png"),
        ("epoch_001.png", "samples/reconstructions_epoch_001.png"),
        ("reconstructions_epoch_001.png", "scores.png"),
        ("scores.png", "best.npz"),
        ("best.npz", "state-000000007.npz"),
        ("state-000000007.npz", "history.csv"),
        ("history.csv", "metrics.json"),
    ],
)
def test_nothing_is_made_anew_where_it_was(prepare, move_behind, last, missing):
    prepared = prepare("run", 1)
    moved = move_behind(prepared, last)
    with pytest.raises(RunError, match="run is not there any more"):
        experiment.train(
            prepared,
            sheet_every=2,
            score=lambda model: {"quality": 1.0},
            score_every=1,
            keep_best=("quality", True),
        )
    assert not prepared.run_dir.exists()
    assert (moved / "config.json").exists()
    assert not (moved / missing).exists()


def test_a_complete_run_draws_nothing_where_it_was(prepare, move_behind):
    experiment.train(prepare("run", 1))
    prepared = prepare("run", 1)
    (prepared.run_dir / "samples/reconstructions_epoch_001.png").unlink()
    moved = move_behind(prepared, "epoch_001.png")
    with pytest.raises(RunError, match="run is not there any more"):
        experiment.train(prepared)
    assert not prepared.run_dir.exists()
    assert not (moved / "samples/reconstructions_epoch_001.png").exists()
