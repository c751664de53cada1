"""Training steps, several in one call of TensorFlow."""

import contextlib
from time import monotonic

import tensorflow as tf

# A call is not interrupted: what a signal or the clock asks for waits for its end.
SECONDS_PER_GROUP = 0.25
# Steps below this time are taken for it: some clocks show no less.
MIN_STEP_SECONDS = 1e-3


@contextlib.contextmanager
def in_groups(model, steps_per_epoch, turns=()):
    """Within the context, Keras' `fit` does the training steps of a model several at a time.

    Starting and ending a call costs what several small operations do. `fit` still asks
    step by step, and calls callbacks after each, but nothing is done until a group is
    full; then all of it is done at once. A group ends with an epoch and wherever a
    callback's turn comes, so that the model is then where the callback expects it; in
    between it is some steps behind, and `steps_done` says where. What is learnt does not
    depend on the groups, to the bit: they are repetitions of one compiled step.

    Keras' own `steps_per_execution` runs over the end of an epoch that it does not divide.

    Args:
        model: Compiled model with a counter `steps_done`, at the beginning of an epoch or
            within one.
        steps_per_epoch: Integer.
        turns: Integers. A group ends where the number of steps done is a multiple of any.
    """
    ends = (steps_per_epoch, *turns)

    # Not `train_function` itself: a callback may ask to have it made again.
    def make_train_function(force=False):
        if force or model.train_function is None:
            model.train_function = _TrainFunction(model, ends)

    model.make_train_function = make_train_function
    try:
        yield
    finally:
        del model.make_train_function
        model.train_function = None


class _TrainFunction:
    def __init__(self, model, ends):
        self._model = model
        self._ends = ends
        self._run = _compiled(model)
        self._asked = 0
        self._done = None
        # The first step is traced, the second one timed.
        self._full = 1
        self._traced = False
        self._logs = {}

    def __call__(self, iterator):
        if self._done is None:
            self._done = int(self._model.steps_done.numpy())
        self._asked += 1
        step = self._done + self._asked
        if self._asked >= self._full or any(step % end == 0 for end in self._ends):
            start = monotonic()
            logs = self._run(iterator, tf.constant(self._asked))
            # Reading them waits for an accelerator, which works behind the program.
            self._logs = {name: float(value) for name, value in logs.items()}
            seconds_per_step = (monotonic() - start) / self._asked
            if self._traced:
                self._full = int(SECONDS_PER_GROUP / max(seconds_per_step, MIN_STEP_SECONDS))
            self._traced, self._done, self._asked = True, step, 0
        return self._logs


def _compiled(model):
    step = tf.function(
        model.train_step, autograph=False, jit_compile=model.jit_compile, reduce_retracing=True
    )

    @tf.function(autograph=False, reduce_retracing=True)
    def run(iterator, num_steps):
        repeat(lambda: step(iterator.get_next()), num_steps)
        return model.get_metrics_result()

    return run


def repeat(step, count):
    """Calls a function of no arguments so often, within a graph that is traced."""

    def body(index):
        step()
        return index + 1

    tf.while_loop(lambda index: index < count, body, [tf.constant(0)])
