"""WGAN-GP: the gradient penalty against hand numbers and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import noise
from genkeras.models.wgan_gp import WGANGP
from tests.reference.wasserstein import gradient_penalty

SEED = noise.fold(7, 0)


def tiny_generator(shape):
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(int(np.prod(shape)))])
    generator.add(keras.layers.Reshape(shape))
    return generator


def tiny_model(shape, hidden=0, **kwargs):
    critic = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    if hidden:
        critic.add(keras.layers.Dense(hidden, "tanh"))
    critic.add(keras.layers.Dense(1))
    return WGANGP(tiny_generator(shape), critic, **kwargs)


def random_images(shape, number=6, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.uniform(-1, 1, (number, *shape)).astype("float32") for _ in range(2)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("norm", "expected"), [(1.0, 0.0), (3.0, 40.0), (0.5, 2.5)])
def test_linear_critic(channels, norm, expected):
    shape = (4, 3, channels)
    model = tiny_model(shape)
    kernel = np.random.default_rng(1).normal(size=(12 * channels, 1))
    model.discriminator.set_weights([norm * kernel / np.linalg.norm(kernel), np.ones(1)])
    penalty = model.discriminator_penalty(*random_images(shape), seed=SEED)
    assert float(penalty) == pytest.approx(expected, abs=1e-5)


def test_flat_critic_has_penalty_one_and_finite_gradients():
    shape = (4, 4, 1)
    model = tiny_model(shape, hidden=3, gradient_penalty_weight=1.0)
    for variable in model.discriminator.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    real, fake = random_images(shape)
    with tf.GradientTape() as tape:
        penalty = model.discriminator_penalty(real, fake, seed=SEED)
    values = [variable.value for variable in model.discriminator.trainable_variables]
    gradients = tape.gradient(penalty, values, unconnected_gradients="zero")
    # (√1e-10 − 1)²
    assert float(penalty) == pytest.approx((1e-5 - 1) ** 2, abs=1e-6)
    for gradient in gradients:
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("channels", [1, 3])
def test_against_finite_differences(channels):
    shape = (3, 2, channels)
    model = tiny_model(shape, hidden=4, gradient_penalty_weight=10.0)
    draw = np.random.default_rng(3)
    weights = [draw.normal(0, 0.7, w.shape) for w in model.discriminator.get_weights()]
    model.discriminator.set_weights(weights)
    real, fake = random_images(shape)
    positions = noise.uniform_unsigned((6, 1, 1, 1), SEED).numpy().ravel()

    def expected(weights):
        def critic(image):
            hidden = np.tanh(image.reshape(-1) @ weights[0] + weights[1])
            return float((hidden @ weights[2])[0] + weights[3][0])

        images = (real.astype("float64"), fake.astype("float64"))
        return 10.0 * gradient_penalty(critic, *images, positions)

    with tf.GradientTape() as tape:
        penalty = model.discriminator_penalty(real, fake, seed=SEED)
    kernel = model.discriminator.trainable_variables[0]
    gradient = tape.gradient(penalty, kernel.value).numpy()
    assert float(penalty) == pytest.approx(expected(weights), rel=1e-4)

    # The gradient that the critic learns from goes through the gradient in the penalty.
    for place in [(0, 0), (2, 1), (5, 3)]:
        up, down = ([w.copy() for w in weights] for _ in range(2))
        up[0][place] += 1e-4
        down[0][place] -= 1e-4
        slope = (expected(up) - expected(down)) / 2e-4
        assert gradient[place] == pytest.approx(slope, rel=2e-3, abs=1e-4)


class Recording(WGANGP):
    """Keeps the images at which the gradient is taken."""

    def discriminate(self, images, labels=None, training=False):
        self.seen = images
        return super().discriminate(images, labels, training)

    def discriminator_penalty(self, real_images, fake_images, labels=None, seed=None):
        # Between black and white images the mixture is the position itself.
        ones = tf.ones_like(real_images)
        penalty = super().discriminator_penalty(ones, 0.0 * ones, labels, seed)
        self.positions = [*getattr(self, "positions", []), self.seen.numpy()]
        return penalty


def test_one_uniform_position_per_image():
    shape = (3, 3, 2)
    model = Recording(tiny_generator(shape), tiny_model(shape).discriminator)
    real = np.zeros((2000, *shape), "float32")
    model.discriminator_penalty(real, real, seed=SEED)
    positions = model.positions[0].reshape(2000, -1)
    assert np.all(positions == positions[:, :1])
    per_image = np.sort(positions[:, 0])
    assert len(np.unique(per_image)) > 1990
    # Kolmogorov and Smirnov: 1.95 / √n holds with probability 0.999 for a uniform variable.
    expected = (np.arange(2000) + 0.5) / 2000
    assert np.abs(per_image - expected).max() < 1.95 / np.sqrt(2000)


def test_every_update_draws_its_own_positions():
    shape = (3, 3, 1)
    model = Recording(tiny_generator(shape), tiny_model(shape).discriminator)
    model.compile(keras.optimizers.Adam(), keras.optimizers.Adam(), run_eagerly=True)
    real, _ = random_images(shape, number=20)
    for _ in range(2):
        model.train_on_batch(real)
    positions = np.concatenate([seen[:, 0, 0, 0] for seen in model.positions])
    assert positions.shape == (40,)
    assert len(np.unique(positions)) == 40


def test_mixture_weighs_real_and_fake():
    shape = (2, 2, 1)
    model = Recording(tiny_generator(shape), tiny_model(shape).discriminator)
    real, fake = random_images(shape)
    WGANGP.discriminator_penalty(model, real, fake, seed=SEED)
    position = noise.uniform_unsigned((6, 1, 1, 1), SEED).numpy()
    np.testing.assert_allclose(model.seen, position * real + (1 - position) * fake, atol=1e-6)


def test_batch_normalization_in_the_critic_is_refused():
    shape = (8, 8, 1)
    with pytest.raises(ValueError, match="batch normalization layer") as error:
        registry.build("wgan_gp", shape, width=2, critic_normalization="batch")
    assert "layer normalization" in str(error.value)

    inner = keras.Sequential([keras.Input(shape), keras.layers.BatchNormalization()])
    critic = keras.Sequential([keras.Input(shape), inner, keras.layers.Flatten()])
    critic.add(keras.layers.Dense(1))
    with pytest.raises(ValueError, match="depend on the other images"):
        WGANGP(tiny_generator(shape), critic)


@pytest.mark.parametrize(("normalization", "count"), [("none", 0), ("layer", 2)])
def test_recipe_is_the_papers(normalization, count):
    options = registry.recipe("wgan_gp").complete({})
    assert options["learning_rate"] == options["discriminator_learning_rate"] == 1e-4
    assert (options["beta_1"], options["beta_2"]) == (0.0, 0.9)
    assert options["discriminator_steps"] == 5
    assert options["gradient_penalty_weight"] == 10.0
    assert options["critic_normalization"] == "none"

    model = registry.build("wgan_gp", (8, 8, 1), width=2, critic_normalization=normalization)
    assert not getattr(model, "required_callbacks", {})
    assert model.gradient_penalty_weight == 10.0
    for optimizer in model.optimizers.values():
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(1e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
    kinds = [type(layer) for layer in model.discriminator.layers]
    assert not any(issubclass(kind, keras.layers.BatchNormalization) for kind in kinds)
    assert kinds.count(keras.layers.GroupNormalization) == count


@pytest.mark.parametrize("normalization", ["none", "layer"])
def test_scores_are_per_image(normalization):
    model = registry.build("wgan_gp", (8, 8, 1), width=2, critic_normalization=normalization)
    images, _ = random_images((8, 8, 1))
    together = model.discriminate(images, training=True).numpy()
    alone = model.discriminate(images[:1], training=True).numpy()
    np.testing.assert_allclose(together[:1], alone, atol=1e-6)


def test_compiled_training_equals_eager_training():
    models = []
    images = np.random.default_rng(0).uniform(-1, 1, (20, 8, 8, 3)).astype("float32")
    losses = []
    for options in ({"run_eagerly": True}, {"jit_compile": True}):
        model = registry.build("wgan_gp", (8, 8, 3), width=2, discriminator_steps=2)
        model.compile(*model.optimizers.values(), **options)
        losses.append([model.train_on_batch(images, return_dict=True) for _ in range(2)][-1])
        models.append(model)
    for name in ("discriminator_loss", "generator_loss"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-3, abs=1e-5)
    for eager, fast in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_allclose(eager.numpy(), fast.numpy(), atol=5e-4)
