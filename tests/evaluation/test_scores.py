import dataclasses
import logging
import types

import numpy as np
import pytest

from genkeras import registry
from genkeras.data.dataset import ImageDataset, Split
from genkeras.evaluation import model_scores, scores
from genkeras.evaluation.evaluator import METRICS, Evaluator, Protocol
from genkeras.metrics.code_distance import code_distance
from genkeras.metrics.features import FunctionExtractor
from genkeras.metrics.frechet_distance import frechet_distance
from genkeras.metrics.inception_score import inception_score
from genkeras.metrics.intervals import binomial_interval, bootstrap_interval, half_sampled
from genkeras.metrics.kernel_distance import kernel_distance_standard_error
from genkeras.metrics.sharpness import sharpness
from genkeras.training.errors import RunError


def _features(images):
    """Eight random projections, and from them probabilities of four classes."""
    pixels = images.reshape(len(images), -1) / 255.0
    projected = pixels @ np.random.default_rng(0).normal(size=(pixels.shape[1], 8))
    odds = np.exp(2.0 * projected[:, :4])
    return 0.2 * projected, odds / odds.sum(axis=1, keepdims=True)


EXTRACTOR = FunctionExtractor(_features, kind="random", tag="projections")


@pytest.fixture
def dataset(draw_images):
    images = draw_images(900, (12, 12, 1))
    return ImageDataset("squares", Split(images[:600], None), Split(images[600:], None), None, {})


class _Copies:
    """A "model" whose samples are given pictures, and that reproduces pictures as they are."""

    value_range = (0.0, 1.0)
    latent_dim = 2

    def __init__(self, images):
        self.images = images

    def sample(self, num_images, labels=None, seed=None):
        assert labels is None
        rows = np.random.default_rng(seed).integers(0, len(self.images), num_images)
        return self.images[rows] / 255.0

    def encode(self, images, seed=None):
        return np.asarray(images).reshape(len(images), -1)[:, :2]

    def decode(self, latents):
        raise NotImplementedError

    def reconstruct(self, images):
        return np.asarray(images)


def _scored(dataset, images, **protocol):
    protocol = Protocol(num_images=300, features=EXTRACTOR, **protocol)
    return Evaluator(dataset, protocol).score_images(images)


def _value(found, title):
    (value,) = [score.value for score in found.values() if score.title == title]
    return value


def test_scores_are_those_of_their_functions_and_carry_their_protocol(dataset, draw_images):
    images = draw_images(300, (12, 12, 1), seed=5)
    found = _scored(dataset, images)
    assert set(found) == {
        "random_score_projections_300",
        "frechet_random_distance_projections_test300",
        "kernel_random_distance_projections_test300",
        "precision_random_projections_k3_test300",
        "recall_random_projections_k3_test300",
        "density_random_projections_k5_test300",
        "coverage_random_projections_k5_test300",
        "sharpness_laplace_300",
        "memorization_pixels_300_test300",
    }
    # The protocol rounds features to float32.
    real, fake = (EXTRACTOR(pictures) for pictures in (dataset.test.images, images))
    frechet = found["frechet_random_distance_projections_test300"]
    assert frechet.value == frechet_distance(real.features, fake.features)
    assert not frechet.higher_is_better
    score = found["random_score_projections_300"]
    shuffled = np.random.Generator(np.random.Philox(key=0)).permutation(300)
    assert (score.value, score.std) == inception_score(fake.probabilities[shuffled], num_splits=10)
    assert score.higher_is_better
    for entry in (frechet, score):
        assert entry.interval.low < entry.corrected < entry.interval.high
    # 300 pictures do not make a subset of the kernel distance: said beside the number.
    assert "1000" in found["kernel_random_distance_projections_test300"].notes[0]


