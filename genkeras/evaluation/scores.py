"""The protocol under which pictures are scored: which, how many, against what, under what name."""

import dataclasses
import math
import warnings

import numpy as np
from tqdm import tqdm

from genkeras.metrics.features import Extraction
from genkeras.metrics.frechet_distance import frechet_distance
from genkeras.metrics.inception_score import inception_score
from genkeras.metrics.intervals import (
    MIN_ROWS,
    NORMAL_QUANTILE,
    Interval,
    binomial_interval,
    bootstrap_interval,
    half_sampled,
)
from genkeras.metrics.kernel_distance import kernel_distance, kernel_distance_standard_error
from genkeras.metrics.memorization import nearest_neighbours, share_nearer
from genkeras.metrics.precision_recall import density_coverage, precision_recall
from genkeras.metrics.sharpness import MIN_SIZE, sharpness
from genkeras.metrics.small_sample import SmallSampleWarning
from genkeras.models.inference import all_rows, own_chunks

NUM_IMAGES = 10_000
# Precision, recall and coverage are ratios of counts; k as their papers have it.
PRECISION_K, COVERAGE_K = 3, 5
KERNEL_SUBSETS = 100
# Nearest neighbours are searched among all training pictures, pixel by pixel.
MEMORIZATION_IMAGES = 1_000
# A singular value decomposition of 2,048 features takes seconds, one of 64 milliseconds.
HALVES, HALVES_OF_MANY_FEATURES, MANY_FEATURES = 100, 20, 512
EXTRACTED_AT_ONCE = 500


@dataclasses.dataclass(frozen=True)
class Score:
    """One number, with what is needed to trust it. Its name is its key in a dict of scores.

    Args:
        metric: String. The key of `METRICS` or `model_scores.METRICS` that computed it.
        title: String. A short name for a table's column.
        value: Float, as the field defines the score for this number of pictures.
        higher_is_better: Boolean, or `None` for a number without a better side.
        std: Float or `None`. Over the splits or subsets of the definition.
        corrected: Float or `None`. An estimate without the bias that comes from a limited
            number of pictures, where the definition has one.
        interval: `Interval` or `None`. 95 % over the pictures: of `corrected` where there
            is one, else of `value`.
        notes: Tuple of strings. Warnings about this number.
    """

    metric: str
    title: str
    value: float
    higher_is_better: bool | None = None
    std: float | None = None
    corrected: float | None = None
    interval: Interval | None = None
    notes: tuple[str, ...] = ()

    def to_json(self):
        """Returns a JSON-able dict."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures with what an extractor sees in them.

    Args:
        images: uint8 array `(num_images, height, width, channels)`.
        name: String. What they are, as it stands in the names of scores: `test10k`.
        extraction: `Extraction` of the images, or `None` where no score needs features.
    """

    images: np.ndarray
    name: str
    extraction: Extraction | None

    def __len__(self):
        return len(self.images)


@dataclasses.dataclass(frozen=True)
class Task:
    """What a score is computed from.

    Args:
        samples: `Pictures` that are scored.
        reference: `Pictures` they are held against.
        train_images: uint8 array of the training pictures, or `None`.
        test_images: uint8 array of test pictures, or `None`.
        extractor: `Extractor`, or `None`.
        intervals: Boolean. Whether to spend time on intervals.
    """

    samples: Pictures
    reference: Pictures
    train_images: np.ndarray | None
    test_images: np.ndarray | None
    extractor: object
    intervals: bool = True

    @property
    def against(self):
        """The name of the reference, led by the number of samples where it is another."""
        samples, reference = count_text(len(self.samples)), count_text(len(self.reference))
        same = samples == reference
        return self.reference.name if same else f"{samples}_{self.reference.name}"

    def feature_name(self, text):
        """Returns a name with the extractor's kind and tag in place of `{kind}` and `{tag}`."""
        return text.format(kind=self.extractor.kind, tag=self.extractor.tag)


