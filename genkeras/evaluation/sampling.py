"""Samples of a run, written as a sheet, as single pictures, or as arrays."""

import pathlib

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_uint8
from genkeras.training import experiment
from genkeras.training.errors import RunError
from genkeras.visualization import grid


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


def write_samples(run_dir, num_images, seed, output):
    """Draws images from a run.

    Args:
        run_dir: Path of a run directory.
        num_images: Integer.
        seed: Integer. The same seed gives the same images.
        output: String. `*.png` for one sheet; `*.npz` for `images`, uint8
            `(num_images, height, width, channels)`; else a folder of single PNG files.

    Raises:
        RunError: If the run or the output cannot be used.
    """
    check_output(output)
    _, model = experiment.load(run_dir)
    images = to_uint8(model.sample(num_images, seed=seed), model.value_range)
    path = pathlib.Path(output)
    if path.suffix == ".npz":
        with atomic.replacing(path) as file:
            np.savez_compressed(file, images=images)
    elif path.suffix == ".png":
        atomic.write_bytes(path, grid.to_png(grid.make_grid(images)))
    else:
        digits = len(str(num_images - 1))
        for index, image in enumerate(images):
            atomic.write_bytes(path / f"{index:0{digits}d}.png", grid.to_png(image))