def test_intervals_are_those_of_their_functions(dataset, draw_images):
    images = draw_images(200, (12, 12, 1), seed=5)
    protocol = Protocol(num_images=300, features=EXTRACTOR)
    scored = Evaluator(dataset, protocol).score_images(images)
    found = {score.title: score for score in scored.values()}
    real, fake = (EXTRACTOR(pictures).features for pictures in (dataset.test.images, images))
    kernel = found["Kernel random distance"]
    # Of the whole sets, and of having drawn 100 subsets.
    error = np.hypot(kernel_distance_standard_error(real, fake), kernel.std / 10.0)
    assert kernel.interval.standard_error == pytest.approx(error, rel=1e-12)
    assert kernel.interval.high - kernel.value == pytest.approx(1.959964 * error, rel=1e-6)
    assert kernel.value - kernel.interval.low == pytest.approx(1.959964 * error, rel=1e-6)
    # Shares of the 200 pictures that both sides are cut to.
    for title in ("Precision", "Recall", "Coverage"):
        assert found[title].interval == binomial_interval(found[title].value, 200)
    assert found["Density"].interval is None
    values = sharpness(images)
    assert found["Sharpness"].interval == bootstrap_interval(values)
    corrected, interval = half_sampled(frechet_distance, real, fake, num_subsamples=100)
    frechet = found["Fréchet random distance"]
    assert (frechet.corrected, frechet.interval) == (corrected, interval)


def test_other_numbers_have_other_names(dataset, draw_images):
    protocol = Protocol(metrics=("frechet", "precision_recall", "score"), features=EXTRACTOR)
    found = Evaluator(dataset, protocol).score_images(draw_images(200, (12, 12, 1)))
    assert set(found) == {
        "frechet_random_distance_projections_200_test300",
        # Both sides are cut to 200.
        "precision_random_projections_k3_test200",
        "recall_random_projections_k3_test200",
        "random_score_projections_200",
    }
    assert scores.count_text(10_000) == "10k"
    assert scores.count_text(1_001) == "1001"


def test_pictures_sorted_by_class_do_not_lower_the_score(dataset, draw_images):
    images = draw_images(300, (12, 12, 1))
    classes = EXTRACTOR(images).probabilities.argmax(axis=1)
    values = [
        _value(_scored(dataset, pictures, metrics=("score",)), "Random score")
        for pictures in (images, images[np.argsort(classes)])
    ]
    assert values[0] == pytest.approx(values[1], rel=0.05)
    apart = inception_score(EXTRACTOR(images[np.argsort(classes)]).probabilities)[0]
    assert apart < 0.8 * values[0]


