"""The configuration of a run: what defines it, its name, its `config.json`."""

import dataclasses
import json
import re

import genkeras
from genkeras import atomic, registry
from genkeras.data.dataset import DataOptions
from genkeras.data.registry import canonical_name, directory_name
from genkeras.models.recipe import MINIMUM_BATCH_SIZE, SHARED_DEFAULTS
from genkeras.training import config_values
from genkeras.training.errors import RunError

FORMAT_VERSION = 1

# Where data lies and how strictly it is read does not make another run.
_NOT_DEFINING = {"data_dir", "cache_dir", "max_pixels", "max_bad_fraction"}
_DATA_DEFAULTS = dataclasses.asdict(DataOptions())


@dataclasses.dataclass(frozen=True)
class Request:
    """What somebody asked for; everything left out takes the paper's value.

    Args:
        model: String. A key of `registry.MODELS`.
        dataset: String. Name of the data set.
        data: Dict of `DataOptions` that were given.
        options: Dict of model options, `batch_size` and `epochs` that were given.
        seed: Integer. Seed of weights, noise and the order of the pictures; `None` is 0.
    """

    model: str
    dataset: str
    data: dict = dataclasses.field(default_factory=dict)
    options: dict = dataclasses.field(default_factory=dict)
    seed: int | None = None


@dataclasses.dataclass(frozen=True)
class Config:
    """A complete configuration: a model can be rebuilt from it alone.

    Args:
        model: String. A key of `registry.MODELS`.
        dataset: String. Name of the data set.
        data: Dict of `DataOptions` that were given.
        image_shape: Tuple `(height, width, channels)`.
        class_names: Tuple of strings, or `None`.
        options: Dict of all model options and `batch_size`.
        epochs: Integer. Epochs to train in all.
        seed: Integer.
        data_facts: Dict. What was found when the data was read.
        genkeras_version: String. The version that trained last.
        format_version: Integer. Layout of `config.json`.
    """

    model: str
    dataset: str
    data: dict
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    options: dict
    epochs: int
    seed: int
    data_facts: dict
    genkeras_version: str = genkeras.__version__
    format_version: int = FORMAT_VERSION

    @property
    def num_classes(self):
        """Number of classes, or `None` for data without labels."""
        return None if self.class_names is None else len(self.class_names)

    def training(self):
        """Returns a JSON-able dict of what must not change within a training."""
        return self.options | {"seed": self.seed}

    def class_numbers(self, words):
        """Returns the numbers of classes that somebody named; see `class_numbers` below."""
        return class_numbers(words, self.class_names or ())

    def build_model(self):
        """Builds the compiled model, with initial weights.

        Raises:
            RunError: If an option is wrong, or there is not enough memory.
        """
        # Imported here: most of what is done with configurations needs no TensorFlow.
        from tensorflow.errors import ResourceExhaustedError

        options = {name: value for name, value in self.options.items() if name != "batch_size"}
        config_values.check_options(self.model, self.options, self.model)
        config_values.check_sizes(options)
        try:
            return registry.build(
                self.model, self.image_shape, self.num_classes, self.seed, **options
            )
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.model} cannot be built: {error}") from error
        except (MemoryError, ResourceExhaustedError) as error:
            raise RunError(
                f"{self.model} of this size does not fit into memory: lower what its layers are "
                "made of, such as --width or --latent_dim."
            ) from error

    def save(self, run_dir):
        """Writes `config.json`."""
        atomic.write_json(run_dir / "config.json", dataclasses.asdict(self))


def complete(request, dataset):
    """Returns the `Config` of a request, once the data is known.

    Args:
        request: `Request`.
        dataset: `ImageDataset`, loaded as the request says.

    Raises:
        RunError: If an option is unknown.
    """
    recipe = registry.recipe(request.model)
    try:
        options = recipe.complete(request.options, dataset.name)
    except ValueError as error:
        raise RunError(str(error)) from error
    if options["batch_size"] < MINIMUM_BATCH_SIZE:
        raise RunError(
            f"--batch_size={options['batch_size']}: {request.model} needs at least "
            f"{MINIMUM_BATCH_SIZE}."
        )
    return Config(
        model=request.model,
        dataset=canonical_name(request.dataset),
        data=request.data,
        image_shape=dataset.image_shape,
        class_names=dataset.class_names,
        epochs=options.pop("epochs"),
        options=options,
        seed=request.seed or 0,
        data_facts=dataset.facts,
    )


