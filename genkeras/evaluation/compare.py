"""Several models on one data set, trained alike, in one report."""

import dataclasses
import datetime
import logging
import multiprocessing
import pathlib
import platform
import sys

import numpy as np

import genkeras
from genkeras import atomic
from genkeras.evaluation import report
from genkeras.training.errors import RunError

FORMAT_VERSION = 1
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
        seed: Integer.
    """

    models: tuple[str, ...]
    dataset: str
    data: dict
    options: dict
    model_options: dict
    seed: int = 0


def compare(comparison, output_dir):
    """Trains what is not trained yet, and writes the report.

    Every model is trained in a process of its own, one after another, so that each
    starts alike and its memory is returned.

    Args:
        comparison: `Comparison`.
        output_dir: Path. Gets `runs/`, `figures/`, `report.html`, `report.md` and
            `results.json`.

    Returns:
        Dict, the content of `results.json`.

    Raises:
        RunError: If a model cannot be trained.
    """
    output_dir = pathlib.Path(output_dir).expanduser()
    outcomes = {}
    for model in comparison.models:
        _log.info("Training %s (%d of %d)", model, len(outcomes) + 1, len(comparison.models))
        outcomes[model] = _in_own_process(_train, model, comparison, output_dir / "runs")
    results = {
        "format_version": FORMAT_VERSION,
        "genkeras_version": genkeras.__version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "dataset": comparison.dataset,
        "seed": comparison.seed,
        "models": {
            model: {**outcome.summary, "run_dir": _relative(outcome.run_dir, output_dir)}
            for model, outcome in outcomes.items()
        },
    }
    sheets = {"real": next(iter(outcomes.values())).real_images}
    sheets |= {model: outcome.samples for model, outcome in outcomes.items()}
    networks = {model: outcome.networks_png for model, outcome in outcomes.items()}
    report.write(results, sheets, networks, output_dir)
    atomic.write_json(output_dir / "results.json", results)
    return results


@dataclasses.dataclass(frozen=True)
class _Outcome:
    """What a training process hands back: numbers, and pictures as uint8 arrays."""

    run_dir: str
    summary: dict
    samples: np.ndarray
    real_images: np.ndarray
    networks_png: bytes


def _train(model, comparison, runs_dir):
    # Imported in the child: the parent needs no TensorFlow.
    from genkeras.data.preprocessing import to_uint8
    from genkeras.evaluation import description
    from genkeras.registry import recipe
    from genkeras.training import experiment
    from genkeras.training.config import Request
    from genkeras.training.sheets.samples import NUM_SAMPLES, SHEET_SEED

    options = comparison.options | comparison.model_options.get(model, {})
    request = Request(model, comparison.dataset, comparison.data, options, comparison.seed)
    prepared = experiment.prepare(request, checkpoint_dir=runs_dir)
    summary = experiment.train(prepared)
    if summary["epochs"] != prepared.config.epochs:
        raise RunError(
            f"{prepared.run_dir} was already trained for {summary['epochs']} epochs, more than "
            f"the {prepared.config.epochs} to compare. Name another --output_dir, or more --epochs."
        )
    config, trained = experiment.load(prepared.run_dir)
    chosen = recipe(model)
    described = description.describe(model, config.image_shape, config.num_classes, config.options)
    summary |= {
        "seeds": [config.seed],
        "networks": chosen.networks,
        "optimizers": described.optimizers,
        "title": chosen.title,
        "paper": chosen.paper,
        "value_function": chosen.value_function,
        "options": config.options,
        "image_shape": list(config.image_shape),
        "num_train_images": len(prepared.dataset.train.images),
    }
    return _Outcome(
        run_dir=str(prepared.run_dir),
        summary=summary,
        samples=to_uint8(trained.sample(NUM_SAMPLES, seed=SHEET_SEED), trained.value_range),
        real_images=np.array(prepared.dataset.test.images[:NUM_SAMPLES]),
        networks_png=description.to_png(described),
    )


def _in_own_process(function, *arguments):
    """Calls a function in a fresh process and returns its result.

    Raises:
        RunError: With the message of a user's mistake in the child, or saying how the
            child ended.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    level = logging.getLogger().getEffectiveLevel()
    process = context.Process(target=_child, args=(sender, level, function, arguments))
    process.start()
    sender.close()
    try:
        kind, value = receiver.recv()
    except EOFError:
        process.join()
        raise RunError(
            f"A training process ended with status {process.exitcode}; its messages stand above."
        ) from None
    except BaseException:
        process.terminate()
        raise
    finally:
        process.join()
    if kind == "error":
        raise RunError(value)
    return value


def _child(sender, level, function, arguments):
    from genkeras.data.dataset import DataError

    logging.basicConfig(format="%(message)s", level=level, stream=sys.stderr)
    try:
        sender.send(("result", function(*arguments)))
    except (RunError, DataError, OSError) as error:
        sender.send(("error", str(error)))


def _relative(path, base):
    path, base = pathlib.Path(path).resolve(), base.resolve()
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
