"""Training on several devices of a machine, or on several machines, with `tf.distribute`.

Every device runs the training step on its share of the batch, a replica; gradients are
summed over all replicas, so that all of them make the same update. What a replica must know
of the others stands in `genkeras.networks.replicas`.
"""

import contextlib
import hashlib
import json
import logging
import os

import keras
import numpy as np
import tensorflow as tf

from genkeras import registry
from genkeras.data.batches import Shares
from genkeras.networks import replicas
from genkeras.training import loop, state
from genkeras.training.errors import RunError, WorkerLostError

STRATEGIES = ("none", "mirrored", "multi_worker")
# What TensorFlow raises when a worker does not answer any more.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
_log = logging.getLogger("genkeras")


def create(name=None, synchronised_batch_norm=False):
    """Returns the `Distribution` that a strategy's name asks for.

    To be called before TensorFlow computes anything: workers must be connected first. With
    several workers it returns when all of them are there.

    Args:
        name: String, one of `STRATEGIES`. `None` chooses: `"multi_worker"` where `TF_CONFIG`
            names more than one worker, `"mirrored"` where there is more than one GPU.
        synchronised_batch_norm: Boolean. As in `Distribution`.

    Returns:
        `Distribution`, or `None` for one device.

    Raises:
        RunError: If `TF_CONFIG` does not say what several workers need.
    """
    if name is None:
        gpus = tf.config.list_physical_devices("GPU")
        name = "mirrored" if len(gpus) > 1 else "none"
        if os.environ.get("TF_CONFIG") and len(workers()) > 1:
            name = "multi_worker"
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        return Distribution(
            tf.distribute.MirroredStrategy(devices), synchronised_batch_norm=synchronised_batch_norm
        )
    if name == "multi_worker":
        here = workers()
        # It tells every message that is planned.
        logging.getLogger("tensorflow").setLevel(logging.WARNING)
        with _losses_told():
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        task = strategy.cluster_resolver
        is_chief = (task.task_type, task.task_id) == here[0]
        return Distribution(strategy, is_chief, synchronised_batch_norm)
    return None


