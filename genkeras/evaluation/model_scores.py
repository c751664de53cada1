"""Scores of a model rather than of its samples: reproductions, likelihood, codes."""

import dataclasses
import functools

import numpy as np

from genkeras.data.dataset import Split
from genkeras.data.preprocessing import to_range
from genkeras.evaluation.reconstruction import reproduce
from genkeras.evaluation.scores import Metric, Score, count_text, drawn, with_warnings
from genkeras.metrics.code_distance import code_distance
from genkeras.metrics.intervals import bootstrap_interval
from genkeras.metrics.likelihood import (
    evidence_lower_bounds,
    importance_weighted_log_likelihoods,
)
from genkeras.metrics.reconstruction import (
    WINDOW_SIZE,
    mean_squared_errors,
    peak_signal_to_noise_ratios,
    structural_similarities,
)

# GANs have to search for every picture, and all models reproduce the same ones.
REPRODUCED_IMAGES = 64
LIKELIHOOD_IMAGES, LIKELIHOOD_SAMPLES = 500, 50
CODE_IMAGES = 1_000
SEED = 0


@dataclasses.dataclass(frozen=True)
class ModelTask:
    """A model and the test pictures it is scored with.

    Args:
        model: A trained model.
        test: `Split` of test pictures.
    """

    model: object
    test: Split

    @functools.cached_property
    def reproductions(self):
        """Originals, their reproductions (both uint8 arrays) and how they were found."""
        rows = drawn(np.arange(len(self.test.images)), REPRODUCED_IMAGES)
        originals = np.asarray(self.test.images[rows])
        labels = None if self.test.labels is None else np.asarray(self.test.labels[rows])
        return (originals, *reproduce(self.model, originals, labels))

    def images(self, count):
        """Returns test pictures in the model's range, at most `count`."""
        return to_range(drawn(self.test.images, count), self.model.value_range)


def score_model(task, metrics):
    """Scores what a model does with test pictures.

    Args:
        task: `ModelTask`.
        metrics: Iterable of keys of `METRICS`; what a model cannot do is left out.

    Returns:
        Dict of a name that carries the protocol to a `Score`.
    """
    results = {}
    for metric in metrics:
        results |= with_warnings(METRICS[metric].function, task, metric)
    return results


def _reconstruction(task, metric):
    originals, reproductions, method = task.reproductions
    kinds = [
        ("mse", "Reconstruction MSE", mean_squared_errors, False),
        ("psnr", "Reconstruction PSNR", peak_signal_to_noise_ratios, True),
    ]
    if min(originals.shape[1:3]) >= WINDOW_SIZE:
        kinds.append(("ssim", "Reconstruction SSIM", structural_similarities, True))
    results = {}
    how = method.split(",")[0]
    for word, title, function, higher_is_better in kinds:
        values = function(originals, reproductions)
        if not np.isfinite(values).all():
            continue  # The ratio of a picture without error.
        name = f"reconstruction_{word}_{how}_test{count_text(len(values))}"
        results[name] = Score(
            metric,
            title,
            float(values.mean()),
            higher_is_better,
            interval=bootstrap_interval(values),
        )
    return results


def _likelihood(task, metric):
    model = task.model
    if not hasattr(model, "log_weights"):
        return {}
    images = task.images(LIKELIHOOD_IMAGES)
    log_weights = model.log_weights(images, LIKELIHOOD_SAMPLES, seed=SEED)
    count = f"test{count_text(len(images))}"
    bounds = evidence_lower_bounds(log_weights)
    likelihoods = importance_weighted_log_likelihoods(log_weights)
    kinds = {
        f"elbo_{model.likelihood}_{count}": ("ELBO, nats", bounds),
        f"log_likelihood_importance{LIKELIHOOD_SAMPLES}_{model.likelihood}_{count}": (
            "Log-likelihood, nats",
            likelihoods,
        ),
    }
    return {
        name: Score(metric, title, float(values.mean()), True, interval=bootstrap_interval(values))
        for name, (title, values) in kinds.items()
    }


def _codes(task, metric):
    model = task.model
    if not hasattr(model, "encode"):
        return {}
    codes = model.encode(task.images(CODE_IMAGES), seed=SEED)
    prior_latents = model.draw_prior(len(codes), SEED)
    value = code_distance(codes, prior_latents, model.prior_kernel_scale)
    name = f"code_distance_imq_test{count_text(len(codes))}"
    return {name: Score(metric, "Code distance", value, False)}


METRICS = {
    "reconstruction": Metric(
        _reconstruction, "reproduction of test pictures: MSE, PSNR, SSIM", features=False
    ),
    "likelihood": Metric(
        _likelihood,
        "VAE: ELBO and log-likelihood",
        features=False,
        needs="a model with a likelihood",
    ),
    "codes": Metric(
        _codes,
        "autoencoders: MMD between codes and prior",
        features=False,
        needs="a model with an encoder",
    ),
}
