"""What a sampler says about itself: `assets/genkeras.json`, readable without TensorFlow."""

import datetime
import json
import math
import pathlib

import genkeras
from genkeras import registry

FILE_NAME = "genkeras.json"
FORMAT_VERSION = 1


def describe(
    config,
    model,
    signatures,
    *,
    prior,
    name,
    export_format,
    history,
    state_sha256,
    best,
    scores=None,
):
    """Returns the metadata of a sampler, JSON-able; `docs/serving.md` describes it.

    Args:
        config: `Config` of the run.
        model: Its model.
        signatures: Dict from `signatures.describe`.
        prior: Dict, as in `tensor_functions.TensorFunctions`.
        name: String. The sampler's name.
        export_format: String. A key of `export.FORMATS`.
        history: `History` of the run up to the exported state.
        state_sha256: String. `state.digest` of that state.
        best: Boolean. Whether it is the state that `--keep_best` kept.
        scores: Dict of names to numbers; those of the history's last epoch where `None`.
    """
    recipe = registry.recipe(config.model)
    conditional = bool(getattr(model, "num_classes", None))
    scores = history.last_scores() if scores is None else scores
    return {
        "format_version": FORMAT_VERSION,
        "genkeras_version": genkeras.__version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "name": name,
        "format": export_format,
        "model": config.model,
        "title": recipe.title,
        "paper": recipe.paper,
        "dataset": config.dataset,
        "image_shape": list(config.image_shape),
        "value_range": list(model.value_range),
        "latent_dim": model.latent_dim,
        "prior": prior,
        "classes": list(config.class_names) if conditional else None,
        "moving_average": getattr(model, "ema_decay", None),
        "signatures": signatures,
        "epochs": history.epochs,
        "steps": int(model.steps_done.numpy()),
        "state_sha256": state_sha256,
        "best": best,
        "seed": config.seed,
        "options": config.options,
        # JSON has no NaN.
        "scores": {
            key: float(value) if math.isfinite(value) else None for key, value in scores.items()
        },
    }


def read(folder):
    """Reads the metadata of a sampler.

    Args:
        folder: Path of a version, such as `export/vae_mnist/1`.

    Returns:
        Dict from `describe`.

    Raises:
        OSError: If there is none.
        ValueError: If it is damaged, or of another format version.
    """
    for path in (pathlib.Path(folder, "assets", FILE_NAME), pathlib.Path(folder, FILE_NAME)):
        if path.exists():
            break
    content = json.loads(path.read_text(encoding="utf-8"))
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version {version}; this genkeras reads {FORMAT_VERSION}."
        )
    return content