def load(run_dir):
    """Reads the `Config` of a run directory.

    Raises:
        RunError: If there is none, or it is not one that this version can read.
    """
    path = run_dir / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{run_dir} is not a run directory: it has no config.json. Name the directory "
            "that a training command printed, such as checkpoints/vae/mnist/default."
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}.") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {version}; this genkeras reads {FORMAT_VERSION}."
        )
    fields = {field.name for field in dataclasses.fields(Config)}
    if content.keys() != fields:
        odd = sorted(content.keys() ^ fields)
        raise RunError(f"{path} does not have the fields of a run: look at {', '.join(odd)}.")
    config_values.check(content, path)
    config_values.check_options(content["model"], content["options"], path)
    content["options"] = SHARED_DEFAULTS | content["options"]
    for name in ("image_shape", "class_names"):
        content[name] = None if content[name] is None else tuple(content[name])
    return Config(**content)


def run_name(request, dataset):
    """Returns the name of a run: its non-default values, or `default`.

    Epochs are left out where a run may be trained further.
    """
    recipe = registry.recipe(request.model)
    changed = recipe.changed(request.options, dataset.name)
    if not recipe.epochs_matter(recipe.complete(request.options, dataset.name)):
        changed.pop("epochs", None)
    if request.seed:
        changed["seed"] = request.seed
    defaults = _data_defaults(dataset.facts)
    for name, value in request.data.items():
        if name not in _NOT_DEFINING and value != defaults[name]:
            changed[name] = value
    words = [
        name if value is True else f"{name}={_plain(value)}"
        for name, value in sorted(changed.items())
    ]
    return ",".join(words) or "default"


def run_directory(request, dataset, checkpoint_dir):
    """Returns `<checkpoint_dir>/<model>/<dataset>/<name>`."""
    folder = checkpoint_dir / request.model / directory_name(request.dataset)
    return folder / run_name(request, dataset)


def adopt(request, given_dataset, stored):
    """Takes from a stored configuration whatever the request leaves open.

    Args:
        request: `Request`.
        given_dataset: Boolean. Whether the request's data set was asked for by name.
        stored: `Config` of the run directory that the request names.

    Returns:
        `Request` for the stored run.

    Raises:
        RunError: If something that defines the run was asked for with another value.
    """
    asked = {"model": request.model, **request.options}
    have = {"model": stored.model, **stored.options}
    if given_dataset:
        asked["dataset"], have["dataset"] = canonical_name(request.dataset), stored.dataset
    if request.seed is not None:
        asked["seed"], have["seed"] = request.seed, stored.seed
    have |= _data_defaults(stored.data_facts) | stored.data
    asked |= {name: value for name, value in request.data.items() if name not in _NOT_DEFINING}
    for name, value in asked.items():
        if name != "epochs" and have.get(name) != value:
            raise RunError(
                f"--{name}={value} contradicts the run directory, which was made with "
                f"{name}={have.get(name)}. Leave the flag out to go on with that run, or name "
                "another --run_dir."
            )
    return Request(
        model=stored.model,
        dataset=stored.dataset,
        data=stored.data | request.data,
        options={"epochs": stored.epochs, **stored.options, **request.options},
        seed=stored.seed,
    )


def check_same_run(stored, config):
    """Refuses to go on with a run under another configuration.

    Args:
        stored: `Config` of the run directory.
        config: `Config` of this start.

    Raises:
        RunError: If they differ in anything but epochs and where the data lies.
    """
    for field in ("model", "dataset", "image_shape", "class_names", "seed", "options"):
        have, want = getattr(stored, field), getattr(config, field)
        if have != want:
            raise RunError(
                f"The run directory was made with {field}={have}, but this start has {want}. "
                "Name another --run_dir."
            )
    if stored.epochs != config.epochs and registry.recipe(config.model).epochs_matter(
        config.options
    ):
        raise RunError(
            f"The run directory was made for {stored.epochs} epochs and its schedule depends on "
            f"them, but this start asks for {config.epochs}. Name another --run_dir."
        )
    if stored.data_facts["fingerprint"] != config.data_facts["fingerprint"]:
        raise RunError(
            "The pictures or labels are not those the run was started with (other files, "
            "sizes or contents). Name another --run_dir, or bring the old data back."
        )


def _data_defaults(facts):
    """Returns the value of each data option that was not given, as this data set fills it."""
    return _DATA_DEFAULTS | facts["default_sizes"]


def _plain(value):
    """Returns a value as it can stand in a directory's name."""
    return re.sub(r"[^\w.+-]", "_", str(value))


def class_numbers(words, class_names):
    """Returns the classes that somebody named, as numbers.

    Args:
        words: List of strings, each the name of a class or its number.
        class_names: Sequence of strings, in the order of their numbers.

    Raises:
        RunError: If a word is neither, or there is none.
    """
    numbers = {str(number): number for number in range(len(class_names))}
    # A class may be called "7": its name comes first.
    numbers |= {name: number for number, name in enumerate(class_names)}
    unknown = [word for word in words if word not in numbers]
    if unknown or not words:
        raise RunError(
            f"{', '.join(map(repr, unknown)) or 'An empty list'} names no class; expected "
            f"numbers from 0 to {len(class_names) - 1}, or names of {', '.join(class_names)}."
        )
    return [numbers[word] for word in words]
