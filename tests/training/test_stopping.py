"""Training that is stopped by a signal, by the clock, by another process; `--fresh`."""

import datetime
import itertools
import json
import os
import signal

import pytest

from genkeras import atomic
from genkeras.training import experiment, state, step_groups
from genkeras.training.callbacks.epoch_record import EpochRecord
from genkeras.training.callbacks.step_drawing import StepDrawing
from genkeras.training.config import Request
from genkeras.training.errors import RunError
from genkeras.training.interruption import Interrupted
from genkeras.training.lock import RunLock
from genkeras.training.sheets.samples import SampleSheet


def _states(run_dir):
    return sorted(int(path.stem.split("-")[1]) for path in run_dir.glob("state-*.npz"))


@pytest.fixture
def signal_at(monkeypatch):
    """Function that sends this process a signal in a training step; wants `sheet_every=1`."""

    def arrange(step, number):
        def send(self, current):
            if current == step:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(StepDrawing, "act", send)

    return arrange


def test_a_signal_stores_the_step_and_the_run_goes_on_to_the_same_bits(
    prepare, digest, rows, signal_at
):
    straight, stopped = prepare("straight", 2), prepare("stopped", 2)
    experiment.train(straight)
    steps = len(straight.dataset.train.images) // 8
    for step, number in ((3, signal.SIGTERM), (steps + 2, signal.SIGINT)):
        signal_at(step, number)
        with pytest.raises(Interrupted, match=f"training step {step}, .* goes on") as caught:
            experiment.train(prepare("stopped", 2), sheet_every=1)
        assert caught.value.signal_number == number
        assert _states(stopped.run_dir)[-1] == step
        assert not (stopped.run_dir / "metrics.json").exists()
    signal_at(None, None)
    experiment.train(prepare("stopped", 2))
    assert digest(stopped.run_dir) == digest(straight.run_dir)
    assert rows(stopped.run_dir) == rows(straight.run_dir)


def test_a_signal_while_an_epoch_is_drawn_is_heard_when_the_epoch_is_stored(
    prepare, rows, monkeypatch
):
    write = SampleSheet.write

    def write_and_send(self, model, epoch):
        write(self, model, epoch)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(SampleSheet, "write", write_and_send)
    prepared = prepare("run")
    with pytest.raises(Interrupted):
        experiment.train(prepared)
    # Not one step more.
    assert _states(prepared.run_dir) == [len(prepared.dataset.train.images) // 8]
    assert [row["epoch"] for row in rows(prepared.run_dir)] == [1]
    assert (prepared.run_dir / "history.csv").exists()


def test_a_signal_in_the_last_step_of_an_epoch_waits_for_its_end(prepare, rows, signal_at):
    prepared = prepare("run")
    steps = len(prepared.dataset.train.images) // 8
    signal_at(steps, signal.SIGTERM)
    with pytest.raises(Interrupted):
        experiment.train(prepared, sheet_every=1)
    assert _states(prepared.run_dir) == [steps]
    assert [row["epoch"] for row in rows(prepared.run_dir)] == [1]


def test_a_signal_behind_the_last_state_is_heard_when_everything_is_written(prepare, monkeypatch):
    def write_and_send(path, value):
        write(path, value)
        if path.name == "metrics.json":
            os.kill(os.getpid(), signal.SIGTERM)

    write = atomic.write_json
    monkeypatch.setattr(atomic, "write_json", write_and_send)
    prepared = prepare("run", 1)
    with pytest.raises(Interrupted, match="training, which is complete and stored") as caught:
        experiment.train(prepared)
    assert caught.value.signal_number == signal.SIGTERM
    assert (prepared.run_dir / "metrics.json").exists()


def test_a_signal_within_a_group_of_steps_is_heard_at_its_end(prepare, digest, rows, monkeypatch):
    straight, stopped = prepare("straight", 1), prepare("stopped", 1)
    experiment.train(straight)
    looks = itertools.count()

    def clock():
        look = next(looks)
        if look == 4:  # As the third group begins: steps 3 to 5.
            os.kill(os.getpid(), signal.SIGTERM)
        return float(look)

    # Every look is a second after the last, and every group has two.
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 3.5)
    monkeypatch.setattr(step_groups, "monotonic", clock)
    with pytest.raises(Interrupted, match=r"training step 5, .* goes on"):
        experiment.train(stopped)
    assert _states(stopped.run_dir) == [5]
    assert state.load_newest(stopped.run_dir)[1]["in_progress"]["steps"] == 5
    experiment.train(prepare("stopped", 1))
    assert digest(stopped.run_dir) == digest(straight.run_dir)
    assert rows(stopped.run_dir) == rows(straight.run_dir)


