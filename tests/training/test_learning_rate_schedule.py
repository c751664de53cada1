"""Schedules act on every optimizer, and go on exactly after a restart."""

import numpy as np
import pytest

from genkeras import registry
from genkeras.models import schedules
from genkeras.training import loop, state
from genkeras.training.callbacks.learning_rate_schedule import LearningRateSchedule

IMAGES = np.random.default_rng(0).random((4, 4, 4, 1)).astype("float32")


def _model(schedule, name="wae_gan", **options):
    rates = {"learning_rate": 1e-3}
    if name == "wae_gan":
        rates["discriminator_learning_rate"] = 5e-4
    model = registry.build(
        name,
        (4, 4, 1),
        width=1,
        latent_dim=2,
        encoder_noise="deterministic",
        learning_rate_schedule=schedule,
        **rates,
        **options,
    )
    model.run_eagerly = True
    return model


def _fit(model, epochs, initial_epoch=0):
    """Trains, and returns the rates in force in each epoch."""
    rates = []

    class Watch(LearningRateSchedule):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            rates.append([float(o.learning_rate) for o in self.model.optimizers.values()])

    model.fit(
        IMAGES,
        batch_size=4,
        shuffle=False,
        verbose=0,
        epochs=epochs,
        initial_epoch=initial_epoch,
        callbacks=[Watch()],
    )
    return rates


def test_the_model_requires_it():
    (callback,) = loop.required_callbacks(_model("none"))
    assert isinstance(callback, LearningRateSchedule)


def test_both_optimizers_follow_and_a_resumed_run_starts_from_the_paper_s_rate():
    rates = _fit(_model("2"), 5)
    factors = [10 ** (-epoch / 2) for epoch in range(5)]
    np.testing.assert_allclose(rates, [[1e-3 * f, 5e-4 * f] for f in factors], rtol=1e-5)
    first, second = _model("2"), _model("2")
    _fit(first, 3)
    state.restore(second, state.collect(first))
    np.testing.assert_allclose(_fit(second, 5, initial_epoch=3), rates[3:], rtol=1e-5)


def test_manual_smooth_knows_the_number_of_epochs():
    rates = _fit(_model("manual_smooth", "wae_mmd"), 4, initial_epoch=2)
    np.testing.assert_allclose(rates, [[1e-3 * 100**-0.75], [1e-5]], rtol=1e-5)


def test_a_plateau_goes_on_exactly_after_a_restart(monkeypatch):
    monkeypatch.setattr(schedules, "FIRST_PLATEAU_EPOCH", 3)
    monkeypatch.setattr(schedules, "PATIENCE_EPOCHS", 4)

    # Without a penalty a batch's loss is that of epoch 0 for ever, as nothing is learnt.
    def model():
        built = _model("plateau", "wae_mmd", wae_lambda=0.0)
        built.learning_rates = {"autoencoder": 0.0}
        return built

    whole = model()
    _fit(whole, 12)
    assert float(whole.plateau.factor.numpy()) == pytest.approx(1 / 1.4**2)
    first, second = model(), model()
    _fit(first, 5)
    assert float(first.plateau.epochs_waited.numpy()) == 2.0
    state.restore(second, state.collect(first))
    _fit(second, 12, initial_epoch=5)
    expected, found = state.collect(whole), state.collect(second)
    assert expected.keys() == found.keys()
    for key, array in expected.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)


def test_plateau_rates_are_applied():
    model = _model("plateau")
    model.plateau.factor.assign(0.25)
    assert _fit(model, 1) == [pytest.approx([2.5e-4, 1.25e-4])]
