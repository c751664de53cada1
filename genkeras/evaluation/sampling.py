"""Samples of a run, written as a sheet, as single pictures, or as arrays."""

import itertools
import pathlib

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_uint8
from genkeras.training import experiment
from genkeras.training.errors import RunError
from genkeras.visualization import grid

BLOCK_SIZE = 4096


def check_output(output):
    """Refuses an output that cannot be written, before anything is computed.

    Args:
        output: String. `*.png`, `*.npz`, or a folder that is new or empty.

    Raises:
        RunError: If it is a file of another kind, or a folder with something in it.
    """
    path = pathlib.Path(output)
    if path.suffix in (".png", ".npz") and not path.is_dir():
        return
    if path.suffix and not path.is_dir() and not output.endswith("/"):
        raise RunError(f"--output={output}: expected a name with .png or .npz, or a folder/.")
    if path.exists() and not path.is_dir():
        raise RunError(f"--output={output} is a file; name a new or an empty folder.")
    if path.is_dir() and any(path.iterdir()):
        raise RunError(
            f"--output={output} is a folder with something in it; name a new or an empty one, "
            "so that nothing is overwritten."
        )


def write_samples(run_dir, num_images, seed, output, labels=None, best=False):
    """Draws images from a run.

    Args:
        run_dir: Path of a run directory.
        num_images: Integer.
        seed: Integer. The same seed gives the same images.
        output: String. `*.png` for one sheet; `*.npz` for `images`, uint8
            `(num_images, height, width, channels)`, and for a conditional model `labels`,
            int64 `(num_images,)`; else a folder of single PNG files.
        labels: List of strings, for a conditional model: numbers or names of classes,
            repeated over the images in turn. `None` draws them.
        best: Boolean. Whether to take the state that `--keep_best` kept.

    Raises:
        RunError: If the run, the labels or the output cannot be used.
    """
    check_output(output)
    config, model = experiment.load(run_dir, best=best)
    labels = chosen_labels(labels, config, model, num_images, seed)
    write_pictures(output, sample_blocks(model, num_images, seed, labels), num_images, labels)


def write_pictures(output, blocks, num_images, labels=None):
    """Writes pictures as a sheet, as arrays or one by one, whichever `output` names.

    Args:
        output: String, as for `write_samples`.
        blocks: Iterable of uint8 arrays `(num_rows, height, width, channels)`.
        num_images: Integer. Rows of all blocks together.
        labels: int64 array `(num_images,)`, or `None`.
    """
    path = pathlib.Path(output)
    if path.suffix == ".npz":
        arrays = {"images": np.concatenate(list(blocks))}
        if labels is not None:
            arrays["labels"] = labels
        with atomic.replacing(path) as file:
            np.savez_compressed(file, **arrays)
    elif path.suffix == ".png":
        sheet = grid.make_grid(np.concatenate(list(blocks)))
        atomic.write_bytes(path, grid.to_png(sheet))
    else:
        digits = len(str(num_images - 1))
        images = itertools.chain.from_iterable(blocks)
        for index, image in enumerate(images):
            atomic.write_bytes(path / f"{index:0{digits}d}.png", grid.to_png(image))


def sample_blocks(model, num_images, seed, labels=None):
    """Draws images a block at a time, so that only uint8 pictures pile up in memory.

    Args:
        model: Model of a run.
        num_images: Integer.
        seed: Integer. The first block is what `model.sample` draws with it; each further
            one has a seed derived from it.
        labels: Integer array `(num_images,)`, or `None` for an unconditional model.

    Yields:
        uint8 arrays `(num_rows, height, width, channels)`, `num_images` rows in all.
    """
    for index, start in enumerate(range(0, num_images, BLOCK_SIZE)):
        rows = min(BLOCK_SIZE, num_images - start)
        arrays = {} if labels is None else {"labels": labels[start : start + rows]}
        derived = np.random.SeedSequence([seed, index]).generate_state(1)[0]
        block_seed = seed if index == 0 else int(derived)
        yield to_uint8(model.sample(rows, seed=block_seed, **arrays), model.value_range)


def chosen_labels(words, config, model, num_images, seed):
    """Returns the label of every image.

    Args:
        words: List of strings: numbers or names of classes, repeated over the images in
            turn. `None` draws the labels.
        config: `Config` of the run.
        model: The run's model.
        num_images: Integer.
        seed: Integer. Seed of drawn labels.

    Returns:
        int64 array `(num_images,)`, or `None` for an unconditional model.

    Raises:
        RunError: If a word is no class, or labels are given for an unconditional model.
    """
    if getattr(model, "num_classes", None) is None:
        if words is not None:
            raise RunError(
                f"--labels: {config.model} is not a conditional model; leave the flag out."
            )
        return None
    if words is None:
        return model.sample_labels(num_images, seed).astype(np.int64)
    try:
        numbers = config.class_numbers(words)
    except RunError as error:
        raise RunError(f"--labels: {error}") from error
    return np.resize(numbers, num_images).astype(np.int64)