def test_a_signal_while_steps_wait_for_their_group_leaves_them_undone(
    prepare, digest, rows, monkeypatch
):
    straight, stopped = prepare("straight", 1), prepare("stopped", 1)
    experiment.train(straight)
    begin = EpochRecord.on_train_batch_begin

    def begin_and_send(self, batch, logs=None):
        begin(self, batch, logs)
        if batch == 3:  # Groups end at steps 1, 2 and 7.
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 1e9)
    with monkeypatch.context() as patch:
        patch.setattr(EpochRecord, "on_train_batch_begin", begin_and_send)
        with pytest.raises(Interrupted, match="training step 2, "):
            experiment.train(stopped)
    assert _states(stopped.run_dir) == [2]
    experiment.train(prepare("stopped", 1))
    assert digest(stopped.run_dir) == digest(straight.run_dir)
    assert rows(stopped.run_dir) == rows(straight.run_dir)


def test_handlers_are_there_only_while_training(prepare):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    experiment.train(prepare("run", 1))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_states_by_the_clock_change_nothing(prepare, digest, rows, monkeypatch):
    """Each look at the clock takes a second; the state is due every 5 seconds."""
    straight, timed = prepare("straight", 2), prepare("timed", 2)
    experiment.train(straight)
    # A state cannot be stored in the middle of a group of steps.
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 0.0)
    clock = iter(range(10**6))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    every = datetime.timedelta(seconds=5)
    experiment.train(timed, state_every=every, states_kept=100)
    steps = len(straight.dataset.train.images) // 8
    within = [step for step in _states(timed.run_dir) if step % steps]
    assert len(within) >= 2
    # There are fewer looks than 5 in a step: no two steps in a row are due.
    assert not {step + 1 for step in within} & set(within)
    assert {steps, 2 * steps} <= set(_states(timed.run_dir))
    assert digest(timed.run_dir) == digest(straight.run_dir)
    assert rows(timed.run_dir) == rows(straight.run_dir)


def test_states_by_the_clock_are_those_of_whole_groups(prepare, digest, rows, monkeypatch):
    straight, timed = prepare("straight", 2), prepare("timed", 2)
    experiment.train(straight)
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 1e9)
    # Always due, also while steps wait.
    experiment.train(timed, state_every=datetime.timedelta(0), states_kept=100)
    assert _states(timed.run_dir) == [1, 2, 7, 14]
    for path in state.paths(timed.run_dir)[2:]:
        path.unlink()
    arrays, meta = state.load_newest(timed.run_dir)
    assert meta["in_progress"]["steps"] == 2
    assert [int(array) for name, array in arrays.items() if "steps_done" in name] == [2]
    experiment.train(prepare("timed", 2))
    assert digest(timed.run_dir) == digest(straight.run_dir)
    assert rows(timed.run_dir) == rows(straight.run_dir)


