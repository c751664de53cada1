"""Lines between two codes, and what a model makes of the points on them."""

import itertools

import numpy as np

from genkeras import atomic
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.evaluation.inversion import invert
from genkeras.evaluation.run_data import load_run_data
from genkeras.evaluation.sampling import chosen_labels
from genkeras.models import noise
from genkeras.models.inference import in_chunks
from genkeras.training import experiment
from genkeras.training.errors import RunError
from genkeras.visualization import grid
from genkeras.visualization.lines import SPHERICAL_PRIORS, lerp, slerp


def interpolate(
    run_dir,
    output,
    num_lines=8,
    num_steps=10,
    seed=0,
    from_test=False,
    labels=None,
    best=False,
    **locations,
):
    """Writes a sheet with one line between two codes in every row.

    Args:
        run_dir: Path of a run directory.
        output: Path of a PNG file.
        num_lines: Integer.
        num_steps: Integer, at least 2. Pictures on a line, both ends included.
        seed: Integer. Seed of the codes, or of the choice of test pictures.
        from_test: Boolean. Whether the ends are the codes of two test pictures, which then
            stand left and right of their line, instead of samples of the prior. Of a model
            without an encoder they are searched for (see `inversion`).
        labels: List of strings, for a conditional model: the classes of the lines in turn,
            test pictures at their ends included. `None` draws one for each line.
        best: Boolean. Whether to take the state that `--keep_best` kept.
        **locations: As for `load_run_data`.

    Returns:
        String: `"spherical"` or `"linear"`.

    Raises:
        RunError: If the run, the labels or the test pictures cannot be used.
    """
    config, model = experiment.load(run_dir, best=best)
    line_labels = chosen_labels(labels, config, model, num_lines, seed)
    if from_test:
        split = load_run_data(config, **locations).test
        rows = _test_pairs(split, num_lines, seed, line_labels)
        images = np.asarray(split.images[rows])
        codes = _codes(model, images, line_labels, seed)
    else:
        codes = np.asarray(model.draw_latents(2 * num_lines, noise.fold(noise.fold(seed, 4), 0)))
    prior = model.prior if isinstance(model.prior, str) else model.prior.name
    spherical = prior in SPHERICAL_PRIORS
    lines = (slerp if spherical else lerp)(codes[::2], codes[1::2], num_steps)
    latents = lines.reshape(-1, lines.shape[-1]).astype(np.float32)
    # One class along a line.
    row_labels = [] if line_labels is None else [np.repeat(line_labels, num_steps)]
    pictures = in_chunks(model.generate, latents, *row_labels)
    pictures = to_uint8(pictures, model.value_range)
    pictures = pictures.reshape(num_lines, num_steps, *config.image_shape)
    if from_test:
        ends = images.reshape(num_lines, 2, *config.image_shape)
        pictures = np.concatenate([ends[:, :1], pictures, ends[:, 1:]], axis=1)
    sheet = grid.make_grid(pictures.reshape(-1, *config.image_shape), columns=pictures.shape[1])
    atomic.write_bytes(output, grid.to_png(sheet))
    return "spherical" if spherical else "linear"


def _codes(model, images, line_labels, seed):
    """Returns the latents of the pictures at the ends of the lines."""
    if hasattr(model, "encode"):
        return model.encode(to_range(images, model.value_range))
    labels = None if line_labels is None else np.repeat(line_labels, 2)
    _, latents = invert(model, images, labels, seed=seed)
    return latents


def _test_pairs(split, num_lines, seed, line_labels):
    """Returns two rows of the test split for each line, both of the line's class if it has one."""
    random, count = np.random.default_rng(seed), len(split.images)
    if line_labels is None:
        if count < 2 * num_lines:
            raise RunError(
                f"{num_lines} lines need {2 * num_lines} test pictures, and there are "
                f"{count}: lower --num_lines."
            )
        # In no order: neighbours of a split that is sorted by class would be of one.
        return random.choice(count, 2 * num_lines, replace=False)
    order = random.permutation(count)
    of_class = {
        label: iter(order[np.asarray(split.labels)[order] == label]) for label in set(line_labels)
    }
    rows = [row for label in line_labels for row in itertools.islice(of_class[label], 2)]
    if len(rows) < 2 * num_lines:
        raise RunError(
            f"{num_lines} lines need two test pictures each of their class, and there are not "
            "enough: lower --num_lines, or give --labels of larger classes."
        )
    return np.array(rows)
