"""How fast a model trains on this machine, beside what the machine can do at most."""

import contextlib
import dataclasses
import io
import logging
import math
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import numpy as np

from genkeras import registry
from genkeras.data.dataset import ImageDataset, Split
from genkeras.data.preprocessing import to_range
from genkeras.evaluation.own_process import in_own_process
from genkeras.training.config import Request

CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is trained: random pictures, by the path that a training program takes.

    Args:
        model: String. A key of `registry.MODELS`.
        options: Dict of model options, `batch_size` included.
        image_shape: Tuple `(height, width, channels)`.
        num_images: Integer. Pictures in the data set; `None` for those of a round.
        rounds: Integer. Epochs that are measured, after one that is not.
        steps: Integer. Training steps of a round.
    """

    model: str
    options: dict
    image_shape: tuple[int, int, int]
    rounds: int = 5
    steps: int = 40
    num_images: int | None = None


def ceilings():
    """Measures what this machine can do at most.

    Returns:
        Dict with `sgemm_gflops`, of products of two float32 matrices of 2048×2048, in 10⁹
        operations per second, and `copy_gigabytes_per_second`, bytes read plus bytes
        written of 256 MB copies: each the best of ten.
    """
    first, second = np.random.default_rng(0).random((2, 2048, 2048), np.float32)
    source = np.ones(64 << 20, np.float32)
    target = np.empty_like(source)
    return {
        "sgemm_gflops": 2 * 2048**3 / _best(lambda: first @ second) / 1e9,
        "copy_gigabytes_per_second": 2
        * source.nbytes
        / _best(lambda: np.copyto(target, source))
        / 1e9,
    }


def measure(workload):
    """Trains in a fresh process and measures it.

    Args:
        workload: `Workload`.

    Returns:
        Dict with `images_per_second` (pictures of the data set per second, median of the
        rounds), `images_per_second_best`, `images_per_second_worst`, `step_seconds` (best
        round), `seconds_to_first_step` (from the start of the process to the end of the
        first training step), `share_outside_step` (of the best round: what the training
        step alone, called on one batch again and again, does not take),
        `peak_resident_megabytes`, `gigaflops_per_step` (matrix products and convolutions, two
        operations per multiplication), `optimizer_gigabytes_per_step`
        (weights, gradients and moments, moved once), `parameters` and `images_per_step`.

    Raises:
        RunError: If the model cannot be trained so.
    """
    return in_own_process(_measure, workload, time.time())


def fraction_of_ceiling(result, machine):
    """Returns the time a step needs at the machine's ceilings over the time it took.

    Args:
        result: Dict from `measure`.
        machine: Dict from `ceilings`.
    """
    arithmetic = result["gigaflops_per_step"] / machine["sgemm_gflops"]
    traffic = result["optimizer_gigabytes_per_step"] / machine["copy_gigabytes_per_second"]
    return (arithmetic + traffic) / result["step_seconds"]


def _measure(workload, process_start):
    # Imported here: the parent process needs no TensorFlow.
    import keras
    import tensorflow as tf

    from genkeras.training import config as configuration
    from genkeras.training import experiment
    from genkeras.training.step_groups import repeat

    class Rounds(keras.callbacks.Callback):
        """Notes when the first and the last step of every epoch began and ended."""

        def __init__(self):
            super().__init__()
            self.seconds = []
            self.first_step = None

        def on_epoch_begin(self, epoch, logs=None):
            self._begin = None

        def on_train_batch_begin(self, batch, logs=None):
            self._begin = self._begin or time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self._end = time.perf_counter()
            self.first_step = self.first_step or time.time()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(self._end - self._begin)

    recipe = registry.recipe(workload.model)
    options = recipe.complete(workload.options)
    images_per_step = options["batch_size"] * options.get("discriminator_steps", 1)
    dataset = _pictures(workload, images_per_step)
    request = Request(
        workload.model, "random", options=workload.options | {"epochs": 1 + workload.rounds}
    )
    logging.getLogger("genkeras").setLevel(logging.WARNING)
    rounds = Rounds()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        config = configuration.complete(request, dataset)
        run = experiment.Experiment(config, dataset, pathlib.Path(folder, "run"))
        parameters = experiment.train(run, extra_callbacks=[rounds])["parameters"]
    memory = _peak_memory()

    model = rounds.model
    # The last round's state: what a step costs does not depend on it.
    images = tf.constant(to_range(dataset.train.images[:images_per_step], model.value_range))
    labels = tf.constant(dataset.train.labels[:images_per_step])
    batch = (images, labels) if getattr(model, "num_classes", None) else images
    step = tf.function(lambda: model.train_step(batch), jit_compile=model.jit_compile)
    graph = step.get_concrete_function().graph
    steps = len(dataset.train.images) // images_per_step
    # In one call, as in training.
    steps_alone = tf.function(lambda: repeat(step, steps), autograph=False)
    alone = _best(steps_alone, workload.rounds) / steps
    seconds = [each / steps for each in rounds.seconds[1:]]
    return {
        "images_per_second": images_per_step / statistics.median(seconds),
        "images_per_second_best": images_per_step / min(seconds),
        "images_per_second_worst": images_per_step / max(seconds),
        "step_seconds": min(seconds),
        "seconds_to_first_step": rounds.first_step - process_start,
        "share_outside_step": max(0.0, 1.0 - alone / min(seconds)),
        "gigaflops_per_step": arithmetic(graph) / 1e9,
        "optimizer_gigabytes_per_step": optimizer_traffic(graph) / 1e9,
        "parameters": parameters,
        "images_per_step": images_per_step,
        **memory,
    }


def arithmetic(graph):
    """Counts the floating point operations of the matrix products and convolutions of a graph.

    Args:
        graph: `tf.Graph` with static shapes.

    Returns:
        Integer; a multiplication and its addition are two.
    """
    total = 0
    for operation in graph.get_operations():
        shapes = [tensor.shape.as_list() for tensor in operation.inputs if tensor.shape.rank]
        if operation.type == "MatMul":
            inner = shapes[0][0 if operation.get_attr("transpose_a") else 1]
            total += 2 * math.prod(operation.outputs[0].shape.as_list()) * inner
        elif operation.type == "Conv2D":
            # Every output value is a sum over a kernel.
            total += 2 * math.prod(operation.outputs[0].shape) * math.prod(shapes[1][:3])
        elif operation.type == "Conv2DBackpropInput":
            kernel, upstream = operation.inputs[1].shape, operation.inputs[2].shape
            total += 2 * math.prod(upstream) * math.prod(kernel[:3])
        elif operation.type == "Conv2DBackpropFilter":
            kernel, upstream = operation.outputs[0].shape, operation.inputs[2].shape
            total += 2 * math.prod(upstream) * math.prod(kernel[:3])
    return total


def optimizer_traffic(graph):
    """Counts the bytes that the Adam updates of a graph have to move.

    Args:
        graph: `tf.Graph`.

    Returns:
        Integer: of float32 weights, gradients and both moments, read, and all but the
        gradients written: seven arrays per update.
    """
    updates = [each for each in graph.get_operations() if each.type == "ResourceApplyAdam"]
    return sum(7 * 4 * update.inputs[-1].shape.num_elements() for update in updates)


def _pictures(workload, images_per_step):
    random = np.random.default_rng(0)
    count = workload.num_images or workload.steps * images_per_step
    images = random.integers(0, 256, (count, *workload.image_shape), np.uint8)
    split = Split(images, random.integers(0, CLASSES, count))
    names = tuple(str(number) for number in range(CLASSES))
    return ImageDataset("random", split, Split(images[:64], split.labels[:64]), names, {})


def _peak_memory():
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_resident_megabytes": kilobytes / (1e6 if sys.platform == "darwin" else 1e3)}


def _best(function, repeats=10):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
