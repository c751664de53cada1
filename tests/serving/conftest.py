"""Runs that are stored, but were not trained: random weights that give pictures of contrast."""

import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from genkeras import registry
from genkeras.serving import export, publishing_check
from genkeras.training import state
from genkeras.training.config import Config
from genkeras.training.history import History

ROOT = pathlib.Path(__file__).parents[2]
CLASS_NAMES = ("circle", "square", "star")


@pytest.fixture(scope="session")
def stored_run(tmp_path_factory):
    """Function `(model, image_shape=(12, 12, 1), **options)` that returns a run directory."""
    made = {}

    def make(model, image_shape=(12, 12, 1), **options):
        key = (model, image_shape, *sorted(options.items()))
        if key not in made:
            made[key] = _store(tmp_path_factory.mktemp(model), model, image_shape, options)
        return made[key]

    return make


def _store(run_dir, model_name, image_shape, options):
    options = registry.recipe(model_name).complete({"width": 4, "batch_size": 4, **options})
    config = Config(
        model=model_name,
        dataset="shapes",
        data={},
        image_shape=image_shape,
        class_names=CLASS_NAMES,
        epochs=options.pop("epochs"),
        options=options,
        seed=5,
        data_facts={"fingerprint": "", "default_sizes": {}},
    )
    model = config.build_model()
    config.save(run_dir)
    history = History()
    history.append(1.0, 40, {"loss": 2.0})
    history.add_scores({"frechet_distance": 12.5, "broken_score": float("nan")})
    state.save(run_dir, 10, _with_contrast(state.collect(model)), history.to_meta())
    return run_dir


def _with_contrast(arrays):
    random = np.random.default_rng(0)
    for key, array in arrays.items():
        if key.startswith("model/") and array.dtype == np.float32 and array.ndim:
            if key.endswith("moving_variance"):
                array[:] = random.uniform(0.5, 2.0, array.shape)
            else:
                scale = 0.1 if array.ndim == 1 else 1.5 / np.sqrt(array.size / array.shape[-1])
                array += random.normal(0.0, scale, array.shape).astype(np.float32)
    return arrays


@pytest.fixture(scope="session")
def samplers(stored_run, tmp_path_factory):
    """Folder with `digits`, a VAE on a plane, and `shapes`, a CGAN of three classes."""
    folder = tmp_path_factory.mktemp("samplers")
    with pytest.MonkeyPatch.context() as patch:
        # `test_export.py` has it.
        patch.setattr(
            publishing_check, "check_in_fresh_process", lambda *_: {"float": 0, "uint8": 0}
        )
        export.export_run(stored_run("vae", n_hidden=4, latent_dim=2), folder, name="digits")
        export.export_run(stored_run("cgan"), folder, name="shapes")
    return folder


class ServerProcess:
    """`apps.serve` in a process of its own, on a port of this machine that is free."""

    def __init__(self, *words, code=None):
        command = ["-m", "apps.serve"] if code is None else ["-c", code]
        self._process = subprocess.Popen(
            [sys.executable, *command, "--port=0", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        found = re.match(r"Serving (http://127\.0\.0\.1:\d+) until Ctrl-C", line)
        assert found, line + self._process.communicate()[1]
        self.address = found[1]

    def stop(self, number=signal.SIGTERM):
        """Returns the exit status and what was said on stderr."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        _, said = self._process.communicate(timeout=60)
        return self._process.returncode, said


@pytest.fixture(scope="module")
def server_process():
    """Class `ServerProcess`; all that the tests of a module start is stopped."""
    started = []

    def start(*words, **options):
        started.append(ServerProcess(*words, **options))
        return started[-1]

    yield start
    for process in started:
        process.stop(signal.SIGKILL)
