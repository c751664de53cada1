"""Tells how many of 2,000 noisy test digits a denoising VAE restores to the right digit.

    python docs/results/restored_digits.py RUN_DIR DATA_DIR

With the Python of an environment where genkeras is installed, such as `.venv/bin/python`. The
judge is the classifier that comes with genkeras.
"""

import sys

import numpy as np

from apps import runner
from genkeras.data import registry as datasets
from genkeras.data.dataset import DataOptions
from genkeras.data.preprocessing import to_uint8
from genkeras.metrics.features import create
from genkeras.training import experiment
from genkeras.training.errors import RunError

COUNT = 2000


def main(words):
    if len(words) != 2:
        sys.exit(__doc__)
    run_dir, data_dir = words
    config, model = experiment.load(run_dir)
    if config.model != "vae" or not config.options["add_noise"]:
        raise RunError(
            f"{run_dir} is a run of {config.model}: expected one of apps.vae with --add_noise."
        )
    if config.image_shape != (28, 28, 1):
        raise RunError(
            f"{run_dir} has learnt pictures of {'×'.join(map(str, config.image_shape))}: expected "
            "28×28×1, as MNIST's are."
        )
    test = datasets.load("mnist", DataOptions(data_dir=data_dir)).test
    noisy = model.corrupt(test.images[:COUNT] / np.float32(255), seed=0).numpy()
    restored = to_uint8(model.reconstruct(noisy), model.value_range)
    classifier = create("classifier", dataset="mnist")
    found = classifier(restored).probabilities.argmax(axis=1)
    print(f"{np.sum(found == test.labels[:COUNT]):,} of {COUNT:,}")


if __name__ == "__main__":
    sys.exit(runner.run(main, sys.argv[1:]))
