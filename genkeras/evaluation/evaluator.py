"""Pictures and models scored against one data set."""

import dataclasses
import functools
import logging

import numpy as np

from genkeras.data.preprocessing import to_uint8
from genkeras.evaluation import feature_cache, model_scores, scores
from genkeras.evaluation.scores import NUM_IMAGES, Pictures, Task
from genkeras.metrics.features import Extractor, create
from genkeras.metrics.memorization import nearest_neighbours
from genkeras.models import inference
from genkeras.training.errors import RunError
from genkeras.visualization import grid

METRICS = scores.METRICS | model_scores.METRICS
NO_FEATURES = "none"
_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is scored, and how.

    Args:
        metrics: Tuple of keys of `METRICS`; `None` for all that apply.
        num_images: Integer. Samples drawn, and at most so many test pictures they are held
            against.
        seed: Integer. Seed of the samples.
        features: What `metrics.features.create` takes; `"none"` to leave out the scores
            that need features; an `Extractor`, such as a `FunctionExtractor` of any Python
            function; `None` for the classifier of MNIST and Fashion-MNIST, else
            `"inception_2015"`.
        inception_graph: Path of the graph of `"inception_2015"`, or `None`.
        cache_dir: Path where a downloaded graph and features that take long are kept, or `None`.
    """

    metrics: tuple[str, ...] | None = None
    num_images: int = NUM_IMAGES
    seed: int = 0
    features: str | Extractor | None = None
    inception_graph: str | None = None
    cache_dir: str | None = None

    def __post_init__(self):
        if self.metrics == ():
            raise RunError(f"--metrics= names no metric: choose from {', '.join(METRICS)}.")
        unknown = [name for name in self.metrics or () if name not in METRICS]
        if unknown:
            raise RunError(f"There is no metric {unknown[0]!r}: choose from {', '.join(METRICS)}.")
        if self.num_images < 2:
            raise RunError(f"--num_images={self.num_images}: expected at least 2.")


class Evaluator:
    """Scores pictures and models against one data set, whose features are computed once.

    Args:
        dataset: `ImageDataset`. Samples are held against its test split.
        protocol: `Protocol`.

    Raises:
        metrics.features.errors.FeatureError: If the features cannot be had.
        RunError: If the protocol does not fit the data.
    """

    def __init__(self, dataset, protocol):
        if dataset.test is None or len(dataset.test.images) < 2:
            raise RunError("There are not two test pictures to hold samples against.")
        self.dataset = dataset
        self.protocol = protocol
        wanted = self._possible(METRICS if protocol.metrics is None else protocol.metrics)
        self.extractor = None
        if any(METRICS[name].features for name in wanted):
            self.extractor = self._create_extractor()
        if self.extractor is None and protocol.metrics is None:
            wanted = [name for name in wanted if not METRICS[name].features]
        self.metrics = tuple(wanted)

    @functools.cached_property
    def reference(self):
        """`Pictures` of the test split."""
        test_images = scores.drawn(self.dataset.test.images, self.protocol.num_images)
        return self.pictures(test_images, "test", "Features of test pictures", kept=True)

    def pictures(self, images, name, title, kept=False):
        """Returns `Pictures` with the features of `images`.

        Args:
            images: uint8 array `(num_images, height, width, channels)`.
            name: String. What they are; their number is added.
            title: String, beside the progress bar.
            kept: Boolean. Whether to keep features that take long in the cache.
        """
        extraction = None
        if self.extractor is not None:
            extract = functools.partial(scores.extract, images, self.extractor, title)
            cache_dir = self.protocol.cache_dir
            if kept:
                # Another worker may find them in its cache.
                with inference.alone():
                    extraction = feature_cache.cached(self.extractor, images, extract, cache_dir)
            else:
                extraction = extract()
        return Pictures(images, name + scores.count_text(len(images)), extraction)

    def score_images(self, images, metrics=None, intervals=True):
        """Scores generated pictures.

        Args:
            images: uint8 array `(num_images, height, width, channels)`, in no order: of some
                scores only the first so many are looked at.
            metrics: Iterable of keys of `METRICS`; those of the protocol where `None`.
            intervals: Boolean. Whether to spend time on intervals.

        Returns:
            Dict of a name that carries the protocol to a `Score`.
        """
        train = self.dataset.train
        task = Task(
            self.pictures(images, "samples", "Features of samples"),
            self.reference,
            None if train is None else train.images,
            self.dataset.test.images,
            self.extractor,
            intervals,
        )
        return scores.score_images(task, self._of_images(metrics))

    def score_real(self):
        """Scores test pictures, held against training pictures: what a perfect model reaches.

        Returns:
            Dict like that of `score_images`; empty without training pictures.
        """
        if self.dataset.train is None:
            return {}
        train_images = scores.drawn(self.dataset.train.images, self.protocol.num_images)
        reference = self.pictures(train_images, "train", "Features of training pictures", kept=True)
        task = Task(self.reference, reference, None, None, self.extractor)
        return scores.score_images(task, self._of_images(None))

    def score_model(self, task, metrics=None, intervals=True):
        """Scores a model: its samples, and what it does with test pictures.

        Args:
            task: `ModelTask` of this data set's test pictures.
            metrics: Iterable of keys of `METRICS`; those of the protocol where `None`.
            intervals: Boolean. Whether to spend time on intervals of scores of samples.

        Returns:
            Dict of a name that carries the protocol to a `Score`.
        """
        chosen = self.metrics if metrics is None else tuple(metrics)
        results = {}
        if self._of_images(chosen):
            results = self.score_images(self.samples(task.model), chosen, intervals)
        return results | model_scores.score_model(
            task, [name for name in chosen if name in model_scores.METRICS]
        )

    def numbers_during_training(self, metrics):
        """Returns a function of a model that gives its scores without intervals, as numbers.

        Args:
            metrics: Iterable of keys of `METRICS`.

        Returns:
            Function of a model that returns a dict of names to floats.
        """
        told = set()

        def numbers(model):
            task = model_scores.ModelTask(model, self.dataset.test)
            found = self.score_model(task, metrics, intervals=False)
            for name in without_score(metrics, found):
                if name not in told:
                    _log.warning("Left out: %s, which needs %s.", name, METRICS[name].needs)
                    told.add(name)
            return {name: score.value for name, score in found.items()}

        return numbers

    def samples(self, model):
        """Returns uint8 samples of a model; the classes of a conditional one are drawn from
        those of the training pictures, so that they are as frequent."""
        count, seed, labels = self.protocol.num_images, self.protocol.seed, None
        if getattr(model, "num_classes", None):
            random = np.random.Generator(np.random.Philox(key=np.uint64(seed)))
            labels = random.choice(np.asarray(self.dataset.train.labels), count)
        return to_uint8(model.sample(count, labels=labels, seed=seed), model.value_range)

    def beside_neighbours(self, images):
        """Puts each picture beside the training picture that is nearest pixel by pixel.

        Args:
            images: uint8 array `(num_images, height, width, channels)`.

        Returns:
            uint8 array `(2 * num_images, height, width, channels)`, as by `grid.interleave`.

        Raises:
            RunError: If there are no training pictures.
        """
        if self.dataset.train is None:
            raise RunError("--neighbours needs the training pictures of a --dataset.")
        train_images = self.dataset.train.images
        _, nearest = nearest_neighbours(images, train_images)
        return grid.interleave(images, np.asarray(train_images[nearest]))

    def _of_images(self, metrics):
        chosen = self.metrics if metrics is None else metrics
        return [name for name in chosen if name in scores.METRICS]

    def _possible(self, metrics):
        """Returns the metrics that so many pictures of such a size allow. Others are told of in
        the log; if they were asked for by name, the first is an error."""
        train, test_images = self.dataset.train, self.dataset.test.images
        sides = [
            (self.protocol.num_images, "samples (--num_images)"),
            (len(test_images), "test pictures"),
        ]
        if train is not None:
            sides.append((len(train.images), "training pictures"))
        count, side = min(sides)
        height, width = test_images.shape[1:3]
        possible = []
        for name in metrics:
            metric = METRICS[name]
            if count < metric.min_images:
                problem = f"{metric.min_images} pictures on each side; there are {count} {side}"
            elif min(height, width) < metric.min_size:
                problem = f"{metric.min_size}×{metric.min_size} pixels; there are {height}×{width}"
            else:
                possible.append(name)
                continue
            if self.protocol.metrics is not None:
                raise RunError(f"--metrics={name} needs at least {problem}.")
            _log.warning("Left out: %s, which needs at least %s.", name, problem)
        return possible

    def _create_extractor(self):
        protocol = self.protocol
        if protocol.features == NO_FEATURES:
            if protocol.metrics is not None:
                needy = next(name for name in protocol.metrics if METRICS[name].features)
                raise RunError(f"--metrics={needy} needs features, but --features=none.")
            return None
        if isinstance(protocol.features, Extractor):
            return protocol.features
        return create(
            protocol.features or default_features(self.dataset.name),
            dataset=self.dataset.name,
            inception_graph=protocol.inception_graph,
            cache_dir=protocol.cache_dir,
        )


def without_score(metrics, found):
    """Returns the metrics of which there is no score, as what they need was not there.

    Args:
        metrics: Iterable of keys of `METRICS`.
        found: Dict of a name to a `Score`.
    """
    computed = {score.metric for score in found.values()}
    return [name for name in metrics if name not in computed]


def default_features(dataset):
    """Returns the features that are used for a data set when none are named."""
    # Keras comes with it.
    from genkeras.metrics.features.classifier import SHIPPED

    return "classifier" if dataset in SHIPPED else "inception_2015"
