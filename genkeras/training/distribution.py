"""Training on several devices of a machine, or on several machines, with `tf.distribute`.

Every device runs the training step on its share of the batch, a replica; gradients are
summed over all replicas, so that all of them make the same update. What a replica must know
of the others stands in `genkeras.networks.replicas`.
"""

import contextlib
import hashlib
import json
import logging

import keras
import numpy as np
import tensorflow as tf

from genkeras.data.batches import Shares
from genkeras.models import inference
from genkeras.models.recipe import MINIMUM_BATCH_SIZE
from genkeras.training import loop, state
from genkeras.training.errors import RunError, WorkerLostError

# What TensorFlow raises when a worker does not answer any more.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
_log = logging.getLogger("genkeras")


class Distribution:
    """The replicas of a training.

    Args:
        strategy: `tf.distribute.Strategy`.
        worker: Integer. The number of this process; 0 is the chief, which writes. The others
            only read.
        num_workers: Integer.
    """

    def __init__(self, strategy, worker=0, num_workers=1):
        self._strategy = strategy
        self._worker = worker
        self._num_workers = num_workers
        self.is_chief = worker == 0
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

        with self._losses_told():
            tf.function(lambda: self._strategy.run(lambda: _means([0.0])), autograph=False)()

    def sharing(self):
        """Context in which workers divide among them what `models.inference` does in chunks.

        All of them must run the same block. Several devices of one worker do not divide it.
        """
        return inference.shared(self._worker, self._num_workers, self._exchange)

    def shared(self, score):
        """Returns a function of a model that all workers must call, and that shares its work."""

        def shared_score(model):
            with self.sharing():
                return score(model)

        return shared_score

    def _exchange(self, rows):
        local_replicas = self.num_replicas // self._num_workers

        def own(context):
            # Each worker's first replica brings its rows, the others none.
            is_first = context.replica_id_in_sync_group % local_replicas == 0
            return tf.constant(rows if is_first else rows[:0])

        def gather(part):
            return tf.distribute.get_replica_context().all_gather(part, axis=0)

        parts = self._strategy.experimental_distribute_values_from_function(own)
        with self._losses_told():
            # Traced anew every time, by all workers alike, whatever rows they have.
            traced = tf.function(lambda: self._strategy.run(gather, args=(parts,)), autograph=False)
            found = traced.get_concrete_function()()
        return self._strategy.experimental_local_results(found)[0].numpy()

    def pretrain(self, model, config, images):
        """Runs the pretraining of a model that asks for one, unless its training has begun.

        It is short, and its loss is not a mean over pictures: every worker does all of it,
        on one device. The chief's numbers count: another's may be rounded otherwise.

        Args:
            model: Compiled model, its state restored.
            config: `Config` of the model.
            images: uint8 array. The training pictures.
        """
        if getattr(model, "pretraining_batch_size", None) is None or model.steps_done.numpy():
            return
        plain = config.build_model()
        loop.pretrain(plain, images, config.seed)
        arrays = self._chief_s([variable.numpy() for variable in plain.variables])
        for variable, pretrained in zip(model.variables, arrays, strict=True):
            variable.assign(pretrained)

    def _chief_s(self, arrays):
        """Returns arrays of all workers with the chief's floats; integers are the same."""
        if self._num_workers == 1:
            return arrays
        floats = [array for array in arrays if array.dtype == np.float32]
        rows = np.concatenate([array.ravel() for array in floats])
        rows = self._exchange(rows if self.is_chief else rows[:0])
        parts = iter(np.split(rows, np.cumsum([array.size for array in floats])[:-1]))
        return [
            next(parts).reshape(array.shape) if array.dtype == np.float32 else array
            for array in arrays
        ]

    def fit(self, model, batches, history, config, chosen_callbacks):
        """Trains until the epochs of a configuration are done, from where the history ends.

        Or until a callback sets `stop_training`. Not Keras' `fit`: with several workers it fails
        on pairs of images and labels and on logs that are scalars.

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
        with self._losses_told(), loop.stopping_within_epoch(chosen_callbacks):
            self._check_same(model, config, history)
            elements = iter(self._strategy.distribute_datasets_from_function(share))
            model.stop_training = False
            called.on_train_begin()
            # Made now: what callbacks have done to the variables is traced with it.
            train_step = self._train_step(model, config.options["sync_batch_norm"])
            for epoch in range(history.epochs, config.epochs):
                model.reset_metrics()
                called.on_epoch_begin(epoch)
                for step in range(done, steps_per_epoch):
                    called.on_train_batch_begin(step)
                    train_step(next(elements))
                    called.on_train_batch_end(step)
                done = 0
                called.on_epoch_end(epoch, model.get_metrics_result())
                if model.stop_training:
                    break
            called.on_train_end()

    def _check_batch_size(self, config):
        batch_size, count = config.options["batch_size"], self.num_replicas
        share = batch_size // count
        if batch_size % count or share < MINIMUM_BATCH_SIZE:
            fitting = dict.fromkeys(
                max(each, MINIMUM_BATCH_SIZE) * count for each in (share, share + 1)
            )
            raise RunError(
                f"--batch_size={batch_size} is that of all {count} replicas together and must "
                f"divide among them, with at least {MINIMUM_BATCH_SIZE} for each: use "
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
        return losses_told() if self._num_workers > 1 else contextlib.nullcontext()

    def _train_step(self, model, sync_batch_norm):
        for layer in _batch_norms(model):
            # Over the whole batch, as one device has it, and not over each replica's share.
            layer.synchronized = sync_batch_norm
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
                means = _means(statistics)
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


def _means(values):
    # Not as variables: what is reduced must name its device.
    tensors = [tf.identity(tf.convert_to_tensor(value)) for value in values]
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, tensors)


@contextlib.contextmanager
def losses_told():
    """Context in which the loss of a worker is told as one: `WorkerLostError`."""
    try:
        yield
    except _LOST as error:
        _log.debug("%s", error)
        raise WorkerLostError(
            "Another worker is gone, or cannot be reached any more: this one stops too. When all "
            "workers are started again with the same command, they go on from the last stored "
            "state."
        ) from error
