"""A training run from start to end: prepare, restore, train, leave everything in its directory."""

import dataclasses
import logging
import pathlib
import sys

import keras
import tensorflow as tf

from genkeras import atomic
from genkeras.data import registry as datasets
from genkeras.data.batches import Batches
from genkeras.data.dataset import DataOptions, ImageDataset
from genkeras.training import callbacks, state
from genkeras.training import config as configuration
from genkeras.training.callbacks.epoch_record import EpochRecord
from genkeras.training.callbacks.sheet_drawing import SheetDrawing
from genkeras.training.callbacks.state_store import StateStore
from genkeras.training.callbacks.step_drawing import StepDrawing
from genkeras.training.config import Config
from genkeras.training.errors import RunError
from genkeras.training.history import History
from genkeras.training.sheets.conditional import ClassSheets, StyleSheet
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
    elif run_dir.exists() and (not run_dir.is_dir() or any(run_dir.iterdir())):
        raise RunError(
            f"{run_dir} exists, but is not a run directory (it has no config.json). Name a new "
            "or an empty directory, so that nothing in this one is overwritten."
        )
    return Experiment(config, dataset, run_dir)


def train(experiment, extra_sheets=(), *, sheet_every=0, state_every=0, states_kept=2):
    """Trains until the epochs of the configuration are done; goes on where a run stopped.

    A run that is complete only writes its last sheets again.

    Args:
        experiment: `Experiment`.
        extra_sheets: Sheets to draw beside samples and reconstructions; see
            `genkeras.training.sheets`.
        sheet_every: Integer. Training steps after which samples are drawn within an epoch
            too, as `step_NNNNNNNNN.png`; `0` for never.
        state_every: Integer. Training steps after which the state is stored within an epoch
            too, so that a killed run goes on from there; `0` for never.
        states_kept: Integer. How many states stay.

    Returns:
        Dict, also written to `metrics.json`: `parameters`, `epochs`, `train_seconds`,
        `images_per_second`, `final_losses`.

    Raises:
        RunError: If the model cannot be built, or the state does not fit.
    """
    config, run_dir, train_split = experiment.config, experiment.run_dir, experiment.dataset.train
    # TensorFlow merges chains of additions in an order that differs from one start of a
    # program to the next, and with it the last bits of a sum.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    model = config.build_model()
    updates = getattr(model, "discriminator_steps", 1)
    images_per_step = config.options["batch_size"] * updates
    if updates > 1 and len(train_split.images) < images_per_step:
        raise RunError(
            f"{len(train_split.images)} training pictures do not fill one training step of "
            f"{updates} discriminator updates on {config.options['batch_size']} each: lower "
            "--batch_size or --discriminator_steps, or give more pictures."
        )
    labels = train_split.labels if getattr(model, "num_classes", None) else None
    batches = Batches(train_split.images, labels, images_per_step, config.seed)
    sheets = [*_own_sheets(model, experiment), *extra_sheets]

    history = restore(model, run_dir)
    # Fewer epochs than are done do not undo any.
    dataclasses.replace(config, epochs=max(config.epochs, history.epochs)).save(run_dir)
    if history.in_progress:
        _log.info(
            "Going on after step %d of epoch %d of the run in %s",
            history.in_progress["steps"],
            history.epochs + 1,
            run_dir,
        )
    elif history.epochs:
        _log.info("Going on after epoch %d of the run in %s", history.epochs, run_dir)
    pretrain(model, train_split.images, config.seed)
    if history.epochs < config.epochs:
        record = EpochRecord(history, batches.steps_per_epoch * batches.batch_size)
        step_sheet = SampleSheet(run_dir / "samples", "step_{:09d}.png")
        chosen = [
            record,
            *required_callbacks(model),
            StepDrawing(step_sheet, sheet_every),
            SheetDrawing(sheets),
            StateStore(run_dir, history, record, batches.steps_per_epoch, state_every, states_kept),
        ]
        if history.in_progress:
            # All epochs of one `fit` have the same number of steps.
            _fit(model, batches, history, config.epochs, [*chosen, _OneEpoch()])
        if history.epochs < config.epochs:
            _fit(model, batches, history, config.epochs, chosen)
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


def draw(experiment):
    """Writes the sheets of a run as it stands, and trains nothing.

    The sheets of an epoch in progress have the number that they will have at its end.

    Args:
        experiment: `Experiment`.

    Returns:
        The model.

    Raises:
        RunError: If nothing was trained yet.
    """
    if not _is_run(experiment.run_dir):
        raise RunError(
            f"There is no trained run in {experiment.run_dir}: train it first, or name another "
            "with --run_dir."
        )
    model, history = _trained(experiment.config, experiment.run_dir)
    for sheet in _own_sheets(model, experiment):
        sheet.write(model, history.epochs + bool(history.in_progress))
    return model


def pretrain(model, images, seed):
    """Runs the pretraining of a model that asks for one, unless its training has begun.

    A model asks by a `pretraining_batch_size`; its `pretrain` takes batches and returns the
    losses.

    Args:
        model: Compiled model, its state restored.
        images: uint8 array. The training pictures.
        seed: Integer. Of the order of the pictures.
    """
    wanted = getattr(model, "pretraining_batch_size", None)
    if wanted is None or model.steps_done.numpy():
        return
    batches = Batches(images, None, min(wanted, len(images)), seed)
    losses = model.pretrain(batches.dataset(model.value_range))
    _log.info("Pretrained for %d steps, to a loss of %.4f", len(losses), losses[-1])


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
    return History(meta["history"], meta.get("in_progress"))


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
    model, _ = _trained(config, run_dir)
    return config, model


def count_parameters(model):
    """Returns the number of trainable weights of a model."""
    return int(sum(variable.value.shape.num_elements() for variable in model.trainable_variables))


def _own_sheets(model, experiment):
    """Returns the sheets that every model of its kind has."""
    directory = experiment.run_dir / "samples"
    sheets = [SampleSheet(directory)]
    if hasattr(model, "reconstruct"):
        sheets.append(ReconstructionSheet(directory, experiment.dataset.test.images))
    if getattr(model, "num_classes", None):
        sheets += [ClassSheets(directory), StyleSheet(directory)]
    return sheets


def _fit(model, batches, history, epochs, chosen_callbacks):
    """Trains from where the history ends until `epochs` are done, or a callback stops it."""
    steps_per_epoch = batches.steps_per_epoch
    done = history.in_progress["steps"] if history.in_progress else 0
    model.fit(
        batches.dataset(model.value_range, history.epochs * steps_per_epoch + done),
        initial_epoch=history.epochs,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch - done,
        shuffle=False,  # The pipeline has shuffled already.
        # Redrawing a line for every step would fill a log file.
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=chosen_callbacks,
    )


class _OneEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def _trained(config, run_dir):
    """Returns the model of a run with what it has learnt, and its `History`."""
    model = config.build_model()
    history = restore(model, run_dir)
    if not (history.epochs or history.in_progress):
        raise RunError(f"{run_dir} has no state yet: the run was stopped before its first epoch.")
    return model, history


def _is_run(run_dir):
    return (run_dir / "config.json").exists()
