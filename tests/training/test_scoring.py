"""Scores during training, the best state, TensorBoard; the score function is a test's own."""

import logging

import numpy as np
import pytest
from PIL import Image

from genkeras.training import experiment, state
from genkeras.training.callbacks.best_state import find_score
from genkeras.training.callbacks.score_record import ScoreRecord
from genkeras.training.callbacks.state_store import StateStore
from genkeras.training.errors import RunError

# What the scores are after 1, 2, ... epochs: the third is the highest, the second the lowest.
QUALITY = (5.0, 1.0, 9.0, 3.0, 7.0)
STEPS_PER_EPOCH = 3


@pytest.fixture
def prepare_few_steps(prepare):
    """`prepare` with `STEPS_PER_EPOCH`."""

    def make(run_dir, epochs=5):
        prepared = prepare(run_dir, epochs, batch_size=16)
        assert len(prepared.dataset.train.images) // 16 == STEPS_PER_EPOCH
        return prepared

    return make


def _score(model):
    """A function of the model's state alone, as a real score is."""
    epochs = int(model.steps_done.numpy()) // STEPS_PER_EPOCH
    mean = float(model.sample(4, seed=0).mean())
    return {"quality_test30": QUALITY[epochs - 1], "mean_pixel_test30": mean}


class _KilledError(Exception):
    pass


def _train_until_its_state_is_stored(prepared, epoch, monkeypatch, **options):
    """Trains, and dies when the scores of an epoch are there but its state is not."""

    def die(self, current, logs=None):
        if current + 1 == epoch:
            raise _KilledError
        original(self, current, logs)

    original = StateStore.on_epoch_end
    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "on_epoch_end", die)
        with pytest.raises(_KilledError):
            experiment.train(prepared, score=_score, **options)


def test_scores_every_so_many_epochs_and_at_the_last(prepare_few_steps, rows):
    prepared = prepare_few_steps("run")
    summary = experiment.train(prepared, score=_score, score_every=2)
    scored = [row["epoch"] for row in rows(prepared.run_dir) if "quality_test30" in row]
    assert scored == [2, 4, 5]
    assert summary["final_losses"].keys() == {"loss", "reconstruction_loss", "kl_divergence"}
    lines = (prepared.run_dir / "history.csv").read_text().splitlines()
    assert lines[0].endswith(",quality_test30,mean_pixel_test30")
    assert lines[1].endswith(",,")
    assert Image.open(prepared.run_dir / "scores.png").size[0] > 400
    assert not (prepared.run_dir / "best.npz").exists()


