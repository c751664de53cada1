"""How a process takes up a training: from the newest state, as the chief or as another worker."""

import contextlib
import logging

from genkeras.training import host, loop, state
from genkeras.training.callbacks.epoch_record import EpochRecord
from genkeras.training.callbacks.score_record import ScoreHelp
from genkeras.training.errors import RunError, WorkerLostError
from genkeras.training.history import History
from genkeras.training.interruption import Interrupted, StopRequest

_log = logging.getLogger("genkeras")


def take_up(model, config, run_dir, distribution=None):
    """Loads the newest state of a run, if there is one, to go on training.

    Args:
        model: Compiled model.
        config: `Config` of the run.
        run_dir: Path of the run directory.
        distribution: `Distribution`, or `None`. Of several workers none reads before all are
            here, and the chief has left the directory in order.

    Returns:
        `History`.

    Raises:
        RunError: If the state does not fit, or is of a training with other options.
    """
    if distribution:
        distribution.wait()
    loaded = state.load_newest(run_dir)
    if loaded is None:
        return History()
    arrays, meta = loaded
    state.restore(model, arrays)
    _check_same_training(config, meta, run_dir)
    history = History.from_meta(meta)
    if history.in_progress:
        steps, epoch = history.in_progress["steps"], history.epochs + 1
        _log.info("Going on after step %d of epoch %d of the run in %s", steps, epoch, run_dir)
    else:
        _log.info("Going on after epoch %d of the run in %s", history.epochs, run_dir)
    if "host" in meta:  # Unless the state is from before it was stored.
        stored = meta["host"] | {"replicas": meta.get("replicas", 1)}
        host.warn_of_differences(stored, distribution.num_replicas if distribution else 1)
    return history


def follow(experiment, model, batches, distribution, score=None, score_every=0):
    """Trains as a worker that is not the chief: it reads what the chief writes, no more.

    Args:
        experiment: `Experiment`.
        model: Compiled model, made by `distribution`.
        batches: `Batches`.
        distribution: `Distribution`.
        score, score_every: As in `experiment.train`. It helps the chief to score.
    """
    config = experiment.config
    history = take_up(model, config, experiment.run_dir, distribution)
    if history.epochs >= config.epochs:
        return
    distribution.pretrain(model, config, experiment.dataset.train.images)
    # The chief stops at a signal when it has stored the state; without it nobody goes on.
    with StopRequest() as request, stopping_together(request):
        chosen = [EpochRecord(history, 0), *loop.required_callbacks(model)]
        if score is not None and score_every:
            chosen.append(ScoreHelp(distribution.shared(score), score_every))
        distribution.fit(model, batches, history, config, chosen)


def _check_same_training(config, meta, run_dir):
    # A `config.json` that was edited would tell of a training that never was.
    trained = meta.get("training", {})  # States of earlier versions have less, or nothing.
    for name, value in config.training().items():
        if name in trained and trained[name] != value:
            raise RunError(
                f"{run_dir / 'config.json'} has {name}={value}, but its states are of a training "
                f"with {name}={trained[name]}. Put that back, or name another --run_dir."
            )


@contextlib.contextmanager
def stopping_together(request):
    """Makes the loss of a worker an interruption, if a signal told this one to stop too."""
    try:
        yield
    except WorkerLostError as error:
        if request.signal_number is None:
            raise
        raise Interrupted(
            request.signal_number,
            "Stopped, with the other workers. The same command goes on from the last stored state.",
        ) from error
