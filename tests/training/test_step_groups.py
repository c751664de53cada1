import keras
import pytest

from genkeras.training import experiment, step_groups
from genkeras.training.callbacks.epoch_record import EpochRecord

# Of 64 pictures some are kept for tests; the rest fills seven batches of eight.
STEPS = 7


class _Models(keras.callbacks.Callback):
    """Notes the models that are trained."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(self.model)


def _places(prepared, **options):
    """Trains; returns how many steps were done whenever Keras said that a step has ended."""
    seen = []

    def note(self, batch, logs=None):
        seen.append(int(self.model.steps_done.numpy()))
        original(self, batch, logs)

    original = EpochRecord.on_train_batch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EpochRecord, "on_train_batch_end", note)
        experiment.train(prepared, **options)
    return seen


@pytest.fixture
def endless_groups(monkeypatch):
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 1e9)


@pytest.mark.usefixtures("endless_groups")
def test_a_group_ends_with_the_epoch(prepare):
    # The first step is traced and the second one timed: groups begin behind them.
    assert _places(prepare("run", epochs=2)) == [1, *[2] * 5, 7, *[7] * 6, 14]


@pytest.mark.usefixtures("endless_groups")
def test_a_group_ends_where_a_state_is_stored(prepare):
    seen = _places(prepare("run", epochs=2), state_every=5)
    assert seen == [1, 2, 2, 2, 5, 5, 7, 7, 7, 10, 10, 10, 10, 14]


def test_a_group_takes_no_longer_than_its_time(prepare, monkeypatch):
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 3.5)
    # Every look at the clock is a second after the last: any group takes one second.
    clock = iter(range(1000))
    monkeypatch.setattr(step_groups, "monotonic", lambda: float(next(clock)))
    # One step per second makes groups of three; two steps in the last second of an
    # epoch make groups of seven.
    assert _places(prepare("run", epochs=2)) == [1, 2, 2, 2, 5, 5, 7, *[7] * 6, 14]


@pytest.mark.parametrize("model", ["vae", "wgan"])
def test_groups_do_not_change_a_bit(prepare, digest, rows, monkeypatch, model):
    sizes = {"batch_size": 8} if model == "vae" else {"batch_size": 2, "discriminator_steps": 4}
    with monkeypatch.context() as patch:
        patch.setattr(step_groups, "SECONDS_PER_GROUP", 0.0)
        single = prepare("single", model=model, epochs=2, **sizes)
        assert _places(single) == list(range(1, 2 * STEPS + 1))
    grouped = prepare("grouped", model=model, epochs=2, **sizes)
    monkeypatch.setattr(step_groups, "SECONDS_PER_GROUP", 1e9)
    assert len(set(_places(grouped))) < STEPS
    assert digest(grouped.run_dir) == digest(single.run_dir)
    assert rows(grouped.run_dir) == rows(single.run_dir)


class _WarmUp(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.autoencoder_optimizer.learning_rate = 1e-4 * (1 + batch)


class _OldStyle(keras.callbacks.Callback):
    def on_batch_end(self, batch, logs=None):
        pass


@pytest.mark.usefixtures("endless_groups")
@pytest.mark.parametrize(
    "callback",
    [_WarmUp(), _OldStyle(), keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: 0)],
    ids=lambda callback: type(callback).__name__,
)
def test_somebody_else_s_callback_finds_every_step_done(prepare, callback):
    seen = _places(prepare("run", epochs=1), extra_callbacks=[callback])
    assert seen == list(range(1, STEPS + 1))


@pytest.mark.usefixtures("endless_groups")
def test_a_callback_that_does_nothing_in_steps_leaves_them_in_groups(prepare):
    stop = keras.callbacks.EarlyStopping(monitor="loss")
    assert _places(prepare("run", epochs=1), extra_callbacks=[stop]) == [1, *[2] * 5, 7]


def test_keras_trains_the_model_as_ever_afterwards(prepare):
    models = _Models()
    experiment.train(prepare("run", epochs=1), extra_callbacks=[models])
    (model,) = models.seen
    assert "make_train_function" not in vars(model)
    assert model.train_function is None
