"""What both Wasserstein autoencoders share: costs, priors, noises, the step, λ, pretraining."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras import registry
from genkeras.models import noise, wae, wae_terms
from genkeras.models.latent_prior import LatentPrior
from genkeras.models.wae import WAE
from genkeras.models.wae_mmd import WAEMMD
from genkeras.training import state

SHAPE = (3, 2, 1)
PIXELS = 6
LATENT_DIM = 2


def _network(inputs, outputs, shape=None, seed=0, activation=None):
    network = keras.Sequential([keras.Input(inputs), keras.layers.Flatten()])
    network.add(keras.layers.Dense(outputs, activation))
    if shape:
        network.add(keras.layers.Reshape(shape))
    draw = np.random.default_rng(seed)
    network.set_weights([draw.normal(0, 0.5, w.shape) for w in network.get_weights()])
    return network


def _model(model_class=WAEMMD, prior="normal", scale=1.0, encoder=None, **options):
    doubled = options.get("encoder_noise") == "gaussian"
    model = model_class(
        encoder or _network(SHAPE, LATENT_DIM * (1 + doubled)),
        _network((LATENT_DIM,), PIXELS, SHAPE, seed=1, activation="sigmoid"),
        prior=LatentPrior(prior, LATENT_DIM, scale),
        value_range=(0.0, 1.0),
        **options,
    )
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def _pictures(number=8, seed=0):
    return np.random.default_rng(seed).random((number, *SHAPE)).astype("float32")


def _seed(number=5):
    return noise.fold(number, 0)


# Costs and moments


def test_costs_are_sums_over_pixels_and_means_over_images():
    x = tf.constant(np.zeros((2, *SHAPE), np.float32))
    y = tf.constant(np.stack([np.full(SHAPE, 2.0), np.full(SHAPE, -1.0)]).astype(np.float32))
    assert float(wae_terms.COSTS["l2sq"](x, y)) == pytest.approx(0.05 * (24 + 6) / 2)
    assert float(wae_terms.COSTS["l1"](x, y)) == pytest.approx(0.02 * (12 + 6) / 2)
    expected = 0.2 * (24**0.5 + 6**0.5) / 2
    assert float(wae_terms.COSTS["l2"](x, y)) == pytest.approx(expected)


def test_the_euclidean_cost_has_a_gradient_at_zero():
    x = tf.ones((1, *SHAPE))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = wae_terms.euclidean_cost(tf.ones_like(x), x)
    assert np.isfinite(tape.gradient(value, x).numpy()).all()
    assert float(value) == pytest.approx(0.2 * 1e-4)


def test_moment_distance():
    random = np.random.default_rng(0)
    x, y = random.normal(1, 2, (30, 3)), random.normal(size=(30, 3))
    expected = np.mean((x.mean(0) - y.mean(0)) ** 2)
    expected += np.mean((np.cov(x.T) - np.cov(y.T)) ** 2)
    value = wae_terms.moment_distance(x.astype("float32"), y.astype("float32"))
    assert float(value) == pytest.approx(expected, rel=1e-4)


def test_truncated_normal_stays_within_two_deviations():
    values = wae_terms.truncated_normal((20000,), _seed()).numpy()
    assert 1.95 < abs(values).max() <= 2.0001
    assert values.mean() == pytest.approx(0.0, abs=0.02)
    # The standard deviation of N(0, 1) cut at ±2.
    assert values.std() == pytest.approx(0.8796, abs=0.01)


# Priors


def test_priors_and_what_encoders_are_mapped_to():
    outputs = tf.constant(np.random.default_rng(0).normal(size=(50, 3)) * 5.0, tf.float32)
    normal, sphere, uniform = (LatentPrior(n, 3, 2.0) for n in ("normal", "sphere", "uniform"))
    assert normal.draw(20000, _seed()).numpy().std() == pytest.approx(2.0, rel=0.02)
    np.testing.assert_array_equal(normal.constrain(outputs), outputs)
    for latents in (sphere.draw(50, _seed()), sphere.constrain(outputs)):
        np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 2.0, rtol=1e-5)
    assert abs(np.mean(sphere.draw(20000, _seed()))) < 0.02
    drawn = uniform.draw(20000, _seed()).numpy()
    assert -2.0 <= drawn.min() < -1.99
    assert 1.99 < drawn.max() <= 2.0
    np.testing.assert_allclose(uniform.constrain(outputs), 2.0 * np.tanh(outputs), rtol=1e-5)


def test_base_scales_of_the_kernels():
    scales = [LatentPrior(n, 3, 2.0).kernel_scale for n in ("normal", "sphere", "uniform")]
    assert scales == [2 * 3 * 4.0, 2.0, 3.0]


def test_log_density_of_a_hand_number():
    # ‖z‖² = 5, s² = 4, d = 2: −5/8 − ½ log 2π − log 4.
    value = LatentPrior("normal", 2, 2.0).log_density(tf.constant([[1.0, 2.0], [0.0, 0.0]]))
    constant = 0.5 * np.log(2 * np.pi) + np.log(4.0)
    np.testing.assert_allclose(value, [-0.625 - constant, -constant], rtol=1e-6)


@pytest.mark.parametrize(("name", "scale"), [("gauss", 1.0), ("normal", 0.0)])
def test_impossible_priors_are_refused(name, scale):
    with pytest.raises(ValueError, match="prior"):
        LatentPrior(name, 2, scale)


# Encoder noises


def test_deterministic_codes_are_the_encoders_outputs():
    model = _model(encoder_noise="deterministic")
    images = _pictures()
    expected = model.encoder(images).numpy()
    np.testing.assert_allclose(model.draw_codes(images, _seed(), training=True), expected)
    np.testing.assert_allclose(model.encode(images, seed=3), expected)


def test_add_noise_moves_pixels_a_little_and_in_training_only():
    pixels = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Flatten()])
    model = _model(encoder=pixels, encoder_noise="add_noise")
    images = np.zeros((500, 1, 2, 1), np.float32)
    assert not np.any(model.draw_codes(images, _seed(), training=False))
    assert not np.any(model.encode(images, seed=1))
    moved = model.draw_codes(images, _seed(), training=True).numpy()
    assert 0.019 < abs(moved).max() <= 0.02001
    assert moved.std() == pytest.approx(0.0088, rel=0.1)


def test_gaussian_codes():
    model = _model(encoder_noise="gaussian")
    mean, log_variance = np.array([1.0, -2.0]), np.array([0.5, 70.0])
    outputs = np.tile(np.concatenate([mean, log_variance]), (4, 1)).astype("float32")
    model.encoder = lambda images, training=None: tf.constant(outputs)
    epsilon = noise.normal((4, 2), _seed()).numpy()
    # The log-variance is clipped at 50.
    deviation = np.sqrt(1e-8 + np.exp(np.array([0.5, 50.0])))
    expected = mean + epsilon * deviation
    np.testing.assert_allclose(model.draw_codes(_pictures(4), _seed()), expected, rtol=1e-5)
    np.testing.assert_allclose(model.encode(_pictures(4)), np.tile(mean, (4, 1)))


def test_a_hopeless_variance_still_leaves_the_constant():
    model = _model(encoder_noise="gaussian")
    outputs = tf.constant(np.tile([0.0, 0.0, -80.0, -80.0], (3, 1)), tf.float32)
    codes = model.codes(outputs, tf.ones((3, 2)))
    np.testing.assert_allclose(codes, 1e-4, rtol=1e-5)


def test_implicit_codes():
    matrix = _network((LATENT_DIM,), 4, (2, 2), seed=3)
    model = _model(encoder_noise="implicit", noise_matrix=matrix, prior="sphere", scale=3.0)
    images = _pictures()
    centres = model.encoder(images).numpy()
    epsilon = noise.normal((8, 2), _seed()).numpy()
    moved = np.stack(
        [e + n @ a for e, n, a in zip(centres, epsilon, matrix(centres).numpy(), strict=True)]
    )
    expected = 3.0 * moved / np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(model.draw_codes(images, _seed()), expected, rtol=1e-4)
    trained = [id(v) for v in model.encoder_variables]
    assert {id(v) for v in matrix.trainable_variables} <= set(trained)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder_noise": "gaussian", "prior": "sphere"}, "support"),
        ({"encoder_noise": "implicit"}, "noise_matrix"),
        ({"encoder_noise": "some"}, "encoder_noise"),
        ({"cost": "l3"}, "cost"),
        ({"lambda_schedule": "linear"}, "lambda_schedule"),
        ({"learning_rate_schedule": "often"}, "learning_rate_schedule"),
        ({"kernel": "cubic"}, "kernel"),
    ],
)
def test_impossible_models_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        _model(**options)


# The training step


class Shifted(WAE):
    """A penalty that is easy to follow: the mean squared distance to the prior's latents."""

    def latent_penalty(self, posterior_latents, prior_latents):
        return tf.reduce_mean(tf.square(posterior_latents - prior_latents))