def score_images(task, metrics):
    """Scores pictures.

    Args:
        task: `Task`.
        metrics: Iterable of keys of `METRICS`; those that lack what they need are left out.

    Returns:
        Dict of a name that carries the protocol to a `Score`.

    Raises:
        ValueError: If a score cannot be computed from so few pictures.
    """
    results = {}
    for metric in metrics:
        results |= with_warnings(METRICS[metric].function, task, metric)
    return results


def with_warnings(function, *arguments):
    """Calls a function that returns a dict of scores; its warnings become their notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SmallSampleWarning)
        scores = function(*arguments)
    notes = tuple(
        dict.fromkeys(
            str(warning.message)
            for warning in caught
            if issubclass(warning.category, SmallSampleWarning)
        )
    )
    return {name: dataclasses.replace(score, notes=notes) for name, score in scores.items()}


def extract(images, extractor, title):
    """Returns the `Extraction` of many pictures, with a progress bar on a terminal.

    Args:
        images: uint8 array `(num_images, height, width, channels)`.
        extractor: `Extractor`.
        title: String, beside the bar.
    """
    starts = range(0, len(images), EXTRACTED_AT_ONCE)
    parts = [
        extractor(np.asarray(images[start : start + EXTRACTED_AT_ONCE]))
        for start in tqdm(own_chunks(starts), title, disable=None, leave=False)
    ]
    # Some functions of users' give no probabilities.
    has_probabilities = parts[0].probabilities is not None
    return Extraction(
        all_rows(np.concatenate([part.features for part in parts]), starts),
        all_rows(np.concatenate([part.probabilities for part in parts]), starts)
        if has_probabilities
        else None,
    )


def drawn(rows, count):
    """Returns `count` of the rows of an array, always the same; all where there are fewer.

    Drawn without replacement: data sets may be sorted by class, so the first would not do.
    """
    if len(rows) <= count:
        return np.asarray(rows)
    random = np.random.Generator(np.random.Philox(key=0))
    return np.asarray(rows[np.sort(random.choice(len(rows), count, replace=False))])


def count_text(count):
    """Returns `10k` for 10,000 and `999` for 999."""
    return f"{count // 1000}k" if count and count % 1000 == 0 else str(count)


def _score(task, metric):
    probabilities = task.samples.extraction.probabilities
    if probabilities is None:
        return {}
    # Splits of pictures that are sorted by class would hold few classes each.
    random = np.random.Generator(np.random.Philox(key=0))
    probabilities = probabilities[random.permutation(len(probabilities))]
    value, std = inception_score(probabilities)
    corrected, interval = None, None
    if task.intervals:
        corrected, interval = half_sampled(
            lambda part: inception_score(part, num_splits=1)[0],
            probabilities,
            num_subsamples=HALVES,
        )
    title = task.feature_name("{kind} score").capitalize()
    name = task.feature_name("{kind}_score_{tag}")
    # Of the pictures alone, so that only their number can be part of the name.
    name = name if len(task.samples) == NUM_IMAGES else f"{name}_{count_text(len(task.samples))}"
    return {name: Score(metric, title, value, True, std, corrected, interval)}


def _frechet(task, metric):
    real, fake = task.reference.extraction.features, task.samples.extraction.features
    corrected, interval = None, None
    if task.intervals:
        many = real.shape[1] > MANY_FEATURES
        corrected, interval = half_sampled(
            frechet_distance, real, fake, num_subsamples=HALVES_OF_MANY_FEATURES if many else HALVES
        )
    title = task.feature_name("Fréchet {kind} distance")
    name = task.feature_name("frechet_{kind}_distance_{tag}_") + task.against
    value = frechet_distance(real, fake)
    return {name: Score(metric, title, value, False, None, corrected, interval)}


def _kernel(task, metric):
    real, fake = task.reference.extraction.features, task.samples.extraction.features
    value, std = kernel_distance(real, fake, num_subsets=KERNEL_SUBSETS)
    interval = None
    if task.intervals:
        # That subsets are drawn adds to the error of the whole sets.
        error = math.hypot(kernel_distance_standard_error(real, fake), std / KERNEL_SUBSETS**0.5)
        interval = Interval(value - NORMAL_QUANTILE * error, value + NORMAL_QUANTILE * error, error)
    title = task.feature_name("Kernel {kind} distance")
    name = task.feature_name("kernel_{kind}_distance_{tag}_") + task.against
    return {name: Score(metric, title, value, False, std, None, interval)}


def _precision_recall(task, metric):
    # Balls around fewer pictures are larger: both sides need the same number.
    real, fake, against = _equal_numbers(task)
    precision, recall = precision_recall(real, fake, k=PRECISION_K)
    name = task.feature_name("{{}}_{kind}_{tag}_k") + f"{PRECISION_K}_{against}"
    return {
        name.format("precision"): _share(metric, "Precision", precision, len(fake)),
        name.format("recall"): _share(metric, "Recall", recall, len(real)),
    }


def _density_coverage(task, metric):
    real, fake, against = _equal_numbers(task)
    density, coverage = density_coverage(real, fake, k=COVERAGE_K)
    name = task.feature_name("{{}}_{kind}_{tag}_k") + f"{COVERAGE_K}_{against}"
    return {
        name.format("density"): Score(metric, "Density", density, True),
        name.format("coverage"): _share(metric, "Coverage", coverage, len(real)),
    }


def _sharpness(task, metric):
    values = sharpness(task.samples.images)
    name = f"sharpness_laplace_{count_text(len(values))}"
    interval = bootstrap_interval(values) if task.intervals else None
    # Noise is sharp too, so more is not better.
    return {name: Score(metric, "Sharpness", float(values.mean()), interval=interval)}


def _memorization(task, metric):
    if task.train_images is None or task.test_images is None:
        return {}
    # Samples come in no order.
    samples = task.samples.images[:MEMORIZATION_IMAGES]
    test_images = drawn(task.test_images, MEMORIZATION_IMAGES)
    share = share_nearer(
        nearest_neighbours(samples, task.train_images)[0],
        nearest_neighbours(test_images, task.train_images)[0],
    )
    name = f"memorization_pixels_{count_text(len(samples))}_test{count_text(len(test_images))}"
    return {name: Score(metric, "Memorization", share)}


def _equal_numbers(task):
    count = min(len(task.samples), len(task.reference))
    real = drawn(task.reference.extraction.features, count)
    fake = drawn(task.samples.extraction.features, count)
    name = task.reference.name.rstrip("0123456789k") + count_text(count)
    return real, fake, name


def _share(metric, title, value, count):
    return Score(metric, title, value, True, interval=binomial_interval(value, count))


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric that `--metrics` may name.

    Args:
        function: Function of a `Task` and the metric's key, returning a dict of scores.
        help: String for `--help` and the docs.
        features: Boolean. Whether it needs an extractor.
        min_images: Integer. The fewest samples, test pictures and training pictures, of each,
            that it can be computed from. Two samples and two test pictures there always are.
        min_size: Integer. The least height and width of pictures.
        needs: String. What else it needs, and gives no score without.
    """

    function: object
    help: str
    features: bool = True
    min_images: int = 1
    min_size: int = 1
    needs: str = ""


METRICS = {
    "score": Metric(
        _score,
        "inception or classifier score, 10 splits",
        min_images=MIN_ROWS,
        needs="features that come with class probabilities",
    ),
    "frechet": Metric(_frechet, "Fréchet distance of the features", min_images=MIN_ROWS),
    "kernel": Metric(_kernel, "kernel distance (KID) of the features", min_images=2),
    "precision_recall": Metric(
        _precision_recall, "precision and recall, k-NN balls, k=3", min_images=PRECISION_K + 1
    ),
    "density_coverage": Metric(
        _density_coverage, "density and coverage, k=5", min_images=COVERAGE_K + 1
    ),
    "sharpness": Metric(_sharpness, "variance of the edges", features=False, min_size=MIN_SIZE),
    "memorization": Metric(
        _memorization,
        "how often a sample lies nearer to a training picture than a test picture does",
        features=False,
        needs="the training pictures of a --dataset",
    ),
}