def test_directions(dataset, draw_images):
    """A generator that repeats one picture, and one that adds noise, are found out."""
    good = draw_images(300, (12, 12, 1), seed=5)
    noise = np.random.default_rng(1).integers(0, 256, good.shape)
    noisy = ((good.astype(int) + noise) // 2).astype(np.uint8)
    collapsed = np.repeat(dataset.test.images[:1], 300, axis=0)
    found = {
        name: _scored(dataset, images, metrics=("frechet", "kernel", "precision_recall"))
        for name, images in (("good", good), ("noisy", noisy), ("collapsed", collapsed))
    }
    for title in ("Fréchet random distance", "Kernel random distance"):
        assert _value(found["good"], title) < _value(found["noisy"], title) / 2
        assert _value(found["good"], title) < _value(found["collapsed"], title) / 2
    assert _value(found["collapsed"], "Precision") == 1.0
    assert _value(found["collapsed"], "Recall") < 0.05
    assert _value(found["good"], "Recall") > 0.8


def test_copies_of_training_pictures_are_found_out(dataset, draw_images):
    copied = dataset.train.images[:300]
    fresh = draw_images(300, (12, 12, 1), seed=5)
    shares = [
        _value(_scored(dataset, images, metrics=("memorization",)), "Memorization")
        for images in (copied, fresh)
    ]
    assert shares[0] > 0.7
    assert shares[1] == pytest.approx(0.5, abs=0.1)


def test_real_pictures_are_held_against_training_pictures(dataset):
    found = Evaluator(dataset, Protocol(num_images=300, features=EXTRACTOR)).score_real()
    assert "frechet_random_distance_projections_train300" in found
    # Of the reference alone: nothing to memorize.
    assert not any("memorization" in name for name in found)
    distance = _value(found, "Fréchet random distance")
    assert 0 < distance < 0.2
    # Not test pictures against themselves, nor the same training pictures for both.
    assert distance > 1e-6


def test_a_model_is_scored_with_what_it_can_do(dataset):
    evaluator = Evaluator(dataset, Protocol(num_images=300, features=EXTRACTOR))
    model = _Copies(dataset.test.images)
    model.draw_prior = lambda count, seed: np.random.default_rng(seed).random((count, 2))
    model.prior_kernel_scale = 2.0
    found = evaluator.score_model(model_scores.ModelTask(model, dataset.test))
    assert found["reconstruction_mse_encoder_test64"].value == 0.0
    assert found["reconstruction_ssim_encoder_test64"].value == pytest.approx(1.0)
    assert "code_distance_imq_test300" in found
    # It has no likelihood.
    assert not any("likelihood" in name or "elbo" in name for name in found)
    assert _value(found, "Fréchet random distance") < 0.2


def test_scores_of_a_model_are_those_of_their_functions(dataset):
    model = registry.build("vae", (12, 12, 1), width=4, latent_dim=3, seed=1)
    task = model_scores.ModelTask(model, dataset.test)
    found = model_scores.score_model(task, ["likelihood", "codes"])
    assert list(found) == [
        "elbo_bernoulli_test300",
        "log_likelihood_importance50_bernoulli_test300",
        "code_distance_imq_test300",
    ]
    images = (dataset.test.images / 255.0).astype(np.float32)
    weights = model.log_weights(images, 50, seed=0)
    bound, likelihood, codes = found.values()
    assert bound.value == pytest.approx(weights.mean(), rel=1e-12)
    assert bound.interval == bootstrap_interval(weights.mean(axis=1))
    bounds = np.log(np.mean(np.exp(weights - weights.max()), axis=1)) + weights.max()
    assert likelihood.value == pytest.approx(bounds.mean(), rel=1e-9)
    assert likelihood.value > bound.value
    # Samples of the posterior, as the prior's are samples too; its means lie closer together.
    samples, means = model.encode(images, seed=0), model.encode(images)
    prior = model.draw_prior(300, 0)
    assert codes.value == code_distance(samples, prior, 6.0)
    assert codes.value != code_distance(means, prior, 6.0)


def test_the_classes_of_samples_are_as_frequent_as_in_training(dataset):
    labels = np.arange(600) % 3 // 2  # Two of three are 0.
    labelled = dataclasses.replace(dataset, train=Split(dataset.train.images, labels))
    asked = []

    def sample(num_images, labels, seed):
        asked.append((labels, seed))
        return np.zeros((num_images, 12, 12, 1))

    model = types.SimpleNamespace(num_classes=2, value_range=(0.0, 1.0), sample=sample)
    protocol = Protocol(num_images=3000, features=EXTRACTOR, seed=4)
    assert Evaluator(labelled, protocol).samples(model).shape == (3000, 12, 12, 1)
    ((drawn, seed),) = asked
    assert seed == 4
    assert np.mean(drawn) == pytest.approx(1 / 3, abs=0.05)


def test_numbers_during_training_are_the_same_without_intervals(dataset):
    model = _Copies(dataset.train.images)
    evaluator = Evaluator(dataset, Protocol(num_images=300, features=EXTRACTOR))
    quick = evaluator.numbers_during_training(["frechet"])(model)
    whole = evaluator.score_images(evaluator.samples(model), ["frechet"])
    assert quick == {name: score.value for name, score in whole.items()}


def test_without_features_the_others_remain(dataset, draw_images):
    evaluator = Evaluator(dataset, Protocol(num_images=300, features="none"))
    found = evaluator.score_images(draw_images(300, (12, 12, 1)))
    assert {score.metric for score in found.values()} == {"sharpness", "memorization"}
    with pytest.raises(RunError, match="--metrics=frechet needs features"):
        Evaluator(dataset, Protocol(metrics=("sharpness", "frechet"), features="none"))


def test_features_without_probabilities_have_all_scores_but_one(dataset, draw_images):
    extractor = FunctionExtractor(lambda images: _features(images)[0], "plain", "projections")
    evaluator = Evaluator(dataset, Protocol(num_images=300, features=extractor))
    found = evaluator.score_images(draw_images(300, (12, 12, 1)))
    assert set(scores.METRICS) - {score.metric for score in found.values()} == {"score"}


def test_what_a_model_has_not_is_told_once_during_training(dataset, caplog):
    evaluator = Evaluator(dataset, Protocol(num_images=300, features="none"))
    score = evaluator.numbers_during_training(["likelihood", "sharpness"])
    for _ in range(2):
        assert list(score(_Copies(dataset.test.images))) == ["sharpness_laplace_300"]
    assert caplog.messages == ["Left out: likelihood, which needs a model with a likelihood."]


def test_mistakes(dataset):
    with pytest.raises(RunError, match=r"no metric 'fid'.*frechet"):
        Protocol(metrics=("fid",))
    with pytest.raises(RunError, match=r"--metrics= names no metric: choose from score"):
        Protocol(metrics=())
    with pytest.raises(RunError, match="--num_images=1"):
        Protocol(num_images=1)
    few = dataclasses.replace(dataset, test=Split(dataset.test.images[:1], None))
    with pytest.raises(RunError, match="not two test pictures"):
        Evaluator(few, Protocol())


def _few(dataset, num_train, num_test, size=12):
    """The first pictures of a data set, cut to a size."""
    parts = [
        Split(part.images[:number, :size, :size], None)
        for part, number in ((dataset.train, num_train), (dataset.test, num_test))
    ]
    return dataclasses.replace(dataset, train=parts[0], test=parts[1])


@pytest.mark.parametrize(
    ("name", "least"),
    [("score", 4), ("frechet", 4), ("kernel", 2), ("precision_recall", 4), ("density_coverage", 6)],
)
def test_the_fewest_pictures_of_a_score(dataset, name, least):
    def score(num_train, num_test, num_images):
        few = _few(dataset, num_train, num_test)
        evaluator = Evaluator(few, Protocol((name,), num_images, features=EXTRACTOR))
        samples = dataset.train.images[50 : 50 + num_images]
        return evaluator.score_images(samples), evaluator.score_real()

    for found in score(least, least, least):
        assert {entry.metric for entry in found.values()} == {name}
    fewer = least - 1
    told = f"--metrics={name} needs at least {least} pictures on each side; there are {fewer} "
    with pytest.raises(RunError, match=told + "training pictures"):
        score(fewer, least, least)
    if fewer >= 2:
        with pytest.raises(RunError, match=told + "test pictures"):
            score(least, fewer, least)
        with pytest.raises(RunError, match=told + r"samples \(--num_images\)"):
            score(least, least, fewer)


def test_what_few_pictures_do_not_allow_is_left_out_unless_named(dataset, caplog):
    with caplog.at_level(logging.WARNING, logger="genkeras"):
        evaluator = Evaluator(_few(dataset, 600, 5), Protocol(num_images=300, features=EXTRACTOR))
    assert set(METRICS) - set(evaluator.metrics) == {"density_coverage"}
    assert [record.getMessage() for record in caplog.records] == [
        "Left out: density_coverage, which needs at least 6 pictures on each side; there are 5 "
        "test pictures."
    ]
    found = evaluator.score_images(dataset.test.images[5:]) | evaluator.score_real()
    assert {entry.metric for entry in found.values()} == {
        "score",
        "frechet",
        "kernel",
        "precision_recall",
        "sharpness",
        "memorization",
    }


def test_pictures_too_small_for_a_filter_have_no_sharpness(dataset, caplog):
    tiny = _few(dataset, 600, 300, size=2)
    evaluator = Evaluator(tiny, Protocol(num_images=300, features="none"))
    assert "Left out: sharpness, which needs at least 3×3 pixels" in caplog.text
    found = evaluator.score_images(tiny.train.images[:300])
    assert {entry.metric for entry in found.values()} == {"memorization"}
    with pytest.raises(RunError, match=r"--metrics=sharpness needs at least 3×3 pixels.* 2×2"):
        Evaluator(tiny, Protocol(metrics=("sharpness",)))
    assert "sharpness" in Evaluator(_few(dataset, 9, 9, 3), Protocol(("sharpness",))).metrics


def test_every_metric_is_documented():
    assert all(metric.help for metric in METRICS.values())
    from apps import flags

    for name in METRICS:
        assert name in flags.SCORES["metrics"].help
