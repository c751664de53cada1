"""Inversion: the latents from which a generator comes closest to given pictures.

An adversarial model has no encoder. What it can make of a picture is found by searching its
latent space, so that it can be compared with an autoencoder's reproduction.

Reference:
    [Lipton and Tripathi, 2017](https://arxiv.org/abs/1702.04782), section 2.
"""

import logging
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.models import noise
from genkeras.models.gan import check_labels

_log = logging.getLogger("genkeras")

# Latents that are improved together: what is in memory at a time.
ROWS_PER_CALL = 128
# A search has ended when so many steps bring less than this share of its error.
PATIENCE = 30
SMALLEST_PROGRESS = 1e-3
# Adam with a short memory of the gradients' sizes: one of 0.999 leaves a tenth more error.
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.9, 1e-8

# A prior's name -> function that brings latents back onto its support, and the size of its
# numbers, by which the learning rate is multiplied.
_SUPPORTS = {
    "normal": (tf.identity, 1.0),
    "uniform_signed": (lambda latents: tf.clip_by_value(latents, -1.0, 1.0), 1.0),
    "uniform_unsigned": (lambda latents: tf.clip_by_value(latents, 0.0, 1.0), 0.5),
    "uniform": (lambda latents: tf.clip_by_value(latents, -1.0, 1.0), 1.0),
    "sphere": (lambda latents: tf.math.l2_normalize(latents, axis=1), 1.0),
}


