"""On which devices a training runs: what `--strategy` asks for, and what `TF_CONFIG` says."""

import json
import logging
import os

import tensorflow as tf

from genkeras.training.distribution import Distribution, losses_told
from genkeras.training.errors import RunError, WorkerLostError

STRATEGIES = ("none", "mirrored", "multi_worker")


def create(name=None):
    """Returns the `Distribution` that a strategy's name asks for.

    To be called before TensorFlow computes anything: workers must be connected first. With
    several workers it returns when all of them are there.

    Args:
        name: String, one of `STRATEGIES`. `None` chooses: `"multi_worker"` where `TF_CONFIG`
            names more than one worker, `"mirrored"` where there is more than one GPU.

    Returns:
        `Distribution`, or `None` for one device.

    Raises:
        RunError: If `TF_CONFIG` does not say what several workers need.
        WorkerLostError: If another worker is gone, or this one's port is another program's.
    """
    if name is None:
        gpus = tf.config.list_physical_devices("GPU")
        name = "mirrored" if len(gpus) > 1 else "none"
        if os.environ.get("TF_CONFIG") and len(workers()) > 1:
            name = "multi_worker"
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        return Distribution(tf.distribute.MirroredStrategy(devices))
    if name == "multi_worker":
        here = workers()
        # It tells every message that is planned.
        logging.getLogger("tensorflow").setLevel(logging.WARNING)
        try:
            with losses_told():
                strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.UnknownError as error:
            # It may be free the next time, or be another one.
            raise WorkerLostError(
                f"This worker cannot listen at its port, which TF_CONFIG={os.environ['TF_CONFIG']} "
                f"names: another program may have it ({error.message})."
            ) from error
        task = strategy.cluster_resolver
        number = here.index((task.task_type, task.task_id))
        return Distribution(strategy, number, len(here))
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
        if any(isinstance(addresses, str) for addresses in cluster.values()):
            raise TypeError("addresses are no list")
        found = [
            (kind, index)
            for kind in ("chief", "worker")
            for index in range(len(cluster.get(kind, ())))
        ]
        here = (task["type"], int(task["index"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"TF_CONFIG={text!r} does not name the workers ({type(error).__name__}: {error}); "
            f"expected JSON such as {example}. Start local workers with apps.launch, or train on "
            "one device with --strategy=none."
        ) from error
    if here not in found:
        raise RunError(
            f"TF_CONFIG says that this is {here[0]} {here[1]}, which is none of its workers "
            f"{', '.join(f'{kind} {index}' for kind, index in found)}: every task of the cluster "
            "must be a chief or a worker (parameter servers and evaluators have no part here)."
        )
    return found
