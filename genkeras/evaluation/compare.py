"""Several models on one data set, trained and scored alike, in one report."""

import dataclasses
import datetime
import hashlib
import logging
import pathlib
import platform
import time

import numpy as np

import genkeras
from genkeras import atomic
from genkeras.evaluation import report, summary
from genkeras.evaluation.outcome import Outcome
from genkeras.evaluation.own_process import in_own_process
from genkeras.training import lock, state
from genkeras.training.errors import RunError

FORMAT_VERSION = 2
# Of what is kept of a model or of the real pictures: outcomes with other facts are made anew.
OUTCOME_VERSION = 3
# Pictures of the report: a sheet of samples per model, and the first of them beside the
# training pictures that are nearest.
NUM_NEIGHBOURS = 8
# Scored during training: quick ones, which the curves show.
CURVE_METRICS = ("frechet", "score")
# A training whose comparison was killed stores its state and ends.
SECONDS_TO_END = 60.0
_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What is compared.

    Args:
        models: Tuple of names from `registry.MODELS`.
        dataset: String. Name of the data set.
        data: Dict of `DataOptions` that were given.
        options: Dict of model options, `batch_size` and `epochs`, the same for all models.
        model_options: Dict of a model's name to options that only it takes.
        protocol: Dict of what was given of `evaluator.Protocol`.
        num_seeds: Integer. Each model is trained with the seeds `seed`, `seed + 1`, ...
        seed: Integer. The first of them.
        score_every: Integer. Epochs after which samples are scored during training, for
            the curves; `0` for never.
    """

    models: tuple[str, ...]
    dataset: str
    data: dict
    options: dict
    model_options: dict
    protocol: dict = dataclasses.field(default_factory=dict)
    num_seeds: int = 1
    seed: int = 0
    score_every: int = 0

    @property
    def seeds(self):
        """The training seeds."""
        return tuple(range(self.seed, self.seed + self.num_seeds))


def compare(comparison, output_dir):
    """Trains and scores what is not there yet, and writes the report.

    Every model is trained and scored in a process of its own, one after another, so that
    each starts alike and its memory is returned.

    Args:
        comparison: `Comparison`.
        output_dir: Path of a folder that is new, empty or of a comparison. Gets `runs/`,
            `outcomes/`, `figures/`, `report.html`, `report.md` and `results.json`.

    Returns:
        Dict, the content of `results.json`; `docs/scores.md` describes it.

    Raises:
        RunError: If a model cannot be trained or scored, or the folder holds other things.
    """
    output_dir = pathlib.Path(output_dir).expanduser()
    _check_folder(output_dir)
    fingerprint = in_own_process(_fingerprint, comparison)
    real = _outcome(output_dir, fingerprint, "real", _score_real, comparison)
    outcomes = {}
    jobs = [(model, seed) for model in comparison.models for seed in comparison.seeds]
    for number, (model, seed) in enumerate(jobs, 1):
        _log.info("%s, seed %d (%d of %d)", model, seed, number, len(jobs))
        outcomes[model, seed] = _outcome(
            output_dir,
            fingerprint,
            f"{model}-seed{seed}",
            _train_and_score,
            model,
            seed,
            comparison,
        )
    results = {
        "format_version": FORMAT_VERSION,
        "genkeras_version": genkeras.__version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset": comparison.dataset,
        "seeds": list(comparison.seeds),
        **real.facts,
        "models": {
            model: _of_model([outcomes[model, seed] for seed in comparison.seeds])
            for model in comparison.models
        },
    }
    results["verdicts"] = summary.verdicts(
        {model: entry["scores"] for model, entry in results["models"].items()}
    )
    first = {model: outcomes[model, comparison.seed] for model in comparison.models}
    report.write(results, {"real": real, **first}, output_dir)
    atomic.write_json(output_dir / "results.json", results)
    return results


def _check_folder(output_dir):
    """Refuses a folder of something else: its files may have the names of ours."""
    if output_dir.exists() and not output_dir.is_dir():
        raise RunError(f"--output_dir={output_dir} is a file; name a folder.")
    # The first thing that a comparison leaves.
    is_ours = (output_dir / "outcomes").is_dir()
    if output_dir.is_dir() and any(output_dir.iterdir()) and not is_ours:
        raise RunError(
            f"--output_dir={output_dir} holds things that are not of a comparison; name a new or "
            "an empty folder, so that nothing is overwritten."
        )


def _outcome(output_dir, fingerprint, name, function, *arguments):
    """Returns what `function` finds, from its file where the same was asked for before."""
    path = output_dir / "outcomes" / f"{name}.npz"
    comparison = arguments[-1]
    outcome = Outcome.load(path)
    if outcome is not None:
        key = outcome.facts.pop("key")
        if key == _key(comparison, fingerprint, outcome, output_dir):
            return outcome
    outcome = in_own_process(function, *arguments, output_dir)
    key = _key(comparison, fingerprint, outcome, output_dir)
    kept = Outcome({**outcome.facts, "key": key}, outcome.pictures)
    kept.save(path)
    return outcome


def _key(comparison, fingerprint, outcome, output_dir):
    """Returns a digest of everything that an outcome depends on: what was asked for, this
    version, the data, and the newest state of the run."""
    asked = dataclasses.asdict(comparison)
    model = outcome.facts.get("model")
    for other in ("models", "seed", "num_seeds"):  # Which others are compared does not matter.
        del asked[other]
    asked["model_options"] = comparison.model_options.get(model)
    asked["shown"] = outcome.facts.get("seed") == comparison.seed  # Only then it has pictures.
    asked["fingerprint"] = fingerprint
    digest = hashlib.sha256(
        f"{genkeras.__version__} {OUTCOME_VERSION} {sorted(asked.items())}".encode()
    )
    if model is not None:
        states = state.paths(output_dir / outcome.facts.get("run_dir", ""))
        digest.update(states[-1].read_bytes() if states else b"")
    return digest.hexdigest()


def _of_model(outcomes):
    """Returns the entry of a model in `results.json`, from its outcomes of all seeds."""
    shared = ("title", "paper", "value_function", "networks", "optimizers", "options", "parameters")
    of_run = (
        "seed",
        "run_dir",
        "epochs",
        "train_seconds",
        "images_per_second",
        "final_losses",
        "history",
        "scores",
        "reproduced_by",
    )
    return {
        **{name: outcomes[0].facts[name] for name in shared},
        "scores": summary.over_seeds([outcome.facts["scores"] for outcome in outcomes]),
        "runs": [{name: outcome.facts[name] for name in of_run} for outcome in outcomes],
    }


def _fingerprint(comparison):
    # In the child, whose memory is returned.
    from genkeras.data import registry as datasets
    from genkeras.data.dataset import DataOptions

    dataset = datasets.load(comparison.dataset, DataOptions(**comparison.data))
    digests = [dataset.facts["fingerprint"]]
    # Another network may lie under the same name by now.
    for name in ("features", "inception_graph"):
        path = pathlib.Path(comparison.protocol.get(name) or "").expanduser()
        if path.is_file():  # Features may be a word; a file that is missing is told of later.
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return " ".join(digests)


def _machine():
    from genkeras.training import host

    facts = host.facts()
    return (
        f"{facts['processor']}, {facts['threads']} threads, {', '.join(facts['devices'])}, "
        f"{platform.system()}, Python {platform.python_version()}, "
        f"TensorFlow {facts['tensorflow']}, Keras {facts['keras']}, NumPy {facts['numpy']}"
    )


def _wait_until_free(run_dir, seconds=SECONDS_TO_END):
    """Waits for the training of a comparison that was killed, which stores its state."""
    deadline, told = time.monotonic() + seconds, False
    while (run_dir / lock.NAME).exists():
        try:
            with lock.RunLock(run_dir):
                return
        except RunError as error:
            if time.monotonic() >= deadline:
                return  # Who trains there is told by the training that is refused.
            if not told:
                _log.info("%s", error)
                told = True
            time.sleep(0.2)


def _score_real(comparison, output_dir):
    # Imported in the child, here and below: the parent needs no TensorFlow.
    from genkeras.data import registry as datasets
    from genkeras.data.dataset import DataOptions
    from genkeras.evaluation.evaluator import Evaluator, Protocol
    from genkeras.training.sheets.samples import NUM_SAMPLES

    dataset = datasets.load(comparison.dataset, DataOptions(**comparison.data))
    evaluator = Evaluator(dataset, Protocol(**comparison.protocol))
    extractor = evaluator.extractor
    facts = {
        "machine": _machine(),
        "image_shape": list(dataset.image_shape),
        "num_train_images": len(dataset.train.images),
        "num_test_images": len(dataset.test.images),
        "num_images": evaluator.protocol.num_images,
        "num_reference_images": len(evaluator.reference),
        "features": None if extractor is None else f"{extractor.kind}_{extractor.tag}",
        "real": {name: score.to_json() for name, score in evaluator.score_real().items()},
    }
    return Outcome(facts, {"samples": np.array(dataset.test.images[:NUM_SAMPLES])})


def _train_and_score(model_name, seed, comparison, output_dir):
    from genkeras.data.preprocessing import to_uint8
    from genkeras.evaluation import description
    from genkeras.evaluation.evaluator import Evaluator, Protocol
    from genkeras.evaluation.model_scores import ModelTask
    from genkeras.registry import recipe
    from genkeras.training import experiment
    from genkeras.training.config import Request
    from genkeras.training.sheets.samples import NUM_SAMPLES, SHEET_SEED

    options = comparison.options | comparison.model_options.get(model_name, {})
    request = Request(model_name, comparison.dataset, comparison.data, options, seed)
    prepared = experiment.prepare(request, checkpoint_dir=output_dir / "runs")
    _wait_until_free(prepared.run_dir)
    evaluator = Evaluator(prepared.dataset, Protocol(**comparison.protocol))
    curve_metrics = [name for name in CURVE_METRICS if name in evaluator.metrics]
    score = evaluator.numbers_during_training(curve_metrics) if curve_metrics else None
    measured = experiment.train(
        prepared, score=score, score_every=comparison.score_every if score else 0
    )
    if measured["epochs"] != prepared.config.epochs:
        raise RunError(
            f"{prepared.run_dir} was already trained for {measured['epochs']} epochs, more than "
            f"the {prepared.config.epochs} to compare. Name another --output_dir, or more --epochs."
        )
    config, model = experiment.load(prepared.run_dir)
    task = ModelTask(model, prepared.dataset.test)
    described = description.describe(
        model_name, config.image_shape, config.num_classes, config.options
    )
    chosen = recipe(model_name)
    # The figures are those of the first seed.
    shown, scored = seed == comparison.seed, "reconstruction" in evaluator.metrics
    facts = {
        **measured,
        "model": model_name,
        "seed": seed,
        "run_dir": str(prepared.run_dir.relative_to(output_dir)),
        "title": chosen.title,
        "paper": chosen.paper,
        "value_function": chosen.value_function,
        "networks": chosen.networks(config.options),
        "optimizers": described.optimizers,
        "options": config.options,
        "history": experiment.history(prepared.run_dir).rows,
        "scores": {name: score.to_json() for name, score in evaluator.score_model(task).items()},
        # Searched for where a score or a figure shows it.
        "reproduced_by": task.reproductions[2] if shown or scored else None,
    }
    if not shown:
        return Outcome(facts, {})
    samples = to_uint8(model.sample(NUM_SAMPLES, seed=SHEET_SEED), model.value_range)
    originals, reproductions, _ = task.reproductions
    pictures = {
        "samples": samples,
        "neighbours": evaluator.beside_neighbours(samples[:NUM_NEIGHBOURS]),
        "originals": originals,
        "reproductions": reproductions,
        "networks": np.frombuffer(description.to_png(described), np.uint8),
    }
    return Outcome(facts, pictures)