def workers():
    """Returns the workers that `TF_CONFIG` names, the chief first.

    Returns:
        List of pairs `(task type, task id)`.

    Raises:
        RunError: If there is none, or it is not one of workers.
    """
    text = os.environ.get("TF_CONFIG", "")
    example = (
        '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
        '"task": {"type": "worker", "index": 0}}'
    )
    try:
        content = json.loads(text)
        cluster, task = content["cluster"], content["task"]
        found = [
            (kind, index)
            for kind in ("chief", "worker")
            for index in range(len(cluster.get(kind, ())))
        ]
        here = (task["type"], int(task["index"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"TF_CONFIG={text!r} does not name the workers ({type(error).__name__}: {error}); "
            f"expected JSON such as {example}. Start local workers with apps.launch, or leave "
            "--strategy=multi_worker out."
        ) from error
    if here not in found:
        raise RunError(
            f"TF_CONFIG says that this is {here[0]} {here[1]}, which is none of its workers "
            f"{', '.join(f'{kind} {index}' for kind, index in found)}: every task of the cluster "
            "must be a chief or a worker (parameter servers and evaluators have no part here)."
        )
    return found


class Distribution:
    """The replicas of a training.

    Args:
        strategy: `tf.distribute.Strategy`.
        is_chief: Boolean. Whether this process writes; the others only read.
        synchronised_batch_norm: Boolean. Whether batch norm uses the statistics of the whole
            batch, as one device does, and not of each replica's share.
    """

    def __init__(self, strategy, is_chief=True, synchronised_batch_norm=False):
        self._strategy = strategy
        self.is_chief = is_chief
        self._synchronised_batch_norm = synchronised_batch_norm
        self.num_replicas = strategy.num_replicas_in_sync

    @contextlib.contextmanager
    def building(self, config):
        """Context in which a model and its optimizers get a copy on every replica.

        Args:
            config: `Config` of the model.

        Raises:
            RunError: If its batches do not divide among the replicas.
        """
        self._check_batch_size(config)

        def mirrored(next_creator, **arguments):
            # Metrics ask for variables that are summed over the replicas when they are read,
            # which the chief alone could not do. All replicas give them the same losses.
            if arguments.get("synchronization") == tf.VariableSynchronization.ON_READ:
                arguments["synchronization"] = tf.VariableSynchronization.AUTO
                arguments["aggregation"] = tf.VariableAggregation.NONE
            return next_creator(**arguments)

        with self._losses_told(), self._strategy.scope(), tf.variable_creator_scope(mirrored):
            yield

    def wait(self):
        """Waits until all workers are here.

        Raises:
            WorkerLostError: If one of them is gone.
        """

        def meet():
            return replicas.mean(tf.constant(0.0))

        with self._losses_told():
            tf.function(lambda: self._strategy.run(meet), autograph=False)()

    def pretrain(self, model, config, images):
        """Runs the pretraining of a model that asks for one, unless its training has begun.

        It is short, and its loss is not a mean over pictures: every worker does all of it,
        on one device.

        Args:
            model: Compiled model, its state restored.
            config: `Config` of the model.
            images: uint8 array. The training pictures.
        """
        if getattr(model, "pretraining_batch_size", None) is None or model.steps_done.numpy():
            return
        plain = config.build_model()
        loop.pretrain(plain, images, config.seed)
        for variable, pretrained in zip(model.variables, plain.variables, strict=True):
            variable.assign(pretrained.numpy())

    def fit(self, model, batches, history, config, chosen_callbacks):
        """Trains until the epochs of a configuration are done, from where the history ends.

        Not Keras' `fit`: with several workers it fails on pairs of images and labels and on
        logs that are scalars.

        Args:
            model: Compiled model, made in `building`, its state restored.
            batches: `Batches`.
            history: `History`, which a callback goes on with.
            config: `Config`.
            chosen_callbacks: List of callbacks, in the order in which they are called.

        Raises:
            RunError: If the workers have not begun the same training.
            WorkerLostError: If a worker is gone.
        """
        steps_per_epoch, updates = batches.steps_per_epoch, getattr(model, "discriminator_steps", 1)
        done = history.in_progress["steps"] if history.in_progress else 0
        first_step = history.epochs * steps_per_epoch + done

        def share(context):
            count = context.num_replicas_in_sync // context.num_input_pipelines
            shares = Shares(self.num_replicas, context.input_pipeline_id * count, count, updates)
            return batches.dataset(model.value_range, first_step, shares=shares)

        called = keras.callbacks.CallbackList(
            chosen_callbacks,
            add_progbar=self.is_chief,
            model=model,
            verbose=2,
            epochs=config.epochs,
            steps=steps_per_epoch,
        )
        with self._losses_told():
            self._check_same(model, config, history)
            elements = iter(self._strategy.distribute_datasets_from_function(share))
            called.on_train_begin()
            # Made now: what callbacks have done to the variables is traced with it.
            train_step = self._train_step(model)
            for epoch in range(history.epochs, config.epochs):
                model.reset_metrics()
                called.on_epoch_begin(epoch)
                for step in range(done, steps_per_epoch):
                    called.on_train_batch_begin(step)
                    train_step(next(elements))
                    called.on_train_batch_end(step)
                done = 0
                called.on_epoch_end(epoch, model.get_metrics_result())
            called.on_train_end()

    def _check_batch_size(self, config):
        minimum = registry.recipe(config.model).minimum_batch_size
        batch_size, count = config.options["batch_size"], self.num_replicas
        share = batch_size // count
        if batch_size % count or share < minimum:
            fitting = dict.fromkeys(max(each, minimum) * count for each in (share, share + 1))
            raise RunError(
                f"--batch_size={batch_size} is that of all {count} replicas together and must "
                f"divide among them, with at least {minimum} for each: use "
                f"{' or '.join(map(str, fitting))}, or --strategy=none."
            )

    def _check_same(self, model, config, history):
        """Checks that all workers go on with the same run from the same state."""
        run = [config.model, config.options, config.epochs, config.seed, history.to_meta()]
        text = json.dumps(
            [*run, config.data_facts["fingerprint"], state.digest(state.collect(model))]
        )
        # Floats, which every device can send, hold 16 bits exactly.
        words = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint16).astype(np.float32)

        def gather():
            return tf.distribute.get_replica_context().all_gather(words[np.newaxis], axis=0)

        found = self._strategy.experimental_local_results(
            tf.function(lambda: self._strategy.run(gather), autograph=False)()
        )[0].numpy()
        if (found != found[0]).any():
            raise RunError(
                "The workers were not started with the same command, pictures and states: run "
                "directory and data must be on a disk that all of them share."
            )

    def _losses_told(self):
        several = isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy)
        return _losses_told() if several else contextlib.nullcontext()

    def _train_step(self, model):
        for layer in _batch_norms(model):
            layer.synchronized = self._synchronised_batch_norm
        # Every replica has moved them by its own pictures.
        statistics = [
            average
            for layer in _batch_norms(model)
            if not layer.synchronized
            for average in (layer.moving_mean, layer.moving_variance)
        ]

        def replica_step(data):
            model.train_step(data)
            if statistics:
                means = replicas.mean([tf.convert_to_tensor(each) for each in statistics])
                for variable, mean in zip(statistics, means, strict=True):
                    variable.assign(mean)

        def run(data, generator_turn):
            model.generator_turn = generator_turn
            self._strategy.run(replica_step, args=(data,))
            return True

        # No `jit_compile`: XLA does not compile what replicas tell each other.
        @tf.function(autograph=False)
        def train_step(data):
            if not getattr(model, "critic_warmup", False):
                self._strategy.run(replica_step, args=(data,))
                return
            # The branches are taken by all replicas together: none may stand within a step.
            tf.cond(model.is_generator_due(), lambda: run(data, True), lambda: run(data, False))

        return train_step


def _batch_norms(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            yield layer
        elif isinstance(layer, keras.Model):
            yield from _batch_norms(layer)


@contextlib.contextmanager
def _losses_told():
    try:
        yield
    except _LOST as error:
        _log.debug("%s", error)
        raise WorkerLostError(
            "Another worker is gone, or cannot be reached any more: this one stops too. When all "
            "workers are started again with the same command, they go on from the last stored "
            "state."
        ) from error
