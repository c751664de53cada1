import itertools

import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.data.preprocessing import to_uint8
from genkeras.evaluation import inversion
from genkeras.evaluation.inversion import invert
from genkeras.models import noise
from genkeras.training import state

SHAPE = (4, 4, 1)
# Orthogonal columns, so that the coordinates of the best latents can be clipped one by one.
COLUMNS = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 3)))[0].astype("float32")


class Linear:
    """Pictures are ½ + Az (and ¼ for every class)."""

    value_range = (0.0, 1.0)
    latent_dim = 3
    num_classes = None

    def __init__(self, prior="normal", scale=0.4):
        self.prior = prior
        self.matrix = scale * COLUMNS

    def draw_latents(self, batch_size, seed):
        return noise.PRIORS[self.prior]((batch_size, 3), seed)

    def generate(self, latents, labels=0):
        pictures = 0.5 + latents @ self.matrix.T
        return tf.reshape(pictures, (-1, *SHAPE)) + 0.25 * tf.reshape(
            tf.cast(labels, tf.float32), (-1, 1, 1, 1)
        )

    def best_latents(self, images):
        """Those of least squares."""
        pixels = images.reshape(len(images), -1) / 255.0 - 0.5
        return np.linalg.lstsq(self.matrix.astype(np.float64), pixels.T, rcond=None)[0].T


class Wavy(Linear):
    """Many pictures of a line look alike: where a search starts decides where it ends."""

    def generate(self, latents):
        return super().generate(tf.sin(3.0 * latents) + 0.2 * latents)


def _pictures(model, num_images=6, seed=1, spread=1.0):
    latents = spread * np.random.default_rng(seed).normal(size=(num_images, 3)).astype("float32")
    return to_uint8(model.generate(latents), model.value_range)


def _errors(images, reproductions):
    difference = (images.astype(np.float64) - reproductions) / 255.0
    return np.square(difference).mean(axis=(1, 2, 3))


def _enliven(network, seed):
    """Gives a network weights with which different latents give different pictures."""
    random = np.random.default_rng(seed)
    for weight in network.weights:
        values = random.normal(size=weight.shape)
        if len(weight.shape) > 1:
            values *= 2.0 / np.sqrt(np.prod(weight.shape[:-1]))
        elif weight.name in ("gamma", "moving_variance"):
            values = random.uniform(0.5, 2.0, weight.shape)
        weight.assign(values)


def _assert_generated(model, latents, reproductions, *labels):
    """Reproductions are pictures of their latents, up to what rounding makes of 1e-6."""
    pictures = to_uint8(model.generate(latents, *labels), model.value_range)
    assert pictures.std() > 0
    np.testing.assert_allclose(reproductions.astype(int), pictures, atol=1)


def test_latents_of_least_squares_are_found():
    model = Linear()
    images = np.random.default_rng(2).integers(90, 170, (5, *SHAPE), np.uint8)
    reproductions, latents = invert(model, images, num_restarts=2)
    assert (reproductions.dtype, latents.dtype) == (np.uint8, np.float32)
    best = model.best_latents(images)
    np.testing.assert_allclose(latents, best, atol=0.02)
    least = _errors(images, to_uint8(model.generate(best.astype("float32")), (0, 1)))
    np.testing.assert_allclose(_errors(images, reproductions), least, atol=1e-4)


def test_pictures_that_it_can_make_are_made_again():
    images = _pictures(Linear())
    reproductions, _ = invert(Linear(), images)
    assert _errors(images, reproductions).max() < 2e-5
    model = Linear(scale=0.8)
    model.value_range = (-0.5, 1.5)
    images = _pictures(model)
    reproductions, latents = invert(model, images)
    assert _errors(images, reproductions).max() < 2e-5
    np.testing.assert_array_equal(reproductions, to_uint8(model.generate(latents), (-0.5, 1.5)))


@pytest.mark.parametrize(
    ("prior", "low", "high"), [("uniform_signed", -1, 1), ("uniform_unsigned", 0, 1)]
)
def test_latents_stay_on_the_support_of_a_uniform_prior(prior, low, high):
    model = Linear(prior, scale=0.2)
    images = _pictures(model, spread=2.0)
    best = model.best_latents(images)
    assert best.min() < low - 0.5
    assert best.max() > high + 0.5
    _, latents = invert(model, images, num_restarts=2)
    assert low <= latents.min() <= latents.max() <= high
    np.testing.assert_allclose(latents, np.clip(best, low, high), atol=0.02)


@pytest.mark.parametrize(("prior", "step"), [("normal", 0.15), ("uniform_unsigned", 0.075)])
def test_first_step_by_hand(prior, step):
    # Adam's first step is the rate, up or down; of U(0, 1) half of it. Uphill is not kept.
    model = Linear(prior)
    start = model.draw_latents(1, noise.fold(noise.fold(4, 6), 0)).numpy()
    best = np.where([True, False, True], start + 2 * step, start - 2 * step)
    images = to_uint8(model.generate(best), (0, 1))
    _, latents = invert(model, images, num_restarts=1, num_steps=1, seed=4)
    expected = start + np.array([step, -step, step])
    if prior == "uniform_unsigned":
        expected = np.clip(expected, 0.0, 1.0)
    np.testing.assert_allclose(latents, expected, atol=1e-4)


@pytest.mark.parametrize("prior", ["sphere", "uniform", "normal"])
def test_decoders_are_searched_on_the_support_of_their_prior(prior):
    options = {"prior": prior, "prior_scale": 1.5, "encoder_noise": "deterministic"}
    model = registry.build("wae_mmd", (8, 8, 1), width=2, latent_dim=3, **options)
    _enliven(model.decoder, 1)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    reproductions, latents = invert(model, images, num_steps=20)
    _assert_generated(model, latents, reproductions)
    if prior == "sphere":
        np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 1.5, rtol=1e-5)
    if prior == "uniform":
        assert np.abs(latents).max() == 1.5


