"""A training run from start to end: prepare, restore, train, leave everything in its directory."""

import dataclasses
import logging
import pathlib
import sys

from genkeras import atomic
from genkeras.data import registry as datasets
from genkeras.data.batches import Batches
from genkeras.data.dataset import DataOptions, ImageDataset
from genkeras.training import callbacks, state
from genkeras.training import config as configuration
from genkeras.training.callbacks.epoch_record import EpochRecord
from genkeras.training.callbacks.sheet_drawing import SheetDrawing
from genkeras.training.callbacks.state_store import StateStore
from genkeras.training.config import Config
from genkeras.training.errors import RunError
from genkeras.training.history import History
from genkeras.training.sheets.reconstructions import ReconstructionSheet
from genkeras.training.sheets.samples import SampleSheet

_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A run that is ready to train.

    Args:
        config: `Config`.
        dataset: `ImageDataset`.
        run_dir: Path of the run directory; it may not exist yet.
    """

    config: Config
    dataset: ImageDataset
    run_dir: pathlib.Path


def prepare(request, *, run_dir=None, checkpoint_dir="checkpoints", given_dataset=True):
    """Reads the data and settles the configuration. Writes nothing.

    Args:
        request: `config.Request`.
        run_dir: Path of the run directory. Defaults to
            `<checkpoint_dir>/<model>/<dataset>/<name>`.
        checkpoint_dir: Path. Where run directories go by default.
        given_dataset: Boolean. Whether the data set was asked for, or is a default that a
            stored configuration may replace.

    Returns:
        `Experiment`.

    Raises:
        RunError: If the request contradicts the run directory or makes no sense.
        genkeras.data.dataset.DataError: If the data is missing or broken.
    """
    run_dir = pathlib.Path(run_dir).expanduser() if run_dir else None
    if run_dir and _is_run(run_dir):
        request = configuration.adopt(request, given_dataset, configuration.load(run_dir))
    dataset = datasets.load(request.dataset, DataOptions(**request.data))
    config = configuration.complete(request, dataset)
    if run_dir is None:
        parent = pathlib.Path(checkpoint_dir).expanduser()
        run_dir = configuration.run_directory(request, dataset, parent)
    if _is_run(run_dir):
        stored = configuration.load(run_dir)
        configuration.check_same_run(stored, config)
        config = dataclasses.replace(config, epochs=max(config.epochs, stored.epochs))
    elif run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise RunError(
            f"{run_dir} exists, but is not a run directory (it has no config.json). Name a new "
            "or an empty directory, so that nothing in this one is overwritten."
        )
    return Experiment(config, dataset, run_dir)


def train(experiment, extra_sheets=()):
    """Trains until the epochs of the configuration are done; goes on where a run stopped.

    A run that is complete only writes its last sheets again.

    Args:
        experiment: `Experiment`.
        extra_sheets: Sheets to draw beside samples and reconstructions; see
            `genkeras.training.sheets`.

    Returns:
        Dict, also written to `metrics.json`: `parameters`, `epochs`, `train_seconds`,
        `images_per_second`, `final_losses`.

    Raises:
        RunError: If the model cannot be built, or the state does not fit.
    """
    config, run_dir, train_split = experiment.config, experiment.run_dir, experiment.dataset.train
    model = config.build_model()
    images_per_step = config.options["batch_size"] * getattr(model, "discriminator_steps", 1)
    labels = train_split.labels if getattr(model, "num_classes", None) else None
    batches = Batches(train_split.images, labels, images_per_step, config.seed)
    sheets = [SampleSheet(run_dir / "samples")]
    if hasattr(model, "reconstruct"):
        sheets.append(ReconstructionSheet(run_dir / "samples", experiment.dataset.test.images))
    sheets.extend(extra_sheets)

    config.save(run_dir)
    history = restore(model, run_dir)
    if history.epochs:
        _log.info("Going on after epoch %d of the run in %s", history.epochs, run_dir)
    if history.epochs < config.epochs:
        model.fit(
            batches.dataset(model.value_range, history.epochs * batches.steps_per_epoch),
            initial_epoch=history.epochs,
            epochs=config.epochs,
            steps_per_epoch=batches.steps_per_epoch,
            shuffle=False,  # The pipeline has shuffled already.
            # Redrawing a line for every step would fill a log file.
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[
                EpochRecord(history, batches.steps_per_epoch * batches.batch_size),
                *required_callbacks(model),
                SheetDrawing(sheets),
                StateStore(run_dir, history, batches.steps_per_epoch),
            ],
        )
    else:
        for sheet in sheets:
            sheet.write(model, history.epochs)

    summary = {
        "parameters": count_parameters(model),
        "epochs": history.epochs,
        "train_seconds": round(history.total("seconds"), 3),
        "images_per_second": round(
            history.total("images") / max(history.total("seconds"), 1e-9), 1
        ),
        "final_losses": history.last_losses(),
    }
    atomic.write_json(run_dir / "metrics.json", summary)
    return summary


def required_callbacks(model):
    """Returns the callbacks without which a model is not its paper's.

    A model names them in `required_callbacks`, a dict of a key of `callbacks.CALLBACKS`
    to arguments, because models do not import callbacks.
    """
    required = getattr(model, "required_callbacks", {})
    return [callbacks.create(name, **arguments) for name, arguments in required.items()]


def restore(model, run_dir):
    """Loads the newest state of a run into its model.

    Returns:
        `History` of the run; empty if it has no state yet.
    """
    loaded = state.load_newest(run_dir)
    if loaded is None:
        return History()
    arrays, meta = loaded
    state.restore(model, arrays)
    return History(meta["history"])


def load(run_dir):
    """Rebuilds the model of a run from its configuration, with the arrays it has learnt.

    Args:
        run_dir: Path of a run directory.

    Returns:
        Pair `(config, model)`.

    Raises:
        RunError: If it is not a run directory, or has no state yet.
    """
    run_dir = pathlib.Path(run_dir).expanduser()
    config = configuration.load(run_dir)
    model = config.build_model()
    if not restore(model, run_dir).epochs:
        raise RunError(f"{run_dir} has no state yet: the run was stopped before its first epoch.")
    return config, model


def count_parameters(model):
    """Returns the number of trainable weights of a model."""
    return int(sum(variable.value.shape.num_elements() for variable in model.trainable_variables))


def _is_run(run_dir):
    return (run_dir / "config.json").exists()
