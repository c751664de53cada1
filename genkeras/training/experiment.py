"""A training run from start to end: prepare, restore, train, leave everything in its directory."""

import contextlib
import dataclasses
import logging
import pathlib

import tensorflow as tf

from genkeras import atomic
from genkeras.data import registry as datasets
from genkeras.data.dataset import DataOptions, ImageDataset
from genkeras.training import config as configuration
from genkeras.training import loop, state, taking_up
from genkeras.training.callbacks.best_state import BestState
from genkeras.training.callbacks.collapse_alarm import CollapseAlarm
from genkeras.training.callbacks.epoch_record import EpochRecord
from genkeras.training.callbacks.run_check import RunCheck
from genkeras.training.callbacks.score_record import ScoreRecord
from genkeras.training.callbacks.sheet_drawing import SheetDrawing
from genkeras.training.callbacks.state_store import StateStore
from genkeras.training.callbacks.step_drawing import StepDrawing
from genkeras.training.callbacks.stop_on_signal import StopOnSignal
from genkeras.training.callbacks.stop_within_epoch import StopWithinEpoch
from genkeras.training.callbacks.tensorboard_log import TensorBoardLog
from genkeras.training.config import Config
from genkeras.training.divergence import DivergenceWatch
from genkeras.training.errors import RunError
from genkeras.training.history import History
from genkeras.training.interruption import Interrupted, StopRequest
from genkeras.training.lock import RunLock
from genkeras.training.run_directory import check_takes, is_run, remove_unfinished, set_aside
from genkeras.training.sheets.samples import SampleSheet
from genkeras.training.sheets.standard import standard_sheets