def invert(
    model, images, labels=None, *, num_restarts=4, num_steps=200, learning_rate=0.15, seed=0
):
    """Searches for the latents whose pictures are nearest to given ones.

    Minimises the mean squared error of each picture by Adam, with a rate that falls as
    `√(1 − step / num_steps)`, from several draws of the prior; the best latents that any of
    these searches has met are kept. They stay on the support of the prior. The model's
    networks run in inference mode (with the moving average of the generator where one is
    kept), and nothing of the model changes.

    All pictures start from the same latents, and each search ends by itself: the result for a
    picture depends on the picture, its label and the seed, not on the pictures beside it.
    More restarts are never worse, but for rounding.

    Args:
        model: Model with `generate`, `draw_latents`, `prior` and `value_range`.
        images: uint8 array `(num_images, height, width, channels)`.
        labels: Integer array `(num_images,)`, the classes of the pictures, for a conditional
            model; else `None`.
        num_restarts: Integer. Searches per picture.
        num_steps: Integer. Steps of a search, at most.
        learning_rate: Float. Adam's first rate, for latents from −1 to 1 or of deviation 1.
        seed: Integer. Seed of the starts.

    Returns:
        Pair of a uint8 array of reproductions, of the images' shape, and a float32 array of
        latents `(num_images, latent_dim)`.

    Raises:
        ValueError: If images, labels or numbers are not as described.
    """
    images = np.asarray(images)
    labels = _checked(model, images, labels, num_restarts, num_steps)
    starts = _starts(model, num_restarts, seed)
    # Always as many pictures, so that one graph serves all calls.
    size = max(1, ROWS_PER_CALL // num_restarts)
    signature = [
        tf.TensorSpec((size, *images.shape[1:]), tf.float32),
        *(tf.TensorSpec((size,), array.dtype) for array in labels),
    ]
    search = _search(model, starts, num_steps, learning_rate, signature)
    reproductions, latents = [], []
    for first in range(0, len(images), size):
        if first and first % (10 * size) == 0:
            _log.info("Searched for the latents of %d of %d pictures", first, len(images))
        rows = np.arange(first, first + size) % len(images)
        targets = tf.constant(to_range(images[rows], model.value_range))
        arrays = [tf.constant(array[rows]) for array in labels]
        generated, found = search(targets, *arrays)
        count = min(size, len(images) - first)
        reproductions.append(to_uint8(generated[:count], model.value_range))
        latents.append(found[:count].numpy())
    return np.concatenate(reproductions), np.concatenate(latents)


class _State(NamedTuple):
    """A step of all searches: a row is one restart of one picture."""

    step: tf.Tensor
    latents: tf.Tensor
    first_moments: tf.Tensor
    second_moments: tf.Tensor
    best_latents: tf.Tensor
    best_errors: tf.Tensor
    # The error at the last progress worth waiting for, and the steps since then.
    last_errors: tf.Tensor
    waited: tf.Tensor


def _search(model, starts, num_steps, learning_rate, signature):
    """Returns a compiled function of targets (and labels): their reproductions and latents."""
    num_restarts = len(starts)
    project, size = _support(model.prior)
    learning_rate = learning_rate * size

    def search(targets, *labels):
        num_images = targets.shape[0]
        labels = [tf.repeat(array, num_restarts) for array in labels]
        row_targets = tf.repeat(targets, num_restarts, axis=0)

        def errors_of(latents):
            differences = model.generate(latents, *labels) - row_targets
            return tf.reduce_mean(tf.square(differences), axis=(1, 2, 3))

        def keep(state, errors):
            """Notes what is better than before, unless the row's search has ended."""
            searching = state.waited < PATIENCE
            better = searching & (errors < state.best_errors)
            progress = errors < (1.0 - SMALLEST_PROGRESS) * state.last_errors
            return state._replace(
                best_latents=tf.where(better[:, None], state.latents, state.best_latents),
                best_errors=tf.where(better, errors, state.best_errors),
                last_errors=tf.where(progress, errors, state.last_errors),
                waited=tf.where(searching & progress, 0, state.waited + 1),
            )

        def step(state):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(state.latents)
                errors = errors_of(state.latents)
            gradient = tape.gradient(errors, state.latents)
            state = keep(state, errors)
            done = tf.cast(state.step, tf.float32)
            first = _BETA_1 * state.first_moments + (1.0 - _BETA_1) * gradient
            second = _BETA_2 * state.second_moments + (1.0 - _BETA_2) * tf.square(gradient)
            slope = first / (1.0 - _BETA_1 ** (done + 1.0))
            steepness = tf.sqrt(second / (1.0 - _BETA_2 ** (done + 1.0))) + _EPSILON
            rate = learning_rate * tf.sqrt(1.0 - done / num_steps)
            state = state._replace(
                step=state.step + 1,
                latents=project(state.latents - rate * slope / steepness),
                first_moments=first,
                second_moments=second,
            )
            return (state,)

        def unfinished(state):
            return (state.step < num_steps) & tf.reduce_any(state.waited < PATIENCE)

        latents = tf.tile(starts, (num_images, 1))
        worst = tf.fill((num_images * num_restarts,), np.float32(np.inf))
        begin = _State(
            step=tf.constant(0),
            latents=latents,
            first_moments=tf.zeros_like(latents),
            second_moments=tf.zeros_like(latents),
            best_latents=latents,
            best_errors=worst,
            last_errors=worst,
            waited=tf.zeros_like(worst, tf.int32),
        )
        (state,) = tf.while_loop(unfinished, step, (begin,))
        state = keep(state, errors_of(state.latents))
        errors = tf.reshape(state.best_errors, (num_images, num_restarts))
        rows = tf.range(num_images) * num_restarts + tf.argmin(errors, axis=1, output_type=tf.int32)
        found = tf.gather(state.best_latents, rows)
        return model.generate(found, *(tf.gather(array, rows) for array in labels)), found

    function = tf.function(search, autograph=False, input_signature=signature)
    return function.get_concrete_function()


def _starts(model, num_restarts, seed):
    """Returns `(num_restarts, latent_dim)` draws of the prior, the first ones always the same."""
    stream = noise.fold(seed, 6)
    draws = [model.draw_latents(1, noise.fold(stream, index)) for index in range(num_restarts)]
    return tf.concat(draws, axis=0)


def _support(prior):
    """Returns the projection onto the support of a model's prior, and the size of its numbers."""
    if isinstance(prior, str):
        return _SUPPORTS[prior]
    project, size = _SUPPORTS[prior.name]
    return lambda latents: prior.scale * project(latents / prior.scale), size * prior.scale


def _checked(model, images, labels, num_restarts, num_steps):
    """Returns the labels as a list of one array, or of none for an unconditional model."""
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
        raise ValueError(
            f"images is {images.dtype} of shape {images.shape}; expected uint8 of shape "
            "(num_images, height, width, channels) with at least one image."
        )
    for name, value in (("num_restarts", num_restarts), ("num_steps", num_steps)):
        if value < 1:
            raise ValueError(f"{name}={value}; expected at least 1.")
    num_classes = getattr(model, "num_classes", None)
    if (labels is None) != (num_classes is None):
        kind = "unconditional" if num_classes is None else "conditional"
        raise ValueError(
            f"{type(model).__name__} is {kind}, and labels is {labels}; expected the classes of "
            "the pictures for a conditional model, and None for others."
        )
    if labels is None:
        return []
    check_labels(labels, len(images), num_classes)
    return [np.asarray(labels)]
