"""Training of the small classifiers that score pictures.

Only the training split is learnt from; the test split is looked at once, at the end, through
the very file that is written.
"""

import importlib.metadata
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

import genkeras
from genkeras import atomic
from genkeras.data import registry as datasets
from genkeras.data.batches import Batches
from genkeras.data.dataset import DataOptions
from genkeras.metrics.features import classifier_file
from genkeras.metrics.features.classifier import Classifier, network, stored_arrays
from genkeras.training.errors import RunError

EPOCHS = 10
BATCH_SIZE = 64
WIDTH = 32
PEAK_LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
# Pixels by which a training picture is moved at most, per 28 of its height or width.
MAX_SHIFT = 1
# Sets whose mirrored pictures are of the same class. A mirrored digit or letter is not.
MIRRORED = ("fashion_mnist", "fashion_mnist_sample", "celeba")


def train(
    dataset_name,
    data,
    output,
    *,
    epochs=EPOCHS,
    batch_size=BATCH_SIZE,
    seed=0,
    flip=None,
    overwrite=False,
    command="",
):
    """Trains a classifier and writes its file.

    Adam with decoupled weight decay on the plain cross-entropy (smoothed labels would flatten
    the probabilities, and with them every score), the rate rising over the first fifth of the
    steps and then falling to 0 along a cosine. Pictures are moved by up to 1 of 28 pixels and,
    where `flip` says so, mirrored.

    Args:
        dataset_name: String, as for `genkeras.data.registry.load`.
        data: Dict of fields of `DataOptions`.
        output: Path of the `.npz` file to write.
        epochs: Integer. Passes over the training pictures.
        batch_size: Integer.
        seed: Integer. Seed of the weights, the order, and the moves.
        flip: Boolean. Whether training pictures are mirrored at random. Defaults to `None`:
            only those of the sets in `MIRRORED`.
        overwrite: Boolean. Whether a file that exists may be replaced.
        command: String. What made the file, stored in it.

    Returns:
        The metadata of the file, a dict; see `classifier_file.META_TYPES`.

    Raises:
        RunError: If the file exists, the data has no classes to learn, or training diverges.
        genkeras.data.dataset.DataError: If the data is missing, broken or too small.
    """
    output = pathlib.Path(output).expanduser()
    if output.exists() and not overwrite:
        raise RunError(f"{output} exists already: name another file, or give --overwrite.")
    dataset = datasets.load(dataset_name, DataOptions(**data))
    _check_labels(dataset)
    if flip is None:
        flip = dataset.name in MIRRORED
    batches = Batches(dataset.train.images, dataset.train.labels, batch_size, seed)
    model = network(dataset.image_shape, dataset.num_classes, WIDTH, seed)
    _fit(model, batches, epochs, flip)
    meta = {
        "dataset": dataset.name,
        "class_names": list(dataset.class_names),
        "image_shape": list(dataset.image_shape),
        "width": WIDTH,
        "test_accuracy": 0.0,
        "num_test": len(dataset.test.images),
        "epochs": epochs,
        "command": command,
        "versions": {
            "genkeras": genkeras.__version__,
            **{name: importlib.metadata.version(name) for name in ("keras", "tensorflow", "numpy")},
        },
        "data_fingerprint": dataset.facts["fingerprint"],
    }
    arrays = stored_arrays(model)
    try:
        trained = Classifier(arrays, meta)
    except ValueError as error:
        raise RunError(f"The training diverged: {error} Try another --seed.") from error
    # With the rounded weights, and the pictures as a score will hand them over.
    meta["test_accuracy"] = accuracy(trained, dataset.test)
    atomic.write_bytes(output, classifier_file.to_bytes(arrays, meta))
    return meta


def accuracy(classifier, split):
    """Returns the share of pictures whose most probable class is their label.

    Args:
        classifier: `Classifier`.
        split: `genkeras.data.dataset.Split` with labels.
    """
    found = classifier(split.images).probabilities.argmax(axis=1)
    return float(np.mean(found == split.labels))


def moved(images, seed, step, flip):
    """Moves training pictures, each by its own whole number of pixels, over repeated edges.

    Args:
        images: float32 tensor `(batch_size, height, width, channels)`.
        seed: Integer.
        step: Integer tensor. The same seed and step move alike.
        flip: Boolean. Whether half of them are mirrored.

    Returns:
        Tensor like `images`.
    """
    batch_size, height, width, _ = images.shape
    key = tf.stack([tf.constant(seed % 2**31, tf.int64), tf.cast(step, tf.int64)])
    # XLA and plain TensorFlow agree only where the algorithm is named.
    numbers = tf.random.stateless_uniform((3, batch_size), key, alg="philox")
    for axis, size in ((1, height), (2, width)):
        reach = round(MAX_SHIFT * size / 28)
        first = tf.cast(numbers[axis - 1] * (2 * reach + 1), tf.int32) - reach
        rows = tf.clip_by_value(first[:, None] + tf.range(size), 0, size - 1)
        images = tf.gather(images, rows, axis=axis, batch_dims=1)
    if flip:
        chosen = numbers[2] < 0.5
        images = tf.where(chosen[:, None, None, None], images[:, :, ::-1], images)
    return images


def _fit(model, batches, epochs, flip):
    # As for the generative models: otherwise sums differ in the last bit between two starts.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    steps = tf.data.Dataset.counter()
    pairs = tf.data.Dataset.zip(batches.dataset((0.0, 1.0)), steps).map(
        lambda data, step: (moved(data[0], batches.seed, step, flip), data[1]),
        num_parallel_calls=2,
        deterministic=True,
    )
    num_steps = epochs * batches.steps_per_epoch
    warmup_steps = num_steps // 5
    schedule = keras.optimizers.schedules.CosineDecay(
        PEAK_LEARNING_RATE / 20,
        max(1, num_steps - warmup_steps),
        warmup_target=PEAK_LEARNING_RATE,
        warmup_steps=warmup_steps,
    )
    trainer = keras.Model(model.input, model.get_layer("logits").output)
    trainer.compile(
        keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        # Convolutions of this size gain nothing from XLA on a CPU, and it compiles for long.
        jit_compile=False,
    )
    trainer.fit(
        pairs.prefetch(2),
        epochs=epochs,
        steps_per_epoch=batches.steps_per_epoch,
        shuffle=False,  # The pipeline has shuffled already.
        # Redrawing a line for every step would fill a log file.
        verbose=1 if sys.stdout.isatty() else 2,
    )


def _check_labels(dataset):
    if dataset.train.labels is None or dataset.class_names is None:
        raise RunError(
            f"The pictures of {dataset.name} have no classes, and a classifier learns classes: "
            "sort a folder's pictures into one sub-folder per class, or name an attribute of "
            "CelebA with --label=Smiling."
        )
    if len(np.unique(dataset.train.labels)) < 2:
        raise RunError(
            f"All training pictures of {dataset.name} are of one class: a classifier needs two."
        )
