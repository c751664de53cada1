"""Small runs, on drawn pictures."""

import pytest
from PIL import Image

from genkeras.training import experiment, state
from genkeras.training.config import Request


@pytest.fixture
def prepare(tmp_path, draw_images):
    """Function `(run_dir, epochs=3, model="vae", batch_size=8, **options)` that prepares a run
    in a folder of the test's directory."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(draw_images(64, (8, 8, 1))):
        Image.fromarray(image[..., 0]).save(folder / f"{index:03d}.png")

    def make(run_dir, epochs=3, model="vae", batch_size=8, fresh=False, **options):
        # The VAE's step is the cheapest to compile, and it has dropout to repeat.
        sizes = {"n_hidden": 4, "latent_dim": 3} if model == "vae" else {"width": 2}
        request = Request(
            model,
            f"folder:{folder}",
            {"output_height": 8, "cache_dir": str(tmp_path / "cache")},
            {"batch_size": batch_size, "epochs": epochs} | sizes | options,
        )
        return experiment.prepare(request, run_dir=tmp_path / run_dir, fresh=fresh)

    return make


@pytest.fixture
def digest():
    """Function of a run directory: the SHA-256 of all numbers of its newest state."""
    return lambda run_dir: state.digest(state.load_newest(run_dir)[0])


@pytest.fixture
def rows():
    """Function of a run directory: the rows of its history, without the seconds."""

    def read(run_dir):
        history = experiment.history(run_dir)
        return [{name: row[name] for name in row if name != "seconds"} for row in history.rows]

    return read