def test_more_restarts_are_never_worse():
    images = _pictures(Wavy(), 20)
    errors = [
        _errors(images, invert(Wavy(), images, num_restarts=count, num_steps=60)[0])
        for count in (1, 2, 4, 8)
    ]
    for fewer, more in itertools.pairwise(errors):
        assert (more <= fewer + 1e-5).all()
    assert errors[-1].mean() < 0.5 * errors[0].mean()


def test_same_seed_same_latents():
    images = _pictures(Wavy(), 8)
    options = {"num_restarts": 1, "num_steps": 20}
    first, again, other = (invert(Wavy(), images, seed=seed, **options)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=0.1)


@pytest.fixture(scope="module")
def gan():
    """A GAN whose moving average is quite another generator."""
    model = registry.build("nsgan", (8, 8, 1), width=2, latent_dim=4, ema_decay=0.9)
    _enliven(model.generator, 1)
    _enliven(model.averaged_generator, 2)
    return model


def test_model_is_left_as_it_was_and_its_moving_average_is_used(gan):
    before = state.digest(state.collect(gan))
    num_variables = len(gan.variables)
    _, latents = invert(gan, np.zeros((3, 8, 8, 1), np.uint8), num_steps=2)
    assert state.digest(state.collect(gan)) == before
    assert len(gan.variables) == num_variables
    goal = gan.averaged_generator(latents, training=False)
    images = to_uint8(goal, gan.value_range)
    assert images.std() > 20
    errors = _errors(images, invert(gan, images)[0])
    others = _errors(images, to_uint8(gan.generator(latents), gan.value_range))
    assert errors.max() < 0.1 * others.min()


@pytest.mark.parametrize("patience", [3, 30])
def test_a_result_does_not_depend_on_the_pictures_beside_it(gan, monkeypatch, patience):
    # With little patience some searches end long before others.
    monkeypatch.setattr(inversion, "PATIENCE", patience)
    images = np.random.default_rng(1).integers(0, 256, (11, 8, 8, 1), np.uint8)
    whole, latents = invert(gan, images, num_steps=40)
    order = np.random.default_rng(2).permutation(11)
    shuffled, shuffled_latents = invert(gan, images[order], num_steps=40)
    np.testing.assert_allclose(shuffled_latents, latents[order], atol=1e-5)
    np.testing.assert_array_equal(shuffled, whole[order])
    # Two pictures at a time, the last one beside a copy of the first.
    monkeypatch.setattr(inversion, "ROWS_PER_CALL", 8)
    _, in_pairs = invert(gan, images, num_steps=40)
    np.testing.assert_allclose(in_pairs, latents, atol=1e-5)


def test_search_ends_when_no_picture_gets_better(monkeypatch):
    monkeypatch.setattr(inversion, "PATIENCE", 7)
    calls = []

    class Counting(Linear):
        factor = 0.0

        def generate(self, latents):
            tf.py_function(lambda: calls.append(1), [], [])
            return super().generate(self.factor * latents)

    # Nothing gets better from the first step on; then a search that needs all its steps.
    for factor, fewest, most in ((0.0, 9, 10), (0.01, 60, 63)):
        calls.clear()
        model = Counting()
        model.factor = factor
        invert(model, _pictures(Linear()), num_restarts=1, num_steps=60)
        assert fewest <= len(calls) <= most


def test_true_labels_are_used():
    model = Linear(scale=0.1)
    model.num_classes = 3
    labels = np.array([0, 1, 2, 1])
    latents = np.random.default_rng(5).normal(size=(4, 3)).astype("float32")
    images = to_uint8(model.generate(latents, labels), (0, 1))
    # Brightness is none of the latents' business.
    model.matrix = model.matrix - model.matrix.mean(axis=0)
    right, found = invert(model, images, labels, num_steps=100)
    np.testing.assert_array_equal(right, to_uint8(model.generate(found, labels), (0, 1)))
    wrong, _ = invert(model, images, (labels + 1) % 3, num_steps=100)
    assert _errors(images, right).max() < 0.002
    assert _errors(images, wrong).min() > 0.03


@pytest.mark.parametrize("name", ["cgan", "dcgan"])
def test_conditional_models(name):
    options = {"conditional": True} if name == "dcgan" else {}
    model = registry.build(name, (8, 8, 1), num_classes=3, width=2, **options)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    labels = np.array([2, 0, 1])
    reproductions, latents = invert(model, images, labels, num_steps=3)
    assert latents.shape == (3, model.latent_dim)
    _assert_generated(model, latents, reproductions, labels)
    with pytest.raises(ValueError, match="is conditional, and labels is None"):
        invert(model, images)
    with pytest.raises(ValueError, match="labels run from 0 to 3; expected 0 to 2"):
        invert(model, images, labels + np.array([1, 0, 0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(2, int)}, "is unconditional, and labels"),
        ({"images": np.zeros((2, *SHAPE), "float32")}, "images is float32"),
        ({"images": np.zeros(SHAPE, np.uint8)}, r"of shape \(4, 4, 1\)"),
        ({"images": np.zeros((0, *SHAPE), np.uint8)}, "at least one image"),
        ({"num_restarts": 0}, "num_restarts=0"),
        ({"num_steps": 0}, "num_steps=0"),
    ],
)
def test_wrong_arguments(change, message):
    arguments = {"images": np.zeros((2, *SHAPE), np.uint8), **change}
    with pytest.raises(ValueError, match=message):
        invert(Linear(), **arguments)
