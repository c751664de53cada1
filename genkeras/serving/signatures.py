"""The functions of an exported sampler: tensors in, tensors out, no Keras and no state.

Every input has a free batch axis. Random numbers come from the seeds of the request alone,
row by row, so that a row does not depend on the batch that it came in.
"""

import functools

import tensorflow as tf

from genkeras.data.preprocessing import to_range
from genkeras.serving import tensor_functions

DEFAULT = "serving_default"


def concrete_functions(model, image_shape, decoder_only=False):
    """Returns the signatures of a sampler.

    Args:
        model: Model of a run.
        image_shape: Tuple `(height, width, channels)`.
        decoder_only: Boolean. Whether the last two are left out.

    Returns:
        Dict of a signature's name to a concrete function with named inputs and outputs:

        - `serving_default` and `decode`: `latents`, of conditional models with `labels`, to
          `images`, uint8, and `images_float`, in the model's range.
        - `sample`: `seeds`, of conditional models with `labels`, to the same pictures as
          `model.sample(1, seed=seed)` gives for each seed.
        - `sample_png`: the same to `image_bytes`, a PNG file for each row.
        - `draw_latents`: `seeds` to the `latents` of those pictures.
        - `encode`, of autoencoders: uint8 `images` to `latents`, their codes without noise.
        - `reconstruct`, of autoencoders: uint8 `images` to `images` and `images_float`.

    Raises:
        RunError: If the model belongs to no family that can be exported.
    """
    model_functions = tensor_functions.of_model(model)
    num_classes = getattr(model, "num_classes", None)

    # Functions of their own, so that the signatures share one graph of each network.
    @functools.partial(tf.function, autograph=False)
    def decode(latents, labels=None):
        latents = tf.debugging.check_numerics(latents, "latents must be finite numbers")
        images = model_functions.decode(latents, _checked(labels, num_classes))
        return {"images": to_uint8(images, model.value_range), "images_float": images}

    def draw_latents(seeds):
        row = tf.TensorSpec((model.latent_dim,), tf.float32)
        # A map, because one call draws from one seed.
        return tf.map_fn(
            lambda s: model_functions.draw_latents(s)[0], seeds, fn_output_signature=row
        )

    def sample(seeds, labels=None):
        return decode(draw_latents(seeds), labels)

    def sample_png(**inputs):
        return {"image_bytes": tf.io.encode_png(sample(**inputs)["images"])}

    @functools.partial(tf.function, autograph=False)
    def encode(images):
        return model_functions.encode(to_range(images, model.value_range))

    rows = {"labels": tf.TensorSpec((None,), tf.int64)} if num_classes else {}
    latents = {"latents": tf.TensorSpec((None, model.latent_dim), tf.float32), **rows}
    seeds = {"seeds": tf.TensorSpec((None,), tf.int64)}
    images = {"images": tf.TensorSpec((None, *image_shape), tf.uint8)}
    signatures = {
        DEFAULT: (decode, latents),
        "decode": (decode, latents),
        "sample": (sample, seeds | rows),
        "sample_png": (sample_png, seeds | rows),
        "draw_latents": (lambda seeds: {"latents": draw_latents(seeds)}, seeds),
    }
    if model_functions.encode is not None and not decoder_only:
        signatures["encode"] = (lambda images: {"latents": encode(images)}, images)
        signatures["reconstruct"] = (lambda images: decode(encode(images)), images)
    return {name: _traced(*signature) for name, signature in signatures.items()}


def decoder(model):
    """Returns the part of a sampler that needs neither random numbers nor uint8.

    Args:
        model: Model of a run.

    Returns:
        Pair `(function, specs)`: a `tf.function` of `latents` (and `labels`) that returns
        `images_float`, and the dict of its inputs' names to `tf.TensorSpec`s.

    Raises:
        RunError: As for `concrete_functions`.
    """
    functions = tensor_functions.of_model(model)
    specs = {"latents": tf.TensorSpec((None, model.latent_dim), tf.float32, "latents")}

    def decode(latents):
        return {"images_float": functions.decode(latents, None)}

    def decode_classes(latents, labels):
        return {"images_float": functions.decode(latents, labels)}

    if getattr(model, "num_classes", None):
        specs["labels"] = tf.TensorSpec((None,), tf.int64, "labels")
        return tf.function(decode_classes, autograph=False), specs
    return tf.function(decode, autograph=False), specs


def describe(signatures):
    """Returns names, types and shapes of all inputs and outputs, JSON-able.

    Args:
        signatures: Dict from `concrete_functions`.
    """
    return {
        name: {
            "inputs": _describe_tensors(
                {spec.name: spec for spec in tf.nest.flatten(function.structured_input_signature)}
            ),
            "outputs": _describe_tensors(function.structured_outputs),
        }
        for name, function in signatures.items()
    }


def to_uint8(images, value_range):
    """Converts a network's pictures as `data.preprocessing.to_uint8` does, within a graph."""
    low, high = value_range
    shares = tf.clip_by_value((images - low) / (high - low), 0.0, 1.0)
    return tf.cast(tf.round(shares * 255.0), tf.uint8)


def _checked(labels, num_classes):
    """Returns the labels; a row of another class would come out as of no class at all."""
    if labels is None:
        return None
    message = f"labels must be from 0 to {num_classes - 1}"
    with tf.control_dependencies(
        [
            tf.debugging.assert_non_negative(labels, message),
            tf.debugging.assert_less(labels, tf.constant(num_classes, tf.int64), message),
        ]
    ):
        return tf.identity(labels)


def _traced(function, specs):
    # Keywords alone, so that every input keeps its name.
    def signature(**inputs):
        return function(**inputs)

    return tf.function(signature, autograph=False).get_concrete_function(**specs)


def _describe_tensors(tensors):
    return {
        name: {"dtype": tensor.dtype.name, "shape": list(tensor.shape)}
        for name, tensor in tensors.items()
    }
