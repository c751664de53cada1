"""Losses and weights that are not numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras.training import experiment, state, step_groups
from genkeras.training.callbacks import run_check
from genkeras.training.callbacks.collapse_alarm import CollapseAlarm
from genkeras.training.config import Config
from genkeras.training.divergence import DivergenceWatch
from genkeras.training.errors import RunError


@pytest.fixture
def spoil(monkeypatch):
    """Function that makes the model of every run the object of another function."""
    build_model = Config.build_model

    def arrange(change):
        def spoiled(config):
            model = build_model(config)
            change(model)
            return model

        monkeypatch.setattr(Config, "build_model", spoiled)

    return arrange


def _bad_loss(step, value=float("nan")):
    """Makes the loss of one training step `value`, while the weights stay numbers."""

    def change(model):
        train_step = model.train_step

        def step_with_bad_loss(data):
            losses = train_step(data)
            bad = tf.where(tf.equal(model.steps_done.value, step), value, 0.0)
            model.loss_tracker.update_state(bad)
            return losses | {"loss": model.loss_tracker.result()}

        model.train_step = step_with_bad_loss

    return change


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_step_is_named_and_nothing_after_it_is_stored_or_scored(prepare, digest, spoil, value):
    experiment.train(prepare("run", 1))
    steps = 7
    before = digest(prepare("run").run_dir)
    (prepare("run").run_dir / "metrics.json").unlink()
    spoil(_bad_loss(steps + 3, value))
    scored = []
    for options in ({}, {"score": scored.append, "score_every": 1}):
        prepared = prepare("run", 3)
        assert len(prepared.dataset.train.images) // 8 == steps
        with pytest.raises(RunError, match=r"loss became NaN or infinite in training step 10\."):
            experiment.train(prepared, **options)
        assert digest(prepared.run_dir) == before
        for path in ("metrics.json", "best.npz", "samples/epoch_002.png"):
            assert not (prepared.run_dir / path).exists()
    assert not scored


def test_no_state_within_the_epoch_after_the_bad_step(prepare, spoil):
    spoil(_bad_loss(4))
    prepared = prepare("run")
    with pytest.raises(RunError, match="training step 4"):
        experiment.train(prepared, state_every=1, states_kept=100)
    names = sorted(path.name for path in prepared.run_dir.glob("state-*"))
    assert names == [f"state-{step:09d}.npz" for step in (1, 2, 3)]


def test_the_step_is_named_within_a_group_of_several(prepare, spoil, monkeypatch):
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 1e9)
    spoil(_bad_loss(4))
    prepared = prepare("run")
    # Groups end at steps 1, 2 and 6.
    with pytest.raises(RunError, match=r"training step 4\."):
        experiment.train(prepared, state_every=6)
    assert not state.paths(prepared.run_dir)


def test_it_is_noticed_within_a_long_epoch(prepare, spoil, monkeypatch):
    spoil(_bad_loss(3))
    monkeypatch.setattr(run_check, "SECONDS", -1.0)
    prepared = prepare("run")
    ended = []
    monkeypatch.setattr(run_check.RunCheck, "on_epoch_end", lambda *_: ended.append(1))
    with pytest.raises(RunError, match="training step 3"):
        experiment.train(prepared)
    assert not ended


def test_a_weight_that_is_not_a_number_while_the_losses_are(prepare, spoil):
    def change(model):
        train_step = model.train_step

        def step(data):
            losses = train_step(data)
            # In the last step of the epoch: no loss will ever show it.
            weight = model.trainable_variables[0]
            spoiled = tf.where(tf.equal(model.steps_done.value, 7), float("nan"), 1.0)
            weight.assign(weight.value * spoiled)
            return losses

        model.train_step = step

    spoil(change)
    prepared = prepare("run")
    with pytest.raises(RunError, match=r"kernel has NaN or infinite values in training step 7"):
        experiment.train(prepared, score=lambda model: {"a": 1.0}, score_every=1)
    assert state.load_newest(prepared.run_dir) is None


@pytest.mark.parametrize("compiled", [False, True])
def test_the_first_bad_step_is_kept(compiled):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.steps_done = self.add_weight(dtype="int64", initializer="zeros", trainable=False)

        def train_step(self, data):
            self.steps_done.assign_add(1)
            return {"good": tf.constant(1.0), "bad": data}

    model = Model()
    watch = DivergenceWatch(model)
    step = tf.function(model.train_step, jit_compile=True) if compiled else model.train_step
    for value in (1.0, 2.0):
        step(tf.constant(value))
        watch.check_losses()
    for value in (np.inf, 0.0, np.nan):
        step(tf.constant(value, tf.float32))
    with pytest.raises(RunError, match=r"a loss became NaN or infinite in training step 3\."):
        watch.check_losses()


def test_gradients_that_are_never_finite_while_losses_and_weights_are():
    class Model(keras.Model):
        optimizers = None

        def __init__(self):
            super().__init__()
            self.steps_done = self.add_weight(dtype="int64", initializer="zeros", trainable=False)
            self.weight = self.add_weight(shape=(2,))

    model = Model()
    watch = DivergenceWatch(model)
    plain = keras.optimizers.SGD()
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=8.0)
    for optimizer in (plain, scaled):
        optimizer.build([model.weight])
    model.optimizers = {"encoder": plain, "decoder": scaled}
    for gradient in (np.nan, 1.0, np.inf):
        scaled.apply([tf.constant([gradient, 1.0])], [model.weight])
        watch.check()
    scaled.apply([tf.constant([np.nan, 1.0])], [model.weight])
    with pytest.raises(RunError, match="decoder optimizer are too large for float16"):
        watch.check()


class _Constant:
    """Samples that differ from each other by one grey value at most, or are all there is."""

    value_range = (0.0, 1.0)

    def __init__(self, spread):
        self.spread = spread

    def sample(self, num_images, seed):
        random = np.random.default_rng(seed)
        return 0.5 + self.spread * random.uniform(-0.5, 0.5, (num_images, 8, 8, 1))


def test_the_alarm_of_collapse_sounds_once(draw_images, caplog):
    alarm = CollapseAlarm(draw_images(100, (8, 8, 1)))
    for spread in (1.0, 0.05):  # Little, but more than rounding leaves of nothing.
        alarm.set_model(_Constant(spread))
        alarm.on_epoch_end(0)
    assert not caplog.records
    alarm.set_model(_Constant(2 / 255))
    alarm.on_epoch_end(1)
    alarm.on_epoch_end(2)
    (record,) = caplog.records
    assert "After epoch 2 the samples are nearly identical" in record.getMessage()


def test_the_alarm_knows_what_variance_the_data_has(caplog):
    """Pictures that hardly differ may be learnt without alarm."""
    images = np.random.default_rng(0).integers(126, 130, (100, 8, 8, 1)).astype(np.uint8)
    alarm = CollapseAlarm(images)
    alarm.set_model(_Constant(3 / 255))
    alarm.on_epoch_end(0)
    assert not caplog.records
