import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import noise
from genkeras.models.gan import NonSaturatingGAN
from genkeras.training import state

SHAPE = (12, 10, 1)


def _build(shape=SHAPE, num_classes=3, **options):
    options = {"width": 2, "latent_dim": 4, **options}
    model = registry.build("dcgan", shape, num_classes=num_classes, seed=2, **options)
    model.run_eagerly = True
    return model


def _data(model, size=6):
    random = np.random.default_rng(0)
    images = random.uniform(*model.value_range, (size, *SHAPE)).astype("float32")
    return tf.constant(images), tf.constant(random.integers(0, 3, size))


def _spy(monkeypatch, target, method, log, note):
    original = getattr(target, method)

    def record(*args, **kwargs):
        result = original(*args, **kwargs)
        log.append(note(result, *args))
        return result

    monkeypatch.setattr(target, method, record)


def test_defaults_are_the_programs():
    recipe = registry.recipe("dcgan")
    options = recipe.complete({}, "celeba")
    assert (options["epochs"], options["batch_size"], options["latent_dim"]) == (25, 64, 100)
    model = _build()
    assert isinstance(model, NonSaturatingGAN)
    for optimizer in model.optimizers.values():
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
    assert model.prior == "uniform_signed"
    assert model.num_classes is None  # Classes of the data alone do not make it conditional.


def test_one_learning_rate_for_both_unless_two_are_given():
    rates = [float(o.learning_rate) for o in _build(learning_rate=0.5).optimizers.values()]
    assert rates == [0.5, 0.5]
    model = _build(learning_rate=0.5, discriminator_learning_rate=0.25)
    assert float(model.optimizers["generator"].learning_rate) == 0.5
    assert float(model.optimizers["discriminator"].learning_rate) == 0.25


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("generator_steps", [2, 1])
def test_order_of_updates_and_one_z_for_all(monkeypatch, conditional, generator_steps):
    options = {} if generator_steps == 2 else {"generator_steps": 1}
    model = _build(conditional=conditional, **options)
    updates, latents = [], []
    for name, optimizer in model.optimizers.items():
        _spy(monkeypatch, optimizer, "apply", updates, lambda *_, name=name: name)
    _spy(monkeypatch, model, "generate", latents, lambda _, z, *__: z.numpy().tobytes())
    for _ in range(2):
        model.train_step(_data(model))
    assert updates == (["discriminator"] + ["generator"] * generator_steps) * 2
    assert len(latents) == 2 * (1 + generator_steps)
    first, second = latents[: 1 + generator_steps], latents[1 + generator_steps :]
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]


def test_fakes_take_the_labels_of_the_real_batch(monkeypatch):
    model = _build(conditional=True)
    judged = []
    _spy(monkeypatch, model, "discriminate", judged, lambda _, images, labels: labels.numpy())
    images, labels = _data(model)
    model.train_step((images, labels))
    assert len(judged) == 4
    for seen in judged:
        np.testing.assert_array_equal(seen, labels)


@pytest.mark.parametrize(
    ("z_dist", "mean", "std"),
    [
        ("uniform_signed", 0.0, 1 / np.sqrt(3)),
        ("normal01", 0.0, 1.0),
        ("uniform_unsigned", 0.5, 1 / np.sqrt(12)),
    ],
)
def test_priors(z_dist, mean, std):
    latents = _build(z_dist=z_dist).draw_latents(5000, noise.fold(0, 0)).numpy()
    assert latents.mean() == pytest.approx(mean, abs=0.02)
    assert latents.std() == pytest.approx(std, rel=0.02)


def test_ranges_and_shapes():
    plain, conditional = _build(), _build(conditional=True)
    assert plain.value_range == (-1.0, 1.0)
    assert conditional.value_range == (0.0, 1.0)
    assert plain.latent_dim == conditional.latent_dim == 4
    assert conditional.sample(3, seed=0).min() >= 0
    assert plain.sample(5, seed=0).shape == conditional.sample(5, seed=0).shape == (5, *SHAPE)
    latents = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(
        conditional((latents, np.array([0, 2]))), conditional.generate(latents, np.array([0, 2]))
    )
    np.testing.assert_array_equal(plain(latents), plain.generate(latents))


def test_labels_choose_what_is_drawn():
    model = _build(conditional=True)
    zeros, ones = (model.sample(4, labels=np.full(4, k), seed=0) for k in (0, 1))
    assert not np.array_equal(zeros, ones)
    mixed = model.sample(4, labels=np.array([0, 1, 0, 1]), seed=0)
    # Up to rounding, which may depend on the batch.
    np.testing.assert_allclose(mixed[::2], zeros[::2], atol=1e-6)
    np.testing.assert_allclose(mixed[1::2], ones[1::2], atol=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match="z_dist='normal' is unknown; use one of"):
        _build(z_dist="normal")
    with pytest.raises(ValueError, match=r"these pictures have none.*leave --conditional out"):
        _build(conditional=True, num_classes=None)
    model = _build(conditional=True)
    with pytest.raises(ValueError, match="needs labels: give pairs"):
        model.generate(np.ones((2, 4), "float32"))
    with pytest.raises(ValueError, match="needs labels: give pairs"):
        model.discriminate(np.ones((2, *SHAPE), "float32"))
    with pytest.raises(ValueError, match="takes no labels"):
        _build().sample(2, labels=np.array([0, 1]))


def test_a_conditional_model_is_restored_bit_by_bit(tmp_path):
    model = _build(conditional=True, ema_decay=0.5)
    model.train_step(_data(model))
    state.save(tmp_path, 1, state.collect(model), {})
    rebuilt = _build(conditional=True, ema_decay=0.5)
    state.restore(rebuilt, state.load_newest(tmp_path)[0])
    np.testing.assert_array_equal(rebuilt.sample(4, seed=0), model.sample(4, seed=0))
    for each in (model, rebuilt):
        each.train_step(_data(model))
    assert state.digest(state.collect(rebuilt)) == state.digest(state.collect(model))


def test_xla_gives_the_step_of_plain_tensorflow():
    weights = []
    for jit_compile in (False, True):
        model = _build(conditional=True)
        model.run_eagerly = False
        model.jit_compile = jit_compile
        images, labels = _data(model)
        model.fit(images, labels, batch_size=6, epochs=2, verbose=0, shuffle=False)
        weights.append(model.get_weights())
    for plain, compiled in zip(*weights, strict=True):
        np.testing.assert_allclose(plain, compiled, atol=2e-3)