_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A run that is ready to train.

    Args:
        config: `Config`.
        dataset: `ImageDataset`.
        run_dir: Path of the run directory; it may not exist yet.
        fresh: Boolean. Whether a run that is in the directory makes room for a new one.
    """

    config: Config
    dataset: ImageDataset
    run_dir: pathlib.Path
    fresh: bool = False


def prepare(
    request, *, run_dir=None, checkpoint_dir="checkpoints", given_dataset=True, fresh=False
):
    """Reads the data and settles the configuration.

    Nothing is written but the cache of the data, where that is wanting.

    Args:
        request: `config.Request`.
        run_dir: Path of the run directory. Defaults to
            `<checkpoint_dir>/<model>/<dataset>/<name>`.
        checkpoint_dir: Path. Where run directories go by default.
        given_dataset: Boolean. Whether the data set was asked for, or is a default that a
            stored configuration may replace.
        fresh: Boolean. Whether a run that is in the directory is moved aside when training
            begins, instead of gone on with.

    Returns:
        `Experiment`.

    Raises:
        RunError: If the request contradicts the run directory or makes no sense.
        genkeras.data.dataset.DataError: If the data is missing or broken.
    """
    run_dir = pathlib.Path(run_dir).expanduser() if run_dir else None
    if run_dir and run_dir.name in ("", ".."):
        # What is to be renamed needs a name, and `.` goes with what is.
        run_dir = run_dir.resolve()
    if run_dir and is_run(run_dir) and not fresh:
        request = configuration.adopt(request, given_dataset, configuration.load(run_dir))
    dataset = datasets.load(request.dataset, DataOptions(**request.data))
    config = configuration.complete(request, dataset)
    if run_dir is None:
        parent = pathlib.Path(checkpoint_dir).expanduser()
        run_dir = configuration.run_directory(request, dataset, parent)
    if not (fresh and is_run(run_dir)):
        check_takes(run_dir, config)
    return Experiment(config, dataset, run_dir, fresh)


def train(
    experiment,
    extra_sheets=(),
    *,
    sheet_every=0,
    state_every=0,
    states_kept=2,
    score=None,
    score_every=0,
    keep_best=None,
    tensorboard=False,
    extra_callbacks=(),
    distribution=None,
):
    """Trains until the epochs of the configuration are done; goes on where a run stopped.

    A run that is complete only writes its last sheets again, and is scored as it stands if
    scores are asked for and its last epoch has none.

    Args:
        experiment: `Experiment`.
        extra_sheets: Sheets to draw beside samples and reconstructions; see
            `genkeras.training.sheets`.
        sheet_every: Integer. Training steps after which samples are drawn within an epoch
            too, as `step_NNNNNNNNN.png`; `0` for never.
        state_every: When the state is stored within an epoch too, so that a killed run goes
            on from there: an integer, the training steps from one time to the next (`0` for
            never), or a `datetime.timedelta`. The results do not depend on it.
        states_kept: Integer. How many states stay.
        score: Function of the model that returns a dict of scores' names to numbers; it
            must not change the model.
        score_every: Integer. Epochs after which the model is scored, the last one always;
            `0` for never.
        keep_best: Pair of a score's name (or words that only one name contains) and whether
            higher is better: the state where it is best stays as `best.npz`.
        tensorboard: Boolean. Whether losses and scores are written for TensorBoard too.
        extra_callbacks: Keras callbacks, called before all others. One that sets `stop_training`
            ends the training with its state stored, at the end of an epoch or within; the same
            training goes on from there. One that does something in every step is called after
            each, which makes short steps slower: others are done several in one call. Of
            several workers the chief alone has them; when one stops it, the others end as when
            a worker is lost.
        distribution: `distribution.Distribution`, or `None` to train on one device. Of
            several workers the chief alone writes.

    Returns:
        Dict, also written to `metrics.json`: `parameters`, `epochs`, `train_seconds`,
        `images_per_second`, `final_losses`. Seconds are those of training steps: without
        pretraining, drawing, storing and scoring. `None` for a worker that is not the chief.

    Raises:
        RunError: If the model cannot be built, the state does not fit, another process is
            training in the directory, the training diverges or the disk fails, or a worker
            is gone.
        interruption.Interrupted: If SIGTERM, SIGHUP or Ctrl-C came; the state has been stored.
    """
    config, run_dir, train_split = experiment.config, experiment.run_dir, experiment.dataset.train
    # TensorFlow merges chains of additions in an order that differs from one start of a
    # program to the next, and with it the last bits of a sum.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    with distribution.building(config) if distribution else contextlib.nullcontext():
        model = config.build_model()
        watch = DivergenceWatch(model)
    batches = loop.make_batches(model, train_split, config)
    if distribution and not distribution.is_chief:
        return taking_up.follow(experiment, model, batches, distribution, score, score_every)
    sheets = [*_sheets(model, experiment), *extra_sheets]
    request = StopRequest()
    command = "command without --fresh" if experiment.fresh else "command"
    with _told_what_is_safe(run_dir, command), contextlib.ExitStack() as held:
        if experiment.fresh and is_run(run_dir):
            set_aside(run_dir)
        lock = held.enter_context(RunLock(run_dir))
        check = RunCheck(watch, lock)
        history = _open(model, config, run_dir, distribution)
        steps_per_epoch = batches.steps_per_epoch
        record = EpochRecord(history, steps_per_epoch * batches.batch_size)
        store = StateStore(
            run_dir,
            history,
            record,
            steps_per_epoch,
            check.check,
            state_every,
            states_kept,
            {
                "training": config.training(),
                "replicas": distribution.num_replicas if distribution else 1,
            },
        )
        # In this order: an epoch counts as done when everything else of it is on disk.
        storing = []
        if scored := score is not None and score_every:
            if distribution and history.epochs < config.epochs:
                score = distribution.shared(score)
            storing.append(ScoreRecord(run_dir, history, score, lock.verify, score_every))
            if keep_best:
                storing.append(BestState(run_dir, history, *keep_best, lock.verify))
        if tensorboard:
            storing.append(TensorBoardLog(run_dir, history))
        storing.append(store)
        if history.epochs < config.epochs:
            if distribution:
                distribution.pretrain(model, config, train_split.images)
            else:
                loop.pretrain(model, train_split.images, config.seed)
            held.enter_context(request)
            chosen = [
                *extra_callbacks,
                check,
                record,
                *loop.required_callbacks(model),
                StepDrawing(
                    SampleSheet(run_dir / "samples", "step_{:09d}.png"), sheet_every, lock.verify
                ),
                SheetDrawing(sheets, lock.verify),
                CollapseAlarm(train_split.images),
                *storing,
                StopOnSignal(request, store, run_dir, command),
                StopWithinEpoch(store),
            ]
            if distribution:
                held.enter_context(taking_up.stopping_together(request))
                distribution.fit(model, batches, history, config, chosen)
            else:
                loop.fit(model, batches, history, config.epochs, chosen)
        else:
            drawing = SheetDrawing(sheets, lock.verify)
            _finish_again(model, history, config.epochs, drawing, storing if scored else None)

        lock.verify()
        # Once more: a program killed after it stored the last state has not written it.
        atomic.write_text(run_dir / "history.csv", history.to_csv())
        summary = _summary(model, history)
        atomic.write_json(run_dir / "metrics.json", summary)
    if request.signal_number is not None:  # It came behind the last state.
        raise Interrupted(
            request.signal_number,
            f"Stopped after the training, which is complete and stored in {run_dir}.",
        )
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
    if not is_run(experiment.run_dir):
        raise RunError(
            f"There is no trained run in {experiment.run_dir}: train it first, or name another "
            "with --run_dir."
        )
    model, history = _trained(experiment.config, experiment.run_dir)
    for sheet in _sheets(model, experiment):
        sheet.write(model, history.epochs + bool(history.in_progress))
    return model


def load(run_dir, best=False):
    """Rebuilds the model of a run from its configuration, with the arrays it has learnt.

    Args:
        run_dir: Path of a run directory.
        best: Boolean. Whether to take the state that `keep_best` kept instead of the newest.

    Returns:
        Pair `(config, model)`.

    Raises:
        RunError: If it is not a run directory, or has no such state yet.
    """
    run_dir = pathlib.Path(run_dir).expanduser()
    config = configuration.load(run_dir)
    if not best:
        return config, _trained(config, run_dir)[0]
    loaded = state.load_best(run_dir)
    if loaded is None:
        raise RunError(
            f"{run_dir} has no {state.BEST}: it is kept by training with --eval_every and "
            "--keep_best."
        )
    model = config.build_model()
    state.restore(model, loaded[0])
    return config, model


def history(run_dir):
    """Returns the `History` of a run as far as it was trained; empty if it was not.

    Raises:
        RunError: If it is not a run directory, or its states are damaged.
    """
    run_dir = pathlib.Path(run_dir).expanduser()
    configuration.load(run_dir)
    loaded = state.load_newest(run_dir)
    return History.from_meta(loaded[1]) if loaded else History()


def count_parameters(model):
    """Returns the number of trainable weights of a model."""
    return int(sum(variable.value.shape.num_elements() for variable in model.trainable_variables))


def _open(model, config, run_dir, distribution):
    """Begins a run or takes it up, its lock being held; returns its `History`."""
    # Again: since it was prepared, another process may have begun a run here.
    check_takes(run_dir, config)
    remove_unfinished(run_dir)
    history = taking_up.take_up(model, config, run_dir, distribution)
    # Fewer epochs than are done or begun do not undo any.
    begun = history.epochs + bool(history.in_progress)
    dataclasses.replace(config, epochs=max(config.epochs, begun)).save(run_dir)
    return history


def _finish_again(model, history, epochs, drawing, scoring):
    """Does what is left to do for a run that has its epochs.

    Args:
        model: Model with what it has learnt.
        history: `History`.
        epochs: Integer. What was asked for.
        drawing: `SheetDrawing` of the sheets to write again.
        scoring: Callbacks that score an epoch and store its scores, or `None`.
    """
    if history.in_progress:
        # Its weights are of no epoch whose sheets could be drawn.
        _log.info(
            "Nothing was trained or drawn: the run stands after step %d of epoch %d, and "
            "--epochs=%d are done. --epochs=%d or more goes on with it.",
            history.in_progress["steps"],
            history.epochs + 1,
            epochs,
            history.epochs + 1,
        )
        return
    loop.end_epoch_again(model, history, [drawing])
    if scoring and history.last_scores():
        _log.info(
            "Nothing was trained or scored: the last epoch has its scores. apps.evaluate scores "
            "the run in other ways."
        )
    elif scoring:
        loop.end_epoch_again(model, history, scoring)


def _summary(model, history):
    seconds = history.total("seconds")
    return {
        "parameters": count_parameters(model),
        "epochs": history.epochs,
        "train_seconds": round(seconds, 3),
        "images_per_second": round(history.total("images") / max(seconds, 1e-9), 1),
        "final_losses": history.last_losses(),
    }


def _sheets(model, experiment):
    return standard_sheets(model, experiment.run_dir / "samples", experiment.dataset.test.images)


@contextlib.contextmanager
def _told_what_is_safe(run_dir, command):
    """Adds to an error of disk or memory what it has not harmed."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise RunError(
            f"There is not enough memory to train: lower --batch_size or --width. What the run in "
            f"{run_dir} has stored before is unharmed."
        ) from error
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise RunError(
            f"{error.strerror or error}{where}. What the run in {run_dir} has stored before is "
            f"unharmed: when this is mended, the same {command} goes on from there."
        ) from error


def _trained(config, run_dir):
    """Returns the model of a run with what it has learnt, and its `History`."""
    model = config.build_model()
    loaded = state.load_newest(run_dir)
    if loaded is None:
        raise RunError(f"{run_dir} has no state yet: the run was stopped before its first epoch.")
    arrays, meta = loaded
    state.restore(model, arrays)
    return model, History.from_meta(meta)
