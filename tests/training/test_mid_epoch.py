"""Sheets and states within an epoch, and going on from there."""

import keras
import numpy as np
import pytest

from genkeras.training import experiment, state
from genkeras.training.callbacks.every_steps import EverySteps
from genkeras.training.callbacks.step_drawing import StepDrawing
from genkeras.training.errors import RunError

BATCH_SIZE = 8


class _KilledError(Exception):
    pass


def _train_until(prepared, step, monkeypatch, **options):
    """Trains, and dies at a step."""

    def die(self, current):
        if current == step:
            raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(StepDrawing, "act", die)
        with pytest.raises(_KilledError):
            experiment.train(prepared, sheet_every=1, **options)


def _steps_per_epoch(prepared):
    return len(prepared.dataset.train.images) // BATCH_SIZE


def _sample_sheets(prepared):
    names = {path.name for path in (prepared.run_dir / "samples").iterdir()}
    return {name for name in names if not name.startswith("reconstructions")}


def test_a_run_killed_within_an_epoch_goes_on_to_the_same_bits(
    prepare, digest, rows, monkeypatch, caplog, tmp_path
):
    straight = prepare("straight")
    steps = _steps_per_epoch(straight)
    assert steps >= 5
    experiment.train(straight)

    killed = prepare("killed")
    # In the first epoch, then again in the second, each time a step after a state.
    _train_until(killed, 4, monkeypatch, state_every=3)
    assert [path.name for path in killed.run_dir.glob("state-*")] == ["state-000000003.npz"]
    assert not (killed.run_dir / "history.csv").exists()
    with caplog.at_level("INFO", logger="genkeras"):
        _train_until(prepare("killed"), steps + 3, monkeypatch, state_every=steps + 2)
    assert "Going on after step 3 of epoch 1" in caplog.text
    assert [row["epoch"] for row in rows(killed.run_dir)] == [1]
    with caplog.at_level("INFO", logger="genkeras"):
        summary = experiment.train(prepare("killed"))
    assert "Going on after step 2 of epoch 2" in caplog.text

    assert summary["epochs"] == 3
    assert digest(tmp_path / "killed") == digest(tmp_path / "straight")
    # The mean losses of an epoch are those of all its steps, and so is its time.
    assert rows(tmp_path / "killed") == rows(tmp_path / "straight")
    assert not (tmp_path / "killed/samples/epoch_004.png").exists()


def test_the_seconds_before_the_interruption_count(prepare, monkeypatch):
    prepared = prepare("run", epochs=1)
    _train_until(prepared, 3, monkeypatch, state_every=2)
    arrays, meta = state.load_newest(prepared.run_dir)
    assert meta["in_progress"]["steps"] == 2
    assert meta["in_progress"]["seconds"] > 0
    meta["in_progress"]["seconds"] = 1000.0
    state.save(prepared.run_dir, meta.pop("step"), arrays, meta)
    assert experiment.train(prepare("run", epochs=1))["train_seconds"] > 1000