def test_scoring_changes_neither_the_model_nor_its_time(prepare_few_steps, digest, monkeypatch):
    plain, scored = prepare_few_steps("plain", epochs=2), prepare_few_steps("scored", epochs=2)
    experiment.train(plain)
    clock = iter(range(10_000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    summary = experiment.train(scored, score=_score, score_every=1)
    assert digest(plain.run_dir) == digest(scored.run_dir)
    # Each step looks at the clock when it begins and when it ends.
    assert summary["train_seconds"] == 2 * STEPS_PER_EPOCH


def test_a_killed_run_goes_on_to_the_same_history_and_best_state(
    prepare_few_steps, digest, rows, monkeypatch
):
    options = {"score_every": 1, "keep_best": ("quality", True)}
    straight, killed = prepare_few_steps("straight"), prepare_few_steps("killed")
    experiment.train(straight, score=_score, **options)
    for epoch in (2, 3, 5):  # The state of the best epoch, 3, is written before its own.
        _train_until_its_state_is_stored(killed, epoch, monkeypatch, **options)
    experiment.train(killed, score=_score, **options)
    assert digest(killed.run_dir) == digest(straight.run_dir)
    assert rows(killed.run_dir) == rows(straight.run_dir)
    best, other = (state.load_best(prepared.run_dir) for prepared in (killed, straight))
    assert state.digest(best[0]) == state.digest(other[0])
    assert best[1]["best"] == {"epoch": 3, "score": "quality_test30", "value": 9.0}


@pytest.mark.parametrize(("higher_is_better", "epoch"), [(True, 3), (False, 2)])
def test_the_best_state_is_that_of_its_epoch(
    prepare_few_steps, digest, caplog, higher_is_better, epoch
):
    prepared = prepare_few_steps("run")
    with caplog.at_level(logging.INFO, logger="genkeras"):
        experiment.train(
            prepared,
            score=_score,
            score_every=1,
            keep_best=("quality_test30", higher_is_better),
            states_kept=9,
        )
    told = [record.getMessage() for record in caplog.records if "best" in record.getMessage()]
    # The first one is always the best so far.
    assert told == [
        "The best quality_test30 so far: 5 after epoch 1",
        f"The best quality_test30 so far: {QUALITY[epoch - 1]:g} after epoch {epoch}",
    ]
    arrays, meta = state.load_best(prepared.run_dir)
    assert meta["best"]["epoch"] == epoch
    assert [row["epoch"] for row in meta["history"]] == list(range(1, epoch + 1))
    of_epoch = prepared.run_dir / f"state-{epoch * STEPS_PER_EPOCH:09d}.npz"
    for other in prepared.run_dir.glob("state-*"):
        if other != of_epoch:
            other.unlink()
    assert state.digest(arrays) == digest(prepared.run_dir)
    config, model = experiment.load(prepared.run_dir, best=True)
    assert config.model == "vae"
    assert state.digest(state.collect(model)) == state.digest(arrays)


def test_a_best_state_that_is_not_there_or_damaged(prepare_few_steps, caplog):
    prepared = prepare_few_steps("run", epochs=1)
    experiment.train(prepared)
    with pytest.raises(RunError, match=r"has no best\.npz: .*--keep_best"):
        experiment.load(prepared.run_dir, best=True)
    path = prepared.run_dir / "best.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(RunError, match=r"best\.npz is damaged"):
        experiment.load(prepared.run_dir, best=True)
    again = prepare_few_steps("run", epochs=2)
    experiment.train(again, score=_score, score_every=1, keep_best=("quality", True))
    assert "best.npz is damaged" in caplog.text
    assert state.load_best(prepared.run_dir)[1]["best"]["epoch"] == 2


@pytest.mark.parametrize("reason", ["another score", "another format", "damaged"])
def test_a_best_state_that_cannot_be_compared_is_moved_aside(prepare, reason, monkeypatch):
    """Its value, 5, is better than what follows."""
    scores = [5.0, 1.0, 2.0]

    def score(model):
        return {"first_score": scores[0], "second_value": scores.pop(0)}

    run_dir = prepare("run", 1, batch_size=32).run_dir
    with monkeypatch.context() as patch:
        if reason == "another format":
            patch.setattr(state, "FORMAT_VERSION", 99)
        # No state stays: the run begins again, and meets its best state of before.
        patch.setattr(state, "save", lambda *_: None)
        experiment.train(
            prepare("run", 1, batch_size=32),
            score=score,
            score_every=1,
            keep_best=("second", True),
        )
    if reason == "damaged":
        (run_dir / "best.npz").write_bytes(b"nonsense")
    before = (run_dir / "best.npz").read_bytes()
    name = "first" if reason == "another score" else "second"
    experiment.train(
        prepare("run", 2, batch_size=32), score=score, score_every=1, keep_best=(name, True)
    )
    assert (run_dir / "best.old-1.npz").read_bytes() == before
    assert state.load_best(run_dir)[1]["best"]["value"] == 2.0
    assert not (run_dir / "best.old-2.npz").exists()


def test_a_complete_run_is_scored_as_it_stands(prepare_few_steps, digest, rows, monkeypatch):
    prepared = prepare_few_steps("run", epochs=2)
    experiment.train(prepared)
    before = digest(prepared.run_dir)
    options = {"score_every": 5, "keep_best": ("quality", True)}
    with monkeypatch.context() as patch:
        patch.setattr("genkeras.training.loop.fit", None)
        experiment.train(prepare_few_steps("run", epochs=2), score=_score, **options)
        assert [row.get("quality_test30") for row in rows(prepared.run_dir)] == [None, QUALITY[1]]
        assert state.load_best(prepared.run_dir)[1]["best"]["epoch"] == 2
        # And not again.
        experiment.train(prepare_few_steps("run", epochs=2), score=None, **options)
        monkeypatch.setattr(ScoreRecord, "on_epoch_end", None)
        experiment.train(prepare_few_steps("run", epochs=2), score=_score, **options)
    assert digest(prepared.run_dir) == before


def test_a_score_that_is_not_a_number_is_never_the_best(prepare_few_steps):
    def score(model):
        nan = int(model.steps_done.numpy()) != 2 * STEPS_PER_EPOCH
        return {"quality": float("nan") if nan else 1.0}

    prepared = prepare_few_steps("run", epochs=3)
    experiment.train(prepared, score=score, score_every=1, keep_best=("quality", True))
    assert state.load_best(prepared.run_dir)[1]["best"]["epoch"] == 2


def test_the_name_of_the_best_score():
    names = ["frechet_classifier_distance_test10k", "classifier_score", "precision_k3_classifier"]
    assert find_score("frechet", names) == names[0]
    assert find_score("score", names) == "classifier_score"
    assert find_score("classifier_score", [*names, "classifier_score_std"]) == "classifier_score"
    with pytest.raises(RunError, match=r"--keep_best=recall means no score .* expected one of fr"):
        find_score("recall", names)
    with pytest.raises(RunError, match="means more than one score"):
        find_score("classifier", names)


def test_losses_and_scores_for_tensorboard(prepare_few_steps, rows):
    from tensorflow.compat.v1.train import summary_iterator

    prepared = prepare_few_steps("run", epochs=2)
    experiment.train(prepared, score=_score, score_every=2, tensorboard=True)
    (path,) = (prepared.run_dir / "tensorboard").iterdir()
    found = {}
    for event in summary_iterator(str(path)):
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            number = np.frombuffer(value.tensor.tensor_content, np.float32)
            found[value.tag, event.step] = float(
                number[0] if number.size else value.tensor.float_val[0]
            )
    rows = rows(prepared.run_dir)
    assert found["score/quality_test30", 2] == QUALITY[1]
    assert ("score/quality_test30", 1) not in found
    for epoch in (1, 2):
        assert found["loss/loss", epoch] == np.float32(rows[epoch - 1]["loss"])
    assert not any("epoch" in tag or "images" in tag for tag, _ in found)
