"""Scores of a run, or of pictures that anybody made, beside those of real pictures."""

import dataclasses
import datetime
import pathlib

import numpy as np

import genkeras
from genkeras import atomic
from genkeras.data import folder
from genkeras.data import registry as datasets
from genkeras.data.dataset import DataError, DataOptions, ImageDataset, Split
from genkeras.evaluation import model_scores
from genkeras.evaluation.evaluator import METRICS, Evaluator, without_score
from genkeras.evaluation.run_data import load_run_data
from genkeras.training import experiment
from genkeras.training.errors import RunError
from genkeras.training.state import UNREADABLE
from genkeras.visualization import grid

FORMAT_VERSION = 1
# Pictures that are shown beside their nearest neighbours.
NUM_NEIGHBOURS = 32


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Files that an evaluation leaves; `None` for those that are not wanted.

    Args:
        json: Path of a file for all numbers.
        neighbours: Path of a PNG file: samples, each with its nearest training picture to
            the right.
        written: Boolean. Whether this process writes them; of several workers, which all
            compute what is in them, one does.
    """

    json: str | None = None
    neighbours: str | None = None
    written: bool = True


def evaluate_run(run_dir, protocol, best=False, outputs=None, earlier=None, **locations):
    """Scores a trained run.

    Args:
        run_dir: Path of a run directory.
        protocol: `Protocol`.
        best: Boolean. Whether to score the state that `--keep_best` kept.
        outputs: `Outputs`, or `None` for none.
        earlier: Dict like the one returned, which it is to be compared with, or `None`.
        **locations: As for `load_run_data`.

    Returns:
        Dict; `docs/scores.md` describes it.

    Raises:
        RunError: If the run or the protocol cannot be used, or `earlier` is of other data.
    """
    config, model = experiment.load(run_dir, best=best)
    evaluator = _evaluator(load_run_data(config, **locations), protocol, earlier)
    subject = {"run_dir": str(run_dir), "model": config.model, "seed": config.seed, "best": best}
    task = model_scores.ModelTask(model, evaluator.dataset.test)
    found = evaluator.score_model(task)
    return _result(evaluator, subject, found, lambda: evaluator.samples(model), outputs)


def evaluate_images(
    images_path,
    protocol,
    dataset=None,
    data=None,
    reference=None,
    outputs=None,
    earlier=None,
):
    """Scores pictures from a folder or an `.npz` file.

    Args:
        images_path: Path of a folder of pictures, or of an `.npz` with a uint8 array `images`.
        protocol: `Protocol`; `num_images` of the pictures are used.
        dataset: String. Name of the data set whose test split they are held against.
        data: Dict of `DataOptions`.
        reference: Path like `images_path`, instead of a data set.
        outputs: `Outputs`, or `None` for none.
        earlier: As for `evaluate_run`.

    Returns:
        Dict like that of `evaluate_run`.

    Raises:
        RunError: If the pictures do not fit each other, or `earlier` is of other data.
        genkeras.data.dataset.DataError: If pictures are missing or broken.
    """
    if reference is not None:
        pictures = load_pictures(reference)
        held_against = ImageDataset(
            pathlib.Path(reference).name, None, Split(pictures, None), None, {}
        )
    else:
        held_against = datasets.load(dataset, DataOptions(**data))
    height, width, channels = held_against.test.images.shape[1:]
    images = load_pictures(images_path)
    if images.shape[1:] != (height, width, channels):
        raise RunError(
            f"{images_path} holds pictures of {'×'.join(map(str, images.shape[1:]))}, but those "
            f"they are held against are {height}×{width}×{channels} (height, width, channels)."
        )
    model_only = [name for name in protocol.metrics or () if name in model_scores.METRICS]
    if model_only:
        raise RunError(f"--metrics={model_only[0]} needs a model: give --run_dir.")
    if len(images) < protocol.num_images:
        raise RunError(
            f"{images_path} holds {len(images)} pictures, fewer than --num_images="
            f"{protocol.num_images}: give more pictures, or --num_images={len(images)}."
        )
    evaluator = _evaluator(held_against, protocol, earlier)
    subject = {"images": str(images_path), "seed": protocol.seed}
    # In a random order: a folder is sorted by class, and some scores take the first so many.
    order = np.random.Generator(np.random.Philox(key=0)).permutation(len(images))
    chosen = images[order[: protocol.num_images]]
    return _result(evaluator, subject, evaluator.score_images(chosen), lambda: chosen, outputs)


def load_pictures(path):
    """Reads pictures of one size, as they are, from a folder or an `.npz` file.

    Args:
        path: Path of a folder, or of an `.npz` with a uint8 array `images`
            `(num_images, height, width, channels)`.

    Returns:
        uint8 array `(num_images, height, width, channels)`.

    Raises:
        genkeras.data.dataset.DataError: If there are none, or they are broken or of
            different sizes.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix != ".npz":
        return folder.load_images(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive["images"]
    except UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read as an .npz with an array `images`: {error}."
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise DataError(
            f"{path}: images is {images.dtype} {images.shape}; expected uint8 "
            "(num_images, height, width, 1 or 3 channels)."
        )
    return images


def _evaluator(dataset, protocol, earlier):
    # The names of most scores do not tell the data.
    if earlier is not None and earlier["dataset"] != dataset.name:
        raise RunError(
            f"The earlier evaluation is of {earlier['dataset']} and this one of {dataset.name}: "
            "scores of different data cannot be compared. Leave --against out."
        )
    return Evaluator(dataset, protocol)


def _result(evaluator, subject, found, draw_images, outputs):
    protocol, extractor = evaluator.protocol, evaluator.extractor
    for name in without_score(protocol.metrics or (), found):
        raise RunError(f"--metrics={name} needs {METRICS[name].needs}.")
    result = {
        "format_version": FORMAT_VERSION,
        "genkeras_version": genkeras.__version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "subject": subject,
        "dataset": evaluator.dataset.name,
        "features": None if extractor is None else f"{extractor.kind}_{extractor.tag}",
        "num_images": protocol.num_images,
        "num_reference_images": len(evaluator.reference),
        "seed": protocol.seed,
        "scores": {name: score.to_json() for name, score in found.items()},
        "real": {name: score.to_json() for name, score in evaluator.score_real().items()},
    }
    outputs = outputs or Outputs()
    if outputs.neighbours is not None:
        pairs = evaluator.beside_neighbours(draw_images()[:NUM_NEIGHBOURS])
        if outputs.written:
            atomic.write_bytes(outputs.neighbours, grid.to_png(grid.make_grid(pairs, columns=8)))
    if outputs.json is not None and outputs.written:
        atomic.write_json(outputs.json, result)
    return result
