"""The samplers that come with genkeras's source, and pictures drawn by them."""

import pathlib

import numpy as np

import genkeras
from genkeras.serving import versions
from genkeras.serving.sampler import Sampler, SamplerError
from genkeras.training.config import class_numbers
from genkeras.training.errors import RunError

# Beside the packages, in a clone; not in an installation.
FOLDER = pathlib.Path(genkeras.__file__).parents[1] / "checkpoints" / "pretrained"
BLOCK_SIZE = 1024


def load(name):
    """Loads a sampler.

    Args:
        name: String, such as `cgan_fashion_mnist`.

    Returns:
        `Sampler`, of the newest version.

    Raises:
        RunError: If there is no such sampler, or it is damaged.
    """
    if not FOLDER.is_dir():
        raise RunError(
            f"--pretrained={name}: there is no folder {FOLDER}. These samplers come with the "
            "source of genkeras, in its folder checkpoints/pretrained, and not with an "
            "installation: run the command in a clone, or train a model and give its --run_dir."
        )
    names = sorted(path.name for path in FOLDER.iterdir() if versions.find(path))
    if name not in names:
        raise RunError(f"--pretrained={name}: there is {', '.join(names) or 'none'} in {FOLDER}.")
    version, path = list(versions.find(FOLDER / name).items())[-1]
    try:
        return Sampler(path, name, version)
    except SamplerError as error:
        raise RunError(f"--pretrained={name}: {path} cannot be used: {error}.") from error


def chosen_labels(sampler, words, num_images, seed):
    """Returns the label of every image.

    Args:
        sampler: `Sampler`.
        words: List of strings: numbers or names of classes, repeated over the images in
            turn. `None` draws the labels.
        num_images: Integer.
        seed: Integer. Seed of drawn labels.

    Returns:
        int64 array `(num_images,)`, or `None` for an unconditional sampler.

    Raises:
        RunError: If a word is no class, or labels are given for an unconditional sampler.
    """
    if not sampler.conditional:
        if words is not None:
            raise RunError(
                f"--labels: {sampler.name} is not a conditional sampler; leave the flag out."
            )
        return None
    class_names = sampler.facts["classes"]
    if words is None:
        return np.random.default_rng(seed).integers(len(class_names), size=num_images)
    try:
        return np.resize(class_numbers(words, class_names), num_images).astype(np.int64)
    except RunError as error:
        raise RunError(f"--labels: {error}") from error


def sample_blocks(sampler, num_images, seed, labels=None):
    """Draws images a block at a time.

    Args:
        sampler: `Sampler`.
        num_images: Integer.
        seed: Integer. The sampler takes a seed per image; they are derived from this one.
        labels: Integer array `(num_images,)`, or `None` for an unconditional sampler.

    Yields:
        uint8 arrays `(num_rows, height, width, channels)`, `num_images` rows in all.
    """
    words = np.random.SeedSequence(seed).generate_state(num_images, np.uint64)
    seeds = (words >> np.uint64(1)).astype(np.int64)
    for start in range(0, num_images, BLOCK_SIZE):
        rows = slice(start, start + BLOCK_SIZE)
        inputs = {"seeds": seeds[rows]} | ({} if labels is None else {"labels": labels[rows]})
        yield sampler.run("sample", inputs)["images"]
