"""CGAN: how labels enter, and which labels generated images take."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models.cgan import CGAN
from genkeras.networks.conditional import join_to_images, join_to_latents

SHAPE = (2, 2, 1)


def telling_model(model_class=CGAN, **kwargs):
    """A model of three classes whose images are constant: −1, 0 and 1, whatever the latents."""
    generator = keras.Sequential([keras.Input((2 + 3,)), keras.layers.Dense(4, use_bias=False)])
    generator.add(keras.layers.Reshape(SHAPE))
    kernel = np.repeat([[0.0], [0.0], [-1.0], [0.0], [1.0]], 4, axis=1)
    generator.set_weights([kernel])
    discriminator = keras.Sequential([keras.Input((2, 2, 1 + 3)), keras.layers.Flatten()])
    discriminator.add(keras.layers.Dense(1))
    model = model_class(generator, discriminator, num_classes=3, **kwargs)
    model.compile(keras.optimizers.Adam(), keras.optimizers.Adam(), run_eagerly=True)
    return model


def test_join_to_latents():
    joined = join_to_latents(tf.constant([[0.5, -0.5], [1.0, 2.0]]), tf.constant([2, 0]), 3)
    np.testing.assert_array_equal(joined, [[0.5, -0.5, 0, 0, 1], [1.0, 2.0, 1, 0, 0]])


@pytest.mark.parametrize("channels", [1, 3])
def test_join_to_images(channels):
    images = np.random.default_rng(0).normal(size=(2, 3, 4, channels)).astype("float32")
    joined = join_to_images(tf.constant(images), tf.constant([1, 2]), 3).numpy()
    assert joined.shape == (2, 3, 4, channels + 3)
    np.testing.assert_array_equal(joined[..., :channels], images)
    planes = joined[..., channels:]
    assert np.all(planes[0] == [0, 1, 0])
    assert np.all(planes[1] == [0, 0, 1])


def test_latent_dim_leaves_the_classes_out():
    model = registry.build("cgan", (28, 28, 1), num_classes=10, width=2)
    assert model.latent_dim == 62
    assert model.generator.input_shape == (None, 72)
    assert model.discriminator.input_shape == (None, 28, 28, 11)


def test_samples_have_the_labels_asked_for():
    model = telling_model()
    labels = np.array([2, 0, 1, 1, 2])
    images = model.sample(5, labels=labels, seed=3)
    np.testing.assert_array_equal(
        images, np.broadcast_to((labels - 1)[:, None, None, None], (5, *SHAPE))
    )
    drawn = model.sample(300, seed=3)
    np.testing.assert_array_equal(drawn[:, 0, 0, 0] + 1, model.sample_labels(300, 3))
    assert np.bincount(model.sample_labels(300, 3)).min() > 70


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 3], "expected 0 to 2"), ([0], "expected \\(2,\\)"), ([0.0, 1.0], "expected integers")],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        telling_model().sample(2, labels=np.array(labels))


def test_discriminator_is_told_the_class():
    model = telling_model()
    kernel = np.zeros((2, 2, 4))
    kernel[0, 0, 1:] = [10.0, 20.0, 30.0]
    model.discriminator.set_weights([kernel.reshape(16, 1), np.zeros(1)])
    outputs = model.discriminate(np.zeros((3, *SHAPE), "float32"), np.array([2, 0, 1]))
    np.testing.assert_array_equal(outputs, [[30.0], [10.0], [20.0]])


def test_fakes_take_the_labels_of_the_real_minibatch():
    calls = []

    class Recording(CGAN):
        def generate(self, latents, labels=None, training=False):
            calls.append(("G", np.asarray(labels).tolist()))
            return super().generate(latents, labels, training)

        def discriminate(self, images, labels=None, training=False):
            calls.append(("D", np.asarray(labels).tolist()))
            return super().discriminate(images, labels, training)

    model = telling_model(Recording, discriminator_steps=2)
    labels = np.array([0, 1, 2, 2, 1, 1], "int64")
    model.train_on_batch(np.zeros((6, *SHAPE), "float32"), labels)
    first, second = [0, 1, 2], [2, 1, 1]
    expected = [("G", first), ("D", first), ("D", first)]
    expected += [("G", second), ("D", second), ("D", second)]
    expected += [("G", second), ("D", second)]
    assert calls == expected


def test_generator_loss_is_non_saturating():
    output = tf.constant([[-5.0]])
    with tf.GradientTape() as tape:
        tape.watch(output)
        loss = telling_model().generator_loss(output)
    assert float(tape.gradient(loss, output)[0, 0]) == pytest.approx(-0.9933, abs=1e-4)


def test_without_labels_it_says_so():
    with pytest.raises(ValueError, match="CGAN needs labels, and these pictures have none"):
        registry.build("cgan", (28, 28, 1))
    with pytest.raises(ValueError, match="give pairs"):
        telling_model().train_on_batch(np.zeros((4, *SHAPE), "float32"))


def test_discriminator_without_room_for_the_classes_is_refused():
    parts = registry.build("nsgan", (8, 8, 1), width=1)
    with pytest.raises(ValueError, match="takes 1 channels; expected 4"):
        CGAN(parts.generator, parts.discriminator, num_classes=3)


def test_call_takes_latents_and_labels():
    model = telling_model()
    images = model((np.zeros((2, 2), "float32"), np.array([2, 0])))
    np.testing.assert_array_equal(images[:, 0, 0, 0], [1.0, -1.0])


def test_recipe_is_the_comparisons():
    options = registry.recipe("cgan").complete({}, "fashion_mnist")
    assert options["learning_rate"] == 1e-3
    assert options["discriminator_learning_rate"] == 2e-4
    assert options["beta_1"] == 0.5
    assert (options["batch_size"], options["epochs"]) == (64, 40)


def test_compiled_training_equals_eager_training():
    draw = np.random.default_rng(0)
    images = draw.uniform(-1, 1, (8, 8, 8, 3)).astype("float32")
    labels = draw.integers(0, 4, 8)
    losses, models = [], []
    for options in ({"run_eagerly": True}, {"jit_compile": True}):
        model = registry.build("cgan", (8, 8, 3), num_classes=4, width=2, ema_decay=0.9)
        model.compile(*model.optimizers.values(), **options)
        losses.append(model.train_on_batch(images, labels, return_dict=True))
        models.append(model)
    for name in ("discriminator_loss", "generator_loss"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-4)
    eager, fast = (model.sample(4, labels=np.arange(4), seed=0) for model in models)
    np.testing.assert_allclose(eager, fast, atol=1e-2)
