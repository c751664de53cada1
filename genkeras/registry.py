"""Names of the models, and how they are built."""

import difflib
import importlib

from genkeras.models.recipe import build_options

# Name -> "module:recipe", imported on use. This is the one line to add for a new model.
MODELS = {
    "gan": "genkeras.models.gan:MINIMAX",
    "nsgan": "genkeras.models.gan:NON_SATURATING",
    "cgan": "genkeras.models.cgan:RECIPE",
    "wgan": "genkeras.models.wgan:RECIPE",
    "wgan_gp": "genkeras.models.wgan_gp:RECIPE",
    "dcgan": "genkeras.models.dcgan:RECIPE",
    "vae": "genkeras.models.vae:RECIPE",
    "wae_mmd": "genkeras.models.wae_mmd:RECIPE",
    "wae_gan": "genkeras.models.wae_gan:RECIPE",
}


def check_name(name):
    """Raises `ValueError` unless `name` is a registered model. Imports no model."""
    if name not in MODELS:
        close = difflib.get_close_matches(str(name), MODELS, 1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(MODELS)}."
        raise ValueError(f"There is no model {name!r}. {hint}")


def recipe(name):
    """Returns the `Recipe` of a registered model.

    Args:
        name: String. A key of `MODELS`.

    Raises:
        ValueError: If there is no such model.
    """
    check_name(name)
    module, attribute = MODELS[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def build(name, image_shape, num_classes=None, seed=0, **given):
    """Builds a compiled model.

    Args:
        name: String. A key of `MODELS`.
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Integer, or `None` for images without labels.
        seed: Integer. Seed of the initial weights and of all noise.
        **given: Options that differ from the paper's, and `precision`.

    Returns:
        `keras.Model`, compiled.

    Raises:
        ValueError: If the model, an option or its value is unknown.
    """
    chosen = recipe(name)
    options = chosen.complete(given)
    # Imported here: the names of the models are known without Keras.
    from genkeras.models import precision

    with precision.policy(options["precision"]):
        return chosen.build(
            tuple(image_shape), num_classes=num_classes, seed=seed, **build_options(options)
        )
