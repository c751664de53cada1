"""What every registered model promises, whatever its paper."""

import numpy as np
import pytest

from genkeras import registry
from genkeras.models.noise import fold
from genkeras.models.recipe import Recipe
from genkeras.models.wae_gan import WAEGAN
from genkeras.models.wgan import WGAN
from genkeras.training import state

NUM_CLASSES = 3
BATCH_SIZE = 8
SHAPES = [(28, 28, 1), (28, 28, 3), (45, 37, 3)]


def _build(name, image_shape=(28, 28, 1), **options):
    options = {"width": 4, **options}
    model = registry.build(name, image_shape, num_classes=NUM_CLASSES, seed=1, **options)
    model.run_eagerly = True
    return model


def _is_conditional(model):
    return getattr(model, "num_classes", None) is not None


def _data(model, image_shape, seed=0):
    rows = BATCH_SIZE * getattr(model, "discriminator_steps", 1)
    random = np.random.default_rng(seed)
    low, high = model.value_range
    images = random.uniform(low, high, (rows, *image_shape)).astype("float32")
    labels = random.integers(0, NUM_CLASSES, rows)
    return (images, labels) if _is_conditional(model) else (images, None)


def _fit_once(model, image_shape):
    images, labels = _data(model, image_shape)
    fit = {"batch_size": len(images), "epochs": 1, "verbose": 0, "shuffle": False}
    return model.fit(images, labels, **fit).history


@pytest.fixture(params=registry.MODELS)
def name(request):
    return request.param


def test_recipe_is_complete(name):
    recipe = registry.recipe(name)
    assert isinstance(recipe, Recipe)
    assert recipe.title
    assert "http" in recipe.paper
    assert recipe.value_function
    options = recipe.complete({})
    assert options["width"] == 64
    assert options["batch_size"] > 0
    assert options["epochs"] > 0


@pytest.mark.parametrize("image_shape", SHAPES, ids=str)
def test_one_step_and_samples(name, image_shape):
    model = _build(name, image_shape)
    losses = _fit_once(model, image_shape)
    assert losses
    assert all(np.isfinite(values).all() for values in losses.values())
    images = model.sample(5, seed=1)
    assert isinstance(images, np.ndarray)
    assert images.shape == (5, *image_shape)
    low, high = model.value_range
    assert low <= images.min() <= images.max() <= high


def test_sample_repeats_bit_by_bit_and_differs_between_seeds(name):
    model = _build(name)
    first, again, other = (model.sample(6, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    # Different latents give different pictures, within a call too.
    assert len(np.unique(first.reshape(6, -1), axis=0)) == 6
    assert not np.array_equal(model.sample(6), model.sample(6))


def test_one_step_changes_exactly_the_right_variables(name):
    model = _build(name)
    before = state.collect(model)
    _fit_once(model, (28, 28, 1))
    after = state.collect(model)
    trained = {id(variable) for variable in model.trainable_variables}
    if isinstance(model, WGAN | WAEGAN):
        # The bias of the critic's score cancels in E[D(G(z))] − E[D(x)]; that of WAE-GAN's
        # discriminator does while all its outputs are nearly 0.
        trained.remove(id(model.discriminator.trainable_variables[-1]))
    for index, variable in enumerate(model.variables):
        key = f"model/{index:03d}/{variable.name}"
        changed = not np.array_equal(before[key], after[key])
        if id(variable) in trained:
            assert changed, f"{variable.path} was not trained"
        elif variable.name.startswith("moving_") or variable.name == "steps_done":
            assert changed, f"{variable.path} stood still"
    assert model.steps_done.numpy() == 1
    for optimizer in model.optimizers.values():
        assert optimizer.built
        assert optimizer.iterations.numpy() > 0


def test_trained_variables_are_those_of_its_optimizers(name):
    model = _build(name)
    owned = [
        id(variable)
        for optimizer in model.optimizers.values()
        for variable in optimizer._trainable_variables
    ]
    assert sorted(owned) == sorted(id(variable) for variable in model.trainable_variables)


def test_keras_knows_no_other_optimizer_or_loss(name):
    model = _build(name)
    assert model.optimizer is None
    logs = _fit_once(model, (28, 28, 1))
    assert set(logs) == {metric.name for metric in model.metrics}


def test_stored_and_rebuilt_model_gives_the_same_pictures_and_steps(name, tmp_path):
    model = _build(name)
    _fit_once(model, (28, 28, 1))
    state.save(tmp_path, 1, state.collect(model), {})
    rebuilt = _build(name)
    assert not np.array_equal(rebuilt.sample(4, seed=0), model.sample(4, seed=0))
    arrays, _ = state.load_newest(tmp_path)
    state.restore(rebuilt, arrays)
    np.testing.assert_array_equal(rebuilt.sample(4, seed=0), model.sample(4, seed=0))
    _fit_once(model, (28, 28, 1))
    _fit_once(rebuilt, (28, 28, 1))
    assert state.digest(state.collect(rebuilt)) == state.digest(state.collect(model))


def test_same_seed_same_model(name):
    first, again = (state.digest(state.collect(_build(name))) for _ in range(2))
    assert first == again


def test_width_scales_the_hidden_layers(name):
    narrow, wide = _build(name, width=4), _build(name, width=8)
    assert wide.count_params() > 1.5 * narrow.count_params()


def test_labels_are_used_or_refused(name):
    model = _build(name)
    labels = np.array([0, 1, 2, 0])
    if not _is_conditional(model):
        with pytest.raises(ValueError, match="takes no labels"):
            model.sample(4, labels=labels, seed=0)
        return
    images = model.sample(4, labels=labels, seed=0)
    others = model.sample(4, labels=(labels + 1) % 3, seed=0)
    assert not np.array_equal(images, others)
    with pytest.raises(ValueError, match="labels run from 0 to 7; expected 0 to 2"):
        model.sample(2, labels=np.array([0, 7]), seed=0)
    with pytest.raises(ValueError, match="expected \\(4,\\)"):
        model.sample(4, labels=np.array([0]), seed=0)


def test_autoencoders_encode_decode_reconstruct(name):
    model = _build(name)
    if not hasattr(model, "reconstruct"):
        pytest.skip("no autoencoder")
    images, _ = _data(model, (28, 28, 1))
    codes = model.encode(images)
    assert codes.shape == (len(images), model.latent_dim)
    reproductions = model.reconstruct(images)
    np.testing.assert_array_equal(reproductions, model.decode(codes))
    assert reproductions.shape == images.shape
    low, high = model.value_range
    assert low <= reproductions.min() <= reproductions.max() <= high
    np.testing.assert_array_equal(model.encode(images, seed=1), model.encode(images, seed=1))


def test_noise_streams_do_not_meet():
    # Training noise and sampling noise of one seed come from different streams.
    assert not np.array_equal(fold(fold(0, 0), 0), fold(fold(0, 1), 0))