def test_a_step_descends_reconstruction_plus_lambda_times_penalty():
    model = _model(Shifted, encoder_noise="deterministic", wae_lambda=7.0)
    images = _pictures()
    variables = model.encoder.trainable_variables + model.decoder.trainable_variables
    before = [v.numpy() for v in variables]
    prior_latents = model.prior.draw(8, noise.fold(noise.fold(noise.fold(0, 0), 0), 0))
    with tf.GradientTape() as tape:
        codes = model.encoder(images)
        reconstruction = 0.05 * tf.reduce_sum((images - model.decoder(codes)) ** 2) / 8
        penalty = tf.reduce_mean((codes - prior_latents) ** 2)
        loss = reconstruction + 7.0 * penalty
    gradients = tape.gradient(loss, [v.value for v in variables])
    logs = model.train_step(tf.constant(images))
    assert float(logs["loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(logs["reconstruction_loss"]) == pytest.approx(float(reconstruction), rel=1e-5)
    assert float(logs["latent_penalty"]) == pytest.approx(float(penalty), rel=1e-5)
    for old, gradient, variable in zip(before, gradients, variables, strict=True):
        np.testing.assert_allclose(variable.numpy(), old - 0.1 * gradient.numpy(), atol=1e-6)


def test_a_step_runs_both_networks_in_training_mode():
    modes = []

    class Watched(Shifted):
        def draw_codes(self, images, seed, training=False):
            modes.append(training)
            return super().draw_codes(images, seed, training)

    model = _model(Watched, encoder_noise="add_noise", fixed_point_weight=1.0)
    decoder = model.decoder
    model.decoder = lambda z, training=False: modes.append(training) or decoder(z)
    model.decoder.trainable_variables = decoder.trainable_variables
    model.train_step(tf.constant(_pictures()))
    # Codes and reproductions of the images; the sample, its code and its reproduction.
    assert modes == [True] * 5


def test_adaptive_lambda_moves_every_1000_steps():
    model = _model(Shifted, lambda_schedule="adaptive", wae_lambda=10.0)
    model.steps_done.assign(998)
    model.train_step(tf.constant(_pictures()))
    assert float(model.wae_lambda.numpy()) == 10.0
    for metric in model.metrics:
        metric.reset_state()
    logs = model.train_step(tf.constant(_pictures()))
    ratio = float(logs["reconstruction_loss"] / abs(logs["latent_penalty"]))
    assert float(logs["wae_lambda"]) == 10.0
    assert float(model.wae_lambda.numpy()) == pytest.approx(5.0 + 0.5 * ratio, rel=1e-5)
    assert any(key.endswith("wae_lambda") for key in state.collect(model))


def test_adaptive_lambda_stays_positive_when_the_penalty_is_negative():
    class Negative(WAE):
        def latent_penalty(self, posterior_latents, prior_latents):
            return tf.constant(-0.5)

    model = _model(Negative, lambda_schedule="adaptive", wae_lambda=1.0)
    model.steps_done.assign(999)
    logs = model.train_step(tf.constant(_pictures()))
    expected = 0.5 + 0.5 * float(logs["reconstruction_loss"]) / 0.5
    assert float(model.wae_lambda.numpy()) == pytest.approx(expected, rel=1e-5)


def test_the_fixed_point_cost_trains_only_the_decoder_that_made_the_sample():
    model = _model(encoder_noise="deterministic")
    latents = model.prior.draw(6, _seed())
    # The same weights in two decoders tell the one inside R from the one that made G.
    copy = keras.models.clone_model(model.decoder)
    copy.set_weights(model.decoder.get_weights())
    with tf.GradientTape() as tape:
        generated = copy(latents)
        expected = 0.05 * tf.reduce_mean(
            tf.reduce_sum(
                (generated - model.decoder(model.encoder(generated))) ** 2, axis=(1, 2, 3)
            )
        )
    wanted = tape.gradient(expected, [v.value for v in copy.trainable_variables])
    with tf.GradientTape(persistent=True) as tape:
        cost = model.fixed_point_cost(latents, _seed())
    assert float(cost) == pytest.approx(float(expected), rel=1e-5)
    found = tape.gradient(cost, [v.value for v in model.decoder.trainable_variables])
    for gradient, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(gradient, other, atol=1e-6)
        assert np.abs(other).max() > 1e-4
    assert tape.gradient(cost, [v.value for v in model.encoder.trainable_variables]) == [None] * 2


def test_the_fixed_point_cost_is_weighed_in():
    def loss(weight):
        model = _model(Shifted, encoder_noise="deterministic", fixed_point_weight=weight)
        return float(model.train_step(tf.constant(_pictures()))["loss"])

    model = _model(Shifted, encoder_noise="deterministic")
    step_seed = noise.fold(noise.fold(0, 0), 0)
    latents = model.prior.draw(8, noise.fold(step_seed, 0))
    cost = float(model.fixed_point_cost(latents, noise.fold(step_seed, 2)))
    assert loss(3.0) - loss(0.0) == pytest.approx(3.0 * cost, rel=1e-3)


# Pretraining


def _pretrainable(seed=0, rate=0.05):
    model = WAEMMD(
        _network(SHAPE, LATENT_DIM, seed=2),
        _network((LATENT_DIM,), PIXELS, SHAPE, seed=1),
        prior=LatentPrior("normal", LATENT_DIM),
        value_range=(0.0, 1.0),
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(rate))
    return model


def test_pretraining_fits_the_encoder_alone_and_stops_below_a_tenth():
    model = _pretrainable()
    decoder = model.decoder.get_weights()
    losses = model.pretrain(_pictures(64, seed=number) for number in range(1000))
    assert losses[0] > losses[-1]
    assert losses[-1] < 0.1
    assert all(loss >= 0.1 for loss in losses[:-1])
    for old, new in zip(decoder, model.decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(model.steps_done.numpy()) == 0
    assert int(model.autoencoder_optimizer.iterations.numpy()) == 0
    again = _pretrainable()
    assert again.pretrain(_pictures(64, seed=number) for number in range(1000)) == losses


def test_pretraining_takes_at_most_200_batches(monkeypatch):
    monkeypatch.setattr(wae, "PRETRAINED_BELOW", 0.0)
    taken = []

    def batches():
        while True:
            taken.append(0)
            yield _pictures(8), None

    assert len(_pretrainable().pretrain(batches())) == 200
    assert len(taken) == 200


# The models of the registry

CONSTANTS = {
    # exp: latent_dim, prior_scale, noise, schedule, epochs, then per penalty: λ, rate.
    "mnist": (8, 1.0, "add_noise", "manual", 100, (10.0, 1e-3), (10.0, 1e-3)),
    "mnist_small": (4, 1.0, "gaussian", "plateau", 30, (10.0, 1e-3), (10.0, 1e-3)),
    "celebA": (64, 2.0**0.5, "add_noise", "manual_smooth", 50, (100.0, 1e-3), (1.0, 3e-4)),
    "celebA_small": (2, 2.0**0.5, "gaussian", "plateau", 50, (100.0, 1e-3), (1.0, 3e-4)),
}


@pytest.mark.parametrize("exp", CONSTANTS)
def test_the_constants_of_the_experiments(exp):
    *shared, mmd, gan = CONSTANTS[exp]
    names = ("latent_dim", "prior_scale", "encoder_noise", "learning_rate_schedule", "epochs")
    for model, own in (("wae_mmd", mmd), ("wae_gan", gan)):
        options = registry.recipe(model).complete({"exp": exp})
        assert [options[name] for name in names] == shared
        assert (options["wae_lambda"], options["learning_rate"]) == own
        assert (options["batch_size"], options["beta_1"]) == (100, 0.5)
        assert registry.recipe(model).epochs_matter(options) == (exp == "celebA")
    assert options["discriminator_learning_rate"] == (1e-3 if "celebA" in exp else 5e-4)
    assert options["gan_p_trick"] == ("celebA" in exp)


@pytest.mark.parametrize("name", ["wae_mmd", "wae_gan"])
@pytest.mark.parametrize(
    ("exp", "value_range", "pretraining"),
    [("mnist_small", (0.0, 1.0), 1000), ("celebA", (-1.0, 1.0), 256)],
)
def test_the_output_fills_its_range(name, exp, value_range, pretraining):
    model = registry.build(name, (13, 9, 3), exp=exp, width=1, latent_dim=3)
    assert model.value_range == value_range
    assert model.pretraining_batch_size == pretraining
    images = model.decode(1e4 * np.random.default_rng(0).normal(size=(64, 3)).astype("float32"))
    if exp == "celebA":
        assert images.min() < 0.0
    assert value_range[0] <= images.min()
    assert images.max() <= value_range[1]


def test_pretraining_can_be_left_out():
    model = registry.build("wae_mmd", (5, 5, 1), width=1, encoder_pretraining=False)
    assert model.pretraining_batch_size is None


@pytest.mark.parametrize("name", ["wae_mmd", "wae_gan"])
def test_compiled_steps_are_those_of_eager_ones(name):
    def train(jit_compile):
        options = {"exp": "mnist", "latent_dim": 3, "fixed_point_weight": 0.5}
        model = registry.build(name, (7, 5, 1), width=1, seed=2, **options)
        model.jit_compile, model.run_eagerly = jit_compile, not jit_compile
        images = np.random.default_rng(0).random((12, 7, 5, 1)).astype("float32")
        dataset = tf.data.Dataset.from_tensor_slices(images).batch(4, drop_remainder=True)
        return model.fit(dataset, epochs=2, verbose=0).history

    compiled, eager = train(True), train(False)
    assert compiled.keys() == eager.keys()
    for key, values in eager.items():
        np.testing.assert_allclose(compiled[key], values, rtol=2e-3, atol=2e-3)


def test_labels_are_refused():
    with pytest.raises(ValueError, match="unconditional"):
        _model().sample(2, labels=[0, 1])
