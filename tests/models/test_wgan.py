"""WGAN: its losses, its optimizer, its fresh minibatches, its warm-up."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import wgan
from genkeras.models.wgan import WGAN
from genkeras.training import state
from tests.reference.wasserstein import rmsprop, warmup_turns

SHAPE = (4, 4, 1)


def tiny_model(model_class=WGAN, **kwargs):
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(16, "tanh")])
    generator.add(keras.layers.Reshape(SHAPE))
    critic = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)])
    for seed, network in enumerate((generator, critic)):
        draw = np.random.default_rng(seed)
        network.set_weights([draw.normal(0, 0.3, w.shape) for w in network.get_weights()])
    return model_class(generator, critic, **kwargs)


def compiled(model, **kwargs):
    model.compile(wgan.rmsprop(1e-3), wgan.rmsprop(1e-3), **kwargs)
    return model


def pictures(number, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (number, *SHAPE)).astype("float32")


def test_losses_are_means_of_scores():
    model = tiny_model()
    real, fake = tf.constant([[1.0], [3.0]]), tf.constant([[-2.0], [5.0]])
    assert float(model.discriminator_loss(real, fake)) == pytest.approx(1.5 - 2.0)
    assert float(model.generator_loss(fake)) == pytest.approx(-1.5)


# Where the root is as small as the constant, adding inside or outside differs by up to √2.
@pytest.mark.parametrize(
    ("scale", "tolerance"), [(1.0, 1e-3), (1e-5, 0.02), (1e-7, 0.5), (1e-9, 0.05)]
)
def test_rmsprop_is_the_authors(scale, tolerance):
    gradients = [scale * value for value in (1.0, -0.5, 2.0, 0.0, 0.3)]
    weight = keras.Variable(0.0)
    optimizer = wgan.rmsprop(5e-5)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [weight])
    expected = rmsprop(0.0, gradients, 5e-5, decay=0.99, epsilon=1e-8)
    assert float(weight.value) == pytest.approx(expected, rel=tolerance)


def test_each_critic_update_sees_images_of_its_own():
    seen = []

    class Recording(WGAN):
        def _discriminator_step(self, real_images, labels, latents, penalty_seed):
            seen.append((np.asarray(real_images), np.asarray(latents)))
            return super()._discriminator_step(real_images, labels, latents, penalty_seed)

    model = compiled(tiny_model(Recording), run_eagerly=True)
    images = pictures(20)
    model.train_on_batch(images)
    assert len(seen) == 5
    np.testing.assert_array_equal(np.concatenate([real for real, _ in seen]), images)
    latents = np.concatenate([drawn for _, drawn in seen])
    assert latents.shape == (20, 3)
    assert len(np.unique(latents[:, 0])) == 20
    assert int(model.generator_optimizer.iterations) == 1
    assert int(model.discriminator_optimizer.iterations) == 5


def test_a_step_moves_the_critic_up_the_wasserstein_estimate():
    model = compiled(tiny_model(discriminator_steps=1), run_eagerly=True)
    kernel = model.discriminator.trainable_variables[0]
    before = kernel.numpy()
    real = np.ones((8, *SHAPE), "float32")
    model.train_on_batch(real)
    # D is linear: ∂(D(x) − D(G(z)))/∂w is real − fake pixels, positive as tanh < 1.
    assert np.all(kernel.numpy() > before)


def test_recipe_is_the_papers():
    options = registry.recipe("wgan").complete({})
    assert options["learning_rate"] == options["discriminator_learning_rate"] == 5e-5
    assert options["discriminator_steps"] == 5
    assert options["clip_value"] == 0.01
    assert options["critic_warmup"] is False
    assert options["batch_size"] == 64
    assert registry.recipe("wgan").complete({}, "fashion_mnist")["epochs"] == 40
    assert options["epochs"] == 25

    model = registry.build("wgan", (28, 28, 1), width=2, clip_value=0.02)
    assert dict(model.required_callbacks) == {"weight_clipping": {"clip_value": 0.02}}
    for optimizer in model.optimizers.values():
        assert isinstance(optimizer, keras.optimizers.RMSprop)
        assert float(optimizer.learning_rate) == pytest.approx(5e-5)
        assert (optimizer.rho, optimizer.momentum, optimizer.centered) == (0.99, 0.0, False)
    kinds = [type(layer) for layer in model.discriminator.layers]
    assert sum(issubclass(kind, keras.layers.BatchNormalization) for kind in kinds) == 2
    latents = model.draw_latents(1000, tf.constant([1, 2], tf.int64)).numpy()
    assert latents.shape == (1000, 62)
    assert -1 <= latents.min() < -0.99
    assert 0.99 < latents.max() <= 1


@pytest.fixture
def short_warmup(monkeypatch):
    monkeypatch.setattr(wgan, "WARMUP_CRITIC_UPDATES", 5)
    monkeypatch.setattr(wgan, "WARMUP_GENERATOR_UPDATES", 2)
    monkeypatch.setattr(wgan, "WARMUP_PERIOD", 4)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}])
def test_warmup_holds_the_generator_back(short_warmup, options):
    model = compiled(tiny_model(discriminator_steps=2, critic_warmup=True), **options)
    turns, moved = [], []
    for step in range(16):
        before = model.generator.get_weights()[0]
        model.train_on_batch(pictures(8, seed=step))
        turns.append(int(model.generator_turns))
        moved.append(bool(np.any(model.generator.get_weights()[0] != before)))
        assert int(model.discriminator_optimizer.iterations) == 2 * (step + 1)
    expected = warmup_turns(16, 2, long_turn=5, first=2, period=4)
    assert expected == [0, 0, 1, 1, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 8, 8]
    assert turns == expected
    assert moved == np.diff([0, *expected]).astype(bool).tolist()
    assert int(model.generator_optimizer.iterations) == 8


def test_a_restored_model_goes_on_in_the_middle_of_a_warmup_turn(short_warmup):
    def advance(model, steps):
        for step in steps:
            model.train_on_batch(pictures(8, seed=step))

    def fresh():
        model = tiny_model(discriminator_steps=2, critic_warmup=True)
        return compiled(model, run_eagerly=True)

    model, restored = fresh(), fresh()
    advance(model, range(4))
    assert int(model.critic_updates) == 2
    state.restore(restored, state.collect(model))
    advance(model, range(4, 9))
    advance(restored, range(4, 9))
    assert int(restored.generator_turns) == 4
    assert state.digest(state.collect(restored)) == state.digest(state.collect(model))


def test_warmup_is_the_authors():
    assert wgan.WARMUP_CRITIC_UPDATES == 100
    assert wgan.WARMUP_GENERATOR_UPDATES == 25
    assert wgan.WARMUP_PERIOD == 500
    model = registry.build("wgan", SHAPE, width=1, critic_warmup=True)
    stored = [
        variable is counter
        for variable in model.variables
        for counter in (model.generator_turns, model.critic_updates)
    ]
    assert sum(stored) == 2


def test_compiled_step_equals_eager_step():
    models = [
        compiled(tiny_model(), **options)
        for options in ({"run_eagerly": True}, {"jit_compile": True})
    ]
    losses = [model.train_on_batch(pictures(20), return_dict=True) for model in models]
    for name in ("discriminator_loss", "generator_loss"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-4, abs=1e-6)
    for eager, fast in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_allclose(eager.numpy(), fast.numpy(), atol=2e-5)
