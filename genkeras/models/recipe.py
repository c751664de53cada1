"""What a paper or program sets beside its equations, in one table per model."""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from typing import Any

# What is no option of `Recipe.build`, but of training.
TRAINING_OPTIONS = ("batch_size", "epochs", "precision", "sync_batch_norm")
# Of every model.
SHARED_DEFAULTS = {"precision": "float32", "sync_batch_norm": False}
# Where a layer gives one number for each picture, batch norm of one picture is its shift,
# whatever the picture.
MINIMUM_BATCH_SIZE = 2

INFOGAN_NETWORKS = "InfoGAN's, shared by the models of the comparison"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A model as its paper trains it.

    Args:
        title: String. The model's name in a report.
        paper: String. Authors, year and address.
        value_function: String. What is minimised by whom, on one or two lines.
        build: Function `(image_shape, num_classes, seed, **options)` that returns a
            compiled `keras.Model`.
        defaults: Every option of `build`, and `batch_size` and `epochs`.
        dataset_epochs: Epochs for data sets where the program differs from the default.
        variants: Pair of an option's name and a table `{value: {option: default}}`:
            the value of that option chooses further defaults, and with the key
            `dataset_epochs` a table in place of that above. Or `None`.
        epochs_matter: Function of complete options: whether another number of epochs is
            another training from the start (a schedule over all epochs), so that a
            finished run cannot simply be trained further.
        networks: Function of complete options that returns a string: whose networks it
            has; the models of a comparison share InfoGAN's.
    """

    title: str
    paper: str
    value_function: str
    build: Callable[..., Any]
    defaults: Mapping[str, Any]
    dataset_epochs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    variants: tuple[str, Mapping[Any, Mapping[str, Any]]] | None = None
    epochs_matter: Callable[[Mapping[str, Any]], bool] = lambda options: False
    networks: Callable[[Mapping[str, Any]], str] = lambda options: INFOGAN_NETWORKS

    def complete(self, given, dataset=None):
        """Fills in what was not given.

        Args:
            given: Dict of options that somebody chose.
            dataset: String. Name of the data set.

        Returns:
            Dict of every option, those of training included.

        Raises:
            ValueError: If an option is unknown.
        """
        options = {**SHARED_DEFAULTS, **self.defaults}
        dataset_epochs = self.dataset_epochs
        if self.variants:
            selector, table = self.variants
            chosen = given.get(selector, options[selector])
            if chosen not in table:
                raise ValueError(f"{selector}={chosen!r} is unknown; use one of {sorted(table)}.")
            options.update(table[chosen])
            dataset_epochs = options.pop("dataset_epochs", dataset_epochs)
        if dataset in dataset_epochs:
            options["epochs"] = dataset_epochs[dataset]
        for name in given:
            if name not in options:
                close = difflib.get_close_matches(name, options, 1)
                hint = f"did you mean {close[0]!r}?" if close else f"it has {sorted(options)}."
                raise ValueError(f"{self.title} has no option {name!r}; {hint}")
        return options | dict(given)

    def changed(self, given, dataset=None):
        """Returns the options in `given` that differ from the defaults they replace."""
        changed = {}
        for name, value in given.items():
            others = {key: other for key, other in given.items() if key != name}
            if self.complete(others, dataset)[name] != value:
                changed[name] = value
        return changed


def build_options(options):
    """Returns the part of complete `options` that `Recipe.build` takes."""
    return {name: value for name, value in options.items() if name not in TRAINING_OPTIONS}