def test_drawing_and_storing_take_no_training_time(prepare, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    prepared = prepare("run", epochs=1)
    summary = experiment.train(prepared, sheet_every=1, state_every=1)
    # Each step looks at the clock when it begins and when it ends.
    assert summary["train_seconds"] == _steps_per_epoch(prepared)


def test_sheets_every_so_many_steps(prepare):
    prepared = prepare("run", epochs=2)
    steps = _steps_per_epoch(prepared)
    experiment.train(prepared, sheet_every=steps - 1)
    assert _sample_sheets(prepared) == {
        "epoch_001.png",
        "epoch_002.png",
        f"step_{steps - 1:09d}.png",
        f"step_{2 * (steps - 1):09d}.png",
    }


def test_states_kept(prepare, monkeypatch):
    saved, save = [], state.save

    def spy(run_dir, step, *others):
        saved.append(step)
        save(run_dir, step, *others)

    monkeypatch.setattr(state, "save", spy)
    prepared = prepare("run", epochs=2)
    experiment.train(prepared, state_every=1, states_kept=3)
    last = 2 * _steps_per_epoch(prepared)
    # Once each: at the end of an epoch only the state that says that the epoch is done.
    assert saved == list(range(1, last + 1))
    assert sorted(path.name for path in prepared.run_dir.glob("state-*")) == [
        f"state-{step:09d}.npz" for step in (last - 2, last - 1, last)
    ]
    _, meta = state.load_newest(prepared.run_dir)
    assert meta["in_progress"] is None
    assert len(meta["history"]) == 2


def test_a_state_within_the_first_epoch_can_be_loaded_and_drawn(prepare, digest, monkeypatch):
    prepared = prepare("run")
    with pytest.raises(RunError, match=r"There is no trained run in .*run: train it first"):
        experiment.draw(prepared)
    _train_until(prepared, 3, monkeypatch, state_every=2)
    _, model = experiment.load(prepared.run_dir)
    assert model.steps_done.numpy() == 2
    before = digest(prepared.run_dir)
    drawn = experiment.draw(prepared)
    assert drawn.steps_done.numpy() == 2
    assert digest(prepared.run_dir) == before
    assert _sample_sheets(prepared) == {"epoch_001.png"}


def test_fewer_epochs_than_begun_leave_everything_as_it_is(prepare, digest, monkeypatch, caplog):
    straight, stopped = prepare("straight", epochs=2), prepare("stopped", epochs=2)
    steps = _steps_per_epoch(straight)
    experiment.train(straight)
    _train_until(stopped, steps + 3, monkeypatch, state_every=steps + 2)

    def sheets(prepared):
        return {p.name: p.read_bytes() for p in (prepared.run_dir / "samples").iterdir()}

    before, numbers = sheets(stopped), digest(stopped.run_dir)
    with caplog.at_level("INFO", logger="genkeras"):
        assert experiment.train(prepare("stopped", epochs=1))["epochs"] == 1
    assert "stands after step 2 of epoch 2, and --epochs=1 are done. --epochs=2" in caplog.text
    assert sheets(stopped) == before
    assert digest(stopped.run_dir) == numbers
    # What was begun belongs to the run.
    assert experiment.load(stopped.run_dir)[0].epochs == 2
    experiment.train(prepare("stopped", epochs=2))
    assert sheets(stopped) == sheets(straight)
    assert digest(stopped.run_dir) == digest(straight.run_dir)


def test_draw_writes_the_sheets_of_a_complete_run(prepare):
    prepared = prepare("run", epochs=1)
    experiment.train(prepared)
    sheet = prepared.run_dir / "samples/epoch_001.png"
    pixels = sheet.read_bytes()
    sheet.unlink()
    # More epochs are asked for, but nothing is trained.
    experiment.draw(prepare("run", epochs=5))
    assert sheet.read_bytes() == pixels


def test_a_turn_comes_once_though_steps_wait_for_their_group():
    """Keras ends steps one by one; those that wait are not done, so the number stays."""

    class Turns(EverySteps):
        def __init__(self):
            super().__init__(every=3)
            self.seen = []

        def act(self, step):
            self.seen.append(step)

    class Model:
        steps_done = keras.Variable(4, dtype="int64", trainable=False)

    turns = Turns()
    turns.set_model(Model())
    turns.on_train_begin()
    for step in (5, 5, 6, 6, 6, 9, 9, 10, 12):
        Model.steps_done.assign(step)
        turns.on_train_batch_end(0)
    assert turns.seen == [6, 9, 12]


def test_losses_of_an_epoch_are_not_reset_by_the_interruption(prepare, monkeypatch):
    """The stored means have the weight of all steps before, not of one."""
    prepared = prepare("run", epochs=1)
    _train_until(prepared, 4, monkeypatch, state_every=3)
    _, meta = state.load_newest(prepared.run_dir)
    totals, counts = meta["in_progress"]["metrics"][::2], meta["in_progress"]["metrics"][1::2]
    assert counts == [3.0, 3.0, 3.0]
    assert np.isfinite(totals).all()
