"""What every app does: read flags, say clearly what is wrong, leave with the right status."""

import contextlib
import datetime
import errno
import logging
import os
import pathlib
import re
import shlex
import signal
import sys

from apps import command_line, flags
from genkeras.training import errors, interruption

USAGE, FAILURE = 2, 1
# What a shell reports of a program that a signal ended is this and the signal's number.
SIGNALLED = 128
# What is scored during training when nothing else is asked for.
DEFAULT_METRICS = ("score", "frechet")


def run(program, argv):
    """Runs an app's work; a user's mistake becomes one clear message and a status.

    Args:
        program: Function of the command line's words that returns an exit status or `None`.
        argv: List of words, or `None` for those of this process.

    Returns:
        Integer exit status: 0, 1 (data, files or a run are not as needed), 2 (the command
        line is wrong), 75 (another worker is gone: all are to be started again), 130 (Ctrl-C),
        143 (SIGTERM) or 129 (a closed terminal).
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    # TensorFlow's notes would bury ours; its errors still show, and what it says as it loads.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN then keeps what it prepares for an operation: up to a tenth of a small step.
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")
    try:
        with interruption.terminating_as_exception():
            return program(sys.argv[1:] if argv is None else list(argv)) or 0
    except flags.UsageError as error:
        print(f"{error}\nSee --help for the flags of this program.", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt as stop:
        told = "A training that has stored a state goes on from it: same command without --fresh."
        print(str(stop) or f"Stopped. {told}", file=sys.stderr)
        return SIGNALLED + getattr(stop, "signal_number", signal.SIGINT)
    except Exception as error:
        if _is_out_of_memory(error):
            told = "There is not enough memory for this: ask for less, such as fewer pictures."
        elif _is_users_mistake(error):
            told = errors.message(error)
        else:
            raise
        print(f"Error: {told}", file=sys.stderr)
        return getattr(error, "exit_status", FAILURE)


def train(
    model,
    argv,
    description,
    default_dataset="fashion_mnist",
    extra_flags=None,
    drawing_flags=None,
    extra_sheets=None,
    replaced=flags.COLLECTION,
):
    """The body of every training app.

    Args:
        model: String. A key of `genkeras.registry.MODELS`.
        argv: List of words, or `None` for those of this process.
        description: String. First lines of `--help`.
        default_dataset: String. What `--dataset` is when it is not given.
        extra_flags: Dict of the model's own flags, which are options of the model.
        drawing_flags: Dict of flags that say what is drawn; they do not define the run.
        extra_sheets: Function of all flags' values and the prepared `Experiment`, called
            before training: returns the sheets that the flags ask for, or raises
            `flags.UsageError`.
        replaced: Dict of flags of a reference program that have no meaning any more.

    Returns:
        Integer exit status.
    """

    def program(words):
        model_flags = {**flags.MODEL, **(extra_flags or {})}
        values = command_line.parse(
            words,
            description,
            flags.RUN,
            flags.SCORES,
            flags.SCORING,
            model_flags,
            drawing_flags or {},
            flags.DATA,
            flags.replaced(replaced),
        )
        flags.tell_replaced(values, replaced)
        every = state_every(values)
        from genkeras.training import experiment

        devices = distribution(values["strategy"])
        prepared = prepare(model, values, model_flags, data_options(values), default_dataset)
        sheets = extra_sheets(values, prepared) if extra_sheets else []
        print(f"{model} on {prepared.config.dataset}, run directory {prepared.run_dir}")
        with ending_together(devices):
            summary = experiment.train(
                prepared,
                extra_sheets=sheets,
                state_every=every,
                distribution=devices,
                **scoring(values, prepared),
            )
            if summary is None:  # A worker that is not the chief.
                return
            report(prepared, summary)
            if values["export"]:
                export(prepared)

    return run(program, argv)


def prepare(model, values, model_flags, data, default_dataset):
    """Returns the `Experiment` that a training app's flags ask for.

    Args:
        model: String. A key of `genkeras.registry.MODELS`.
        values: Dict from `command_line.parse`, those of `flags.RUN` and `flags.DATA` included.
        model_flags: Names of the flags that are options of the model.
        data: Dict from `data_options`.
        default_dataset: String. What `--dataset` is when it is not given.
    """
    from genkeras.training import experiment
    from genkeras.training.config import Request

    request = Request(
        model=model,
        dataset=default_dataset if values["dataset"] is None else values["dataset"],
        data=data,
        options=flags.given(values, [*model_flags, "epochs", "batch_size"]),
        seed=values["seed"],
    )
    try:
        prepared = experiment.prepare(
            request,
            run_dir=values["run_dir"],
            checkpoint_dir=values["checkpoint_dir"],
            given_dataset=values["dataset"] is not None,
            fresh=bool(values["fresh"]),
        )
        if values["run_dir"] is None:
            _look_for(prepared.run_dir)
    except OSError as error:
        below = pathlib.Path(values["checkpoint_dir"]).absolute()
        is_ours = below in pathlib.Path(error.filename or "").absolute().parents
        if values["run_dir"] is None and error.errno == errno.ENAMETOOLONG and is_ours:
            raise flags.UsageError(
                "These flags make a directory name that is too long: name the run directory with "
                "--run_dir."
            ) from error
        raise
    return prepared


def _look_for(path):
    """Raises what the file system says of a path that it could not hold."""
    # Of a path below a folder that is missing it would say only that.
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        os.lstat(folder / path.name)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def distribution(strategy=None):
    """Returns the `Distribution` that flags ask for, or `None` for one device.

    To be called before anything else that uses TensorFlow.

    Args:
        strategy: Value of this flag of `flags.RUN`.
    """
    from genkeras.training import devices

    return devices.create(strategy)


@contextlib.contextmanager
def ending_together(devices):
    """Context that a worker leaves when all do.

    A chief that dies in what it does alone at the end can only be started again with the
    others: a cluster does not start again what has ended well.

    Args:
        devices: What `distribution` has returned.
    """
    yield
    if devices is not None:
        devices.wait()


def state_every(values, default=0):
    """Returns what `--save_every` asks for: steps, or a `datetime.timedelta`.

    Args:
        values: Dict from `command_line.parse`.
        default: Integer. Steps, when the flag is not given.

    Raises:
        flags.UsageError: If it is neither.
    """
    word = values["save_every"]
    if word is None:
        return default
    if re.fullmatch(r"[0-9]{1,12}", word):
        return int(word)
    time = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([smh])", word)
    if not time or not float(time[1]):
        raise flags.UsageError(
            f"--save_every={word}: expected a number of training steps (20), or a time (90s, 5m, "
            "1h)."
        )
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[time[2]]
    return datetime.timedelta(**{unit: float(time[1])})


def scoring(values, prepared):
    """Returns what the flags of `flags.SCORING` ask `experiment.train` for, as a dict.

    Args:
        values: Dict from `command_line.parse`, with `flags.SCORES` and `flags.SCORING`.
        prepared: `Experiment`.

    Raises:
        flags.UsageError: If flags do not go together.
    """
    options = {"tensorboard": bool(values["tensorboard"])}
    if not values["eval_every"]:
        for name in flags.given(values, ["keep_best", *flags.SCORES]):
            raise flags.UsageError(f"--{name} goes with --eval_every=N: score every N epochs.")
        return options
    protocol = {"metrics": DEFAULT_METRICS} | protocol_options(values)
    if values["keep_best"]:
        metric, higher_is_better = flags.KEPT_SCORES[values["keep_best"]]
        protocol["metrics"] = tuple(dict.fromkeys([*protocol["metrics"], metric]))
        options["keep_best"] = (values["keep_best"], higher_is_better)
    options["score"] = score_function(prepared, protocol)
    return options | {"score_every": values["eval_every"]}


def score_function(prepared, protocol):
    """Returns the function of a model that scores its samples during training.

    Args:
        prepared: `Experiment`.
        protocol: Dict of what `genkeras.evaluation.evaluator.Protocol` takes.
    """
    from genkeras.evaluation.evaluator import Evaluator, Protocol

    return Evaluator(prepared.dataset, Protocol(**protocol)).numbers_during_training(
        protocol["metrics"]
    )


def report(prepared, summary):
    """Prints where a finished training has left what."""
    print(
        f"Epochs done: {summary['epochs']}. Sheets: {prepared.run_dir / 'samples'}; losses: "
        f"{prepared.run_dir / 'history.csv'}; draw more with\n"
        f"  python -m apps.sample --run_dir={prepared.run_dir} --num_images=64 "
        "--output=sheet.png"
    )


def export(prepared):
    """Makes a sampler of a finished training, unless its state has one already."""
    from genkeras.serving import export as exporting

    path, made = exporting.export_newest(prepared.run_dir)
    print(f"Sampler: {path}" + ("" if made else ", which was made of this state before"))
    print(f"  python -m apps.serve --model_dir={shlex.quote(str(path.parent.parent))}")


def data_options(values):
    """Returns the data flags that were given, `$GENKERAS_DATA_DIR` being one way to give one.

    Args:
        values: Dict from `command_line.parse`; an app need not have all data flags.
    """
    options = flags.given(values, [name for name in flags.DATA if name in values])
    options.pop("dataset", None)
    if options.get("crop") is False and "crop_mode" in options:
        raise flags.UsageError(
            f"--nocrop and --crop_mode={options['crop_mode']} contradict each other: give one."
        )
    if "data_dir" not in options and os.environ.get("GENKERAS_DATA_DIR"):
        name = "GENKERAS_DATA_DIR"
        options["data_dir"] = str(flags.expanded(os.environ[name], name))
    # A run may be taken up again from another working directory.
    for name in ("data_dir", "cache_dir"):
        if name in options:
            options[name] = str(pathlib.Path(options[name]).absolute())
            # From the environment, or of the working directory.
            flags.check_text(options[name], f"The path of --{name}")
    return options


def protocol_options(values):
    """Returns the flags of `flags.SCORES` that were given, as `evaluator.Protocol` takes them."""
    options = flags.given(values, [name for name in flags.SCORES if name in values])
    if "metrics" in options:
        options["metrics"] = tuple(options["metrics"])
    return options


def require_model(name, flag):
    """Checks that a model is registered, before anything heavy is imported.

    Raises:
        flags.UsageError: If there is no such model.
    """
    from genkeras.registry import check_name

    try:
        check_name(name)
    except ValueError as error:
        raise flags.UsageError(f"--{flag}: {error}") from error


def _is_out_of_memory(error):
    kinds = [MemoryError]
    if "tensorflow" in sys.modules:
        kinds.append(sys.modules["tensorflow"].errors.ResourceExhaustedError)
    return isinstance(error, tuple(kinds))


def _is_users_mistake(error):
    """Tells what a user can mend from a defect of ours, which keeps its traceback."""
    from genkeras.data.dataset import DataError

    kinds = [DataError, OSError]
    # Not imported just for this: what comes with TensorFlow, or what was not used.
    for module, name in (
        ("genkeras.training.errors", "RunError"),
        ("genkeras.metrics.features.errors", "FeatureError"),
    ):
        if module in sys.modules:
            kinds.append(getattr(sys.modules[module], name))
    return isinstance(error, tuple(kinds))
