"""WeightClipping holds after every critic update, takes effect late, and leaves no trace."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models.wgan import WGAN
from genkeras.training import loop
from genkeras.training.callbacks.weight_clipping import WeightClipping

SHAPE = (4, 4, 1)
STEPS, CRITIC_STEPS = 2, 2
CLIP = 0.01


class Recording(WGAN):
    """Records max|w| of the critic inside the training step, after each critic update."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.maxima = tf.Variable(tf.zeros(100))
        self.updates = tf.Variable(0)

    def _discriminator_step(self, *args):
        loss = super()._discriminator_step(*args)
        weights = [variable.value for variable in self.discriminator.trainable_variables]
        largest = tf.reduce_max([tf.reduce_max(tf.abs(weight)) for weight in weights])
        here = tf.one_hot(self.updates, 100)
        self.maxima.assign_add(here * largest)
        self.updates.assign_add(1)
        return loss


def recording_model(**compile_options):
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(16, "tanh")])
    generator.add(keras.layers.Reshape(SHAPE))
    critic = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)])
    critic.add(keras.layers.BatchNormalization())
    critic.add(keras.layers.Dense(1))
    model = Recording(generator, critic, discriminator_steps=CRITIC_STEPS)
    model.compile(
        # Its step is the rate in every direction: a single one leaves the box.
        keras.optimizers.Lion(0.05),
        keras.optimizers.Lion(0.05),
        **compile_options,
    )
    return model


def batches():
    images = np.random.default_rng(0).uniform(-1, 1, (STEPS * 4, *SHAPE)).astype("float32")
    return tf.data.Dataset.from_tensor_slices(images).batch(4, drop_remainder=True)


def fit(model, *callbacks):
    """Trains for an epoch and returns max|w| after each critic update."""
    model.maxima.assign(tf.zeros(100))
    model.updates.assign(0)
    model.fit(batches(), verbose=0, callbacks=list(callbacks))
    count = int(model.updates.numpy())
    assert count == STEPS * CRITIC_STEPS
    return model.maxima.numpy()[:count]


def test_plain_then_clipped_then_plain():
    model = recording_model(jit_compile=False)
    assert np.all(fit(model) > 2 * CLIP)
    # Exactly at the bound: it is the largest float32 not above it.
    np.testing.assert_array_equal(fit(model, WeightClipping(CLIP)), np.float32(CLIP))
    assert np.all(fit(model) > 2 * CLIP)
    assert all(v.constraint is None for v in model.discriminator.trainable_variables)


def test_plain_then_clipped_under_xla():
    model = recording_model(jit_compile=True)
    assert np.all(fit(model) > 2 * CLIP)
    np.testing.assert_array_equal(fit(model, WeightClipping(CLIP)), np.float32(CLIP))


def test_everything_trainable_is_clipped_and_nothing_else():
    model = recording_model(run_eagerly=True)
    before = model.generator.get_weights()
    fit(model, WeightClipping(CLIP))
    names = set()
    for variable in model.discriminator.trainable_variables:
        names.add(variable.name)
        assert np.abs(variable.numpy()).max() <= np.float32(CLIP)
    assert names == {"kernel", "bias", "gamma", "beta"}
    _, variance = model.discriminator.non_trainable_variables
    assert variance.numpy().max() > CLIP
    after = model.generator.get_weights()
    assert max(np.abs(new - old).max() for new, old in zip(after, before, strict=True)) > CLIP


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise RuntimeError("the disk is full")


def test_an_aborted_training_is_cleaned_up_by_the_next():
    model = recording_model(run_eagerly=True)
    with pytest.raises(RuntimeError, match="disk"):
        fit(model, WeightClipping(CLIP), Failing())
    # Until then the critic stays in its box.
    np.testing.assert_array_equal(fit(model), np.float32(CLIP))
    wider = WeightClipping(2 * CLIP)
    np.testing.assert_array_equal(fit(model, wider), np.float32(2 * CLIP))
    assert np.all(fit(model) > 3 * CLIP)


def test_an_aborted_training_is_cleaned_up_by_hand():
    model = recording_model(run_eagerly=True)
    callback = WeightClipping(CLIP)
    with pytest.raises(RuntimeError, match="disk"):
        fit(model, callback, Failing())
    callback.on_train_end()
    assert np.all(fit(model) > 2 * CLIP)


def test_constraints_of_the_network_come_back():
    model = recording_model(run_eagerly=True)
    own = keras.constraints.MaxNorm(0.5)
    variable = model.discriminator.trainable_variables[0]
    variable.constraint = own
    fit(model, WeightClipping(CLIP))
    assert variable.constraint is own


@pytest.mark.parametrize("clip_value", [0.0, -0.01, float("nan")])
def test_a_box_without_room_is_refused(clip_value):
    with pytest.raises(ValueError, match="expected a positive number"):
        WeightClipping(clip_value)


def test_the_experiment_adds_what_wgan_requires():
    model = registry.build("wgan", SHAPE, width=1, clip_value=0.03)
    (callback,) = loop.required_callbacks(model)
    assert isinstance(callback, WeightClipping)
    assert callback.clip_value == 0.03
    assert loop.required_callbacks(registry.build("wgan_gp", SHAPE, width=1)) == []
