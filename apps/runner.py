"""What every app does: read flags, say clearly what is wrong, leave with the right status."""

import logging
import os
import pathlib
import sys

from apps import flags

USAGE, FAILURE, INTERRUPTED = 2, 1, 130


def run(program, argv):
    """Runs an app's work; a user's mistake becomes one clear message and a status.

    Args:
        program: Function of the command line's words that returns an exit status or `None`.
        argv: List of words, or `None` for those of this process.

    Returns:
        Integer exit status: 0, 1 (data, files or a run are not as needed), 2 (the command
        line is wrong) or 130 (Ctrl-C).
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    # TensorFlow's notes would bury ours; its errors still show, and what it says as it loads.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return program(sys.argv[1:] if argv is None else list(argv)) or 0
    except flags.UsageError as error:
        print(f"{error}\nSee --help for the flags of this program.", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print(
            "Stopped. The same training command goes on from the last stored state.",
            file=sys.stderr,
        )
        return INTERRUPTED
    except Exception as error:
        if not _is_users_mistake(error):
            raise
        print(f"Error: {error}", file=sys.stderr)
        return FAILURE


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
        values = flags.parse(
            words,
            description,
            flags.RUN,
            model_flags,
            drawing_flags or {},
            flags.DATA,
            flags.replaced(replaced),
        )
        flags.tell_replaced(values, replaced)
        from genkeras.training import experiment

        prepared = prepare(model, values, model_flags, data_options(values), default_dataset)
        sheets = extra_sheets(values, prepared) if extra_sheets else []
        print(f"{model} on {prepared.config.dataset}, run directory {prepared.run_dir}")
        state_every = values["save_every"] or 0
        summary = experiment.train(prepared, extra_sheets=sheets, state_every=state_every)
        report(prepared, summary)

    return run(program, argv)


def prepare(model, values, model_flags, data, default_dataset):
    """Returns the `Experiment` that a training app's flags ask for.

    Args:
        model: String. A key of `genkeras.registry.MODELS`.
        values: Dict from `flags.parse`, those of `flags.RUN` and `flags.DATA` included.
        model_flags: Names of the flags that are options of the model.
        data: Dict from `data_options`.
        default_dataset: String. What `--dataset` is when it is not given.
    """
    from genkeras.training import experiment
    from genkeras.training.config import Request

    request = Request(
        model=model,
        dataset=values["dataset"] or default_dataset,
        data=data,
        options=flags.given(values, [*model_flags, "epochs", "batch_size"]),
        seed=values["seed"],
    )
    return experiment.prepare(
        request,
        run_dir=values["run_dir"],
        checkpoint_dir=values["checkpoint_dir"],
        given_dataset=values["dataset"] is not None,
    )


def report(prepared, summary):
    """Prints where a finished training has left what."""
    print(
        f"Epochs done: {summary['epochs']}. Sheets: {prepared.run_dir / 'samples'}; losses: "
        f"{prepared.run_dir / 'history.csv'}; draw more with\n"
        f"  python -m apps.sample --run_dir={prepared.run_dir} --num_images=64 "
        "--output=sheet.png"
    )


def data_options(values):
    """Returns the data flags that were given, `$GENKERAS_DATA_DIR` being one way to give one.

    Args:
        values: Dict from `flags.parse`; an app need not have all data flags.
    """
    options = flags.given(values, [name for name in flags.DATA if name in values])
    options.pop("dataset", None)
    if "data_dir" not in options and os.environ.get("GENKERAS_DATA_DIR"):
        options["data_dir"] = os.environ["GENKERAS_DATA_DIR"]
    # A run may be taken up again from another working directory.
    for name in ("data_dir", "cache_dir"):
        if name in options:
            options[name] = str(pathlib.Path(options[name]).expanduser().absolute())
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


def require_png(values, name="output"):
    """Checks that a flag names a PNG file that can be written; `None` passes.

    Raises:
        flags.UsageError: If it does not, before anything is computed.
    """
    if values[name] is not None and not values[name].endswith(".png"):
        raise flags.UsageError(f"--{name}={values[name]}: expected the name of a .png file.")
    require_file(values, name)


def require_file(values, name):
    """Checks that a flag names a file that can be written; `None` passes.

    Raises:
        flags.UsageError: If it is a folder or lies below a file, before anything is computed.
    """
    if values[name] is None:
        return
    path = pathlib.Path(values[name])
    if path.is_dir() or values[name].endswith("/"):
        raise flags.UsageError(f"--{name}={values[name]} is a folder: expected a file's name.")
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if not parent.is_dir():
        raise flags.UsageError(f"--{name}={values[name]}: {parent} is a file, not a folder.")


def _is_users_mistake(error):
    """Tells what a user can mend from a defect of ours, which keeps its traceback."""
    from genkeras.data.dataset import DataError

    kinds = [DataError, OSError]
    # Not imported just for this: it comes with TensorFlow.
    training_errors = sys.modules.get("genkeras.training.errors")
    if training_errors:
        kinds.append(training_errors.RunError)
    return isinstance(error, tuple(kinds))
