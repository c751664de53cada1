"""Callbacks that stop the training by `stop_training`."""

import keras
import pytest
import tensorflow as tf

from genkeras.training import experiment, state
from genkeras.training.distribution import Distribution

STEPS = 7


class _Stop(keras.callbacks.Callback):
    """Stops at the end of a step or of an epoch; notes how it was called."""

    def __init__(self, step=None, epoch=None):
        super().__init__()
        self.step, self.epoch, self.calls = step, epoch, []

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.steps_done.numpy()) == self.step:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(epoch)
        if epoch == self.epoch:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.calls.append("end")


@pytest.fixture(params=["one device", "distribution"])
def distribution(request):
    if request.param == "distribution":
        return Distribution(tf.distribute.OneDeviceStrategy("/cpu:0"))
    return None


def _score(model):
    return {"mean": float(model.sample(2, seed=0).mean())}


def _names(prepared):
    names = (path.relative_to(prepared.run_dir) for path in prepared.run_dir.rglob("*.*"))
    return {str(name) for name in names if name.name != ".lock"}


def test_within_an_epoch(prepare, digest, rows, distribution):
    options = {"score": _score, "score_every": 1, "distribution": distribution}
    straight, stopped = prepare("straight", 2), prepare("stopped", 2)
    experiment.train(straight, **options)

    stop = _Stop(step=4)
    summary = experiment.train(stopped, extra_callbacks=[stop], **options)
    # No epoch that counts, is drawn or scored.
    assert summary["epochs"] == 0
    assert stop.calls == ["end"]
    assert rows(stopped.run_dir) == []
    assert _names(stopped) == {
        "config.json",
        "history.csv",
        "metrics.json",
        "state-000000004.npz",
    }
    assert state.load_newest(stopped.run_dir)[1]["in_progress"]["steps"] == 4

    again = _Stop(step=STEPS + 3)
    summary = experiment.train(prepare("stopped", 2), extra_callbacks=[again], **options)
    assert summary["epochs"] == 1
    assert again.calls[0] == 0
    assert again.calls[-1] == "end"
    experiment.train(prepare("stopped", 2), **options)
    assert digest(stopped.run_dir) == digest(straight.run_dir)
    assert rows(stopped.run_dir) == rows(straight.run_dir)


@pytest.mark.parametrize("where", [{"epoch": 0}, {"step": STEPS}], ids=["epoch", "last step"])
def test_at_the_end_of_an_epoch(prepare, rows, where, distribution):
    prepared = prepare("run", 3)
    stop = _Stop(**where)
    summary = experiment.train(prepared, extra_callbacks=[stop], distribution=distribution)
    assert summary["epochs"] == 1
    assert stop.calls == [0, "end"]
    assert [path.name for path in state.paths(prepared.run_dir)] == ["state-000000007.npz"]
    assert state.load_newest(prepared.run_dir)[1]["in_progress"] is None
    assert (prepared.run_dir / "samples/epoch_001.png").exists()


def test_at_the_end_of_an_epoch_that_was_gone_on_with(prepare, rows):
    experiment.train(prepare("run", 3), extra_callbacks=[_Stop(step=4)])
    stop = _Stop(epoch=0)
    assert experiment.train(prepare("run", 3), extra_callbacks=[stop])["epochs"] == 1
    assert stop.calls == [0, "end"]
    # It is the callback of that training: the next one goes on.
    assert experiment.train(prepare("run", 3))["epochs"] == 3