def test_no_state_within_an_epoch_before_its_time(prepare):
    prepared = prepare("run", 1)
    every = datetime.timedelta(hours=1)
    experiment.train(prepared, state_every=every, states_kept=100)
    assert _states(prepared.run_dir) == [len(prepared.dataset.train.images) // 8]


def test_a_directory_where_another_process_trains_is_refused_but_can_be_read(prepare, digest):
    experiment.train(prepare("run", 1))
    prepared = prepare("run", 2)
    before = sorted(path.name for path in prepared.run_dir.iterdir())
    with RunLock(prepared.run_dir):
        for fresh in (False, True):
            with pytest.raises(RunError, match=f"Process {os.getpid()} on .* is training in"):
                experiment.train(prepare("run", 2, fresh=fresh))
        _, model = experiment.load(prepared.run_dir)
    assert state.digest(state.collect(model)) == digest(prepared.run_dir)
    assert sorted(path.name for path in prepared.run_dir.iterdir()) == before
    assert json.loads((prepared.run_dir / "config.json").read_text())["epochs"] == 1


def test_a_directory_that_is_moved_away_stops_the_training(prepare, monkeypatch, tmp_path):
    prepared = prepare("run")
    steps = len(prepared.dataset.train.images) // 8

    def move(self, step):
        if step == steps + 2:
            prepared.run_dir.rename(tmp_path / "elsewhere")

    monkeypatch.setattr(StepDrawing, "act", move)
    with pytest.raises(RunError, match="run is not there any more"):
        experiment.train(prepared, sheet_every=1)
    # Nothing is written to where it was, and what it holds is good.
    assert not prepared.run_dir.exists()
    assert experiment.history(tmp_path / "elsewhere").epochs == 1


def test_unfinished_files_of_killed_processes_are_removed(prepare):
    prepared = prepare("run", 1)
    (prepared.run_dir / "samples").mkdir(parents=True)
    for name in (".best.npz.0a1b2c3d.tmp", "samples/.epoch_001.png.0a1b2c3d.tmp"):
        (prepared.run_dir / name).write_bytes(b"half")
    prepared.config.save(prepared.run_dir)
    experiment.train(prepare("run", 1))
    assert not list(prepared.run_dir.rglob(".*.tmp"))


def test_a_program_killed_before_it_wrote_its_configuration_can_be_started_again(prepare):
    prepared = prepare("run", 1)
    prepared.run_dir.mkdir()
    (prepared.run_dir / ".lock").write_text("123\n")
    (prepared.run_dir / ".config.json.0a1b2c3d.tmp").write_text("{")
    assert experiment.train(prepare("run", 1))["epochs"] == 1


def test_a_program_killed_behind_its_last_state_leaves_the_rest_to_the_next(prepare):
    prepared = prepare("run", 2)
    experiment.train(prepared)
    text = (prepared.run_dir / "history.csv").read_text()
    (prepared.run_dir / "history.csv").write_text("old")
    (prepared.run_dir / "metrics.json").unlink()
    experiment.train(prepare("run", 2))
    assert (prepared.run_dir / "history.csv").read_text() == text
    assert (prepared.run_dir / "metrics.json").exists()


def test_fresh_moves_the_old_run_aside_and_deletes_nothing(prepare, digest, tmp_path, caplog):
    # With another width: the old configuration does not matter.
    experiment.train(prepare("run", 1, n_hidden=2))
    contents = {
        path.relative_to(tmp_path / "run"): path.read_bytes()
        for path in (tmp_path / "run").rglob("*.*")
    }
    with pytest.raises(RunError, match="n_hidden=4 contradicts"):
        prepare("run", 1)
    prepared = prepare("run", 1, fresh=True)
    assert (tmp_path / "run/config.json").exists()  # Preparing moves nothing.
    with caplog.at_level("INFO", logger="genkeras"):
        experiment.train(prepared)
    assert "is now" in caplog.text
    assert "run.old-1" in caplog.text
    for name, content in contents.items():
        assert (tmp_path / "run.old-1" / name).read_bytes() == content
    first = digest(tmp_path / "run")
    experiment.train(prepare("run", 1, fresh=True))
    assert digest(tmp_path / "run") == digest(tmp_path / "run.old-2") == first
    assert (tmp_path / "run.old-1").exists()


def test_who_began_anew_is_told_to_leave_that_out_to_go_on(prepare, signal_at):
    signal_at(2, signal.SIGTERM)
    with pytest.raises(Interrupted, match="same training command without --fresh goes on"):
        experiment.train(prepare("run", fresh=True), sheet_every=1)


@pytest.mark.parametrize("name", [".", "../run/deeper/.."])
def test_fresh_in_the_directory_where_one_is(prepare, digest, tmp_path, monkeypatch, name):
    experiment.train(prepare("run", 1))
    before = digest(tmp_path / "run")
    (tmp_path / "run/deeper").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    prepared = prepare("other", 1)
    request = Request(
        "vae",
        prepared.config.dataset,
        prepared.config.data,
        {"epochs": 1, **prepared.config.options, "n_hidden": 5},
    )
    experiment.train(experiment.prepare(request, run_dir=name, fresh=True))
    assert digest(tmp_path / "run.old-1") == before
    assert experiment.load(tmp_path / "run")[0].options["n_hidden"] == 5


def test_fresh_where_a_link_leads_stays_on_that_disk(prepare, digest, tmp_path):
    (tmp_path / "disk/big").mkdir(parents=True)
    (tmp_path / "run").symlink_to(tmp_path / "disk/big")
    experiment.train(prepare("run", 1))
    before = digest(tmp_path / "run")
    experiment.train(prepare("run", 1, fresh=True, n_hidden=5))
    assert (tmp_path / "run").is_symlink()
    assert digest(tmp_path / "disk/big.old-1") == before
    assert experiment.load(tmp_path / "disk/big")[0].options["n_hidden"] == 5


def test_fresh_without_an_old_run_is_a_new_run(prepare, tmp_path):
    experiment.train(prepare("run", 1, fresh=True))
    assert not list(tmp_path.glob("run.old*"))


def test_fresh_does_not_move_what_is_not_a_run(prepare, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("dear reader")
    with pytest.raises(RunError, match="is not a run directory"):
        prepare("thesis", fresh=True)
    assert (tmp_path / "thesis/chapter.tex").exists()
