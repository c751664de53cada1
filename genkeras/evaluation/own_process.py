"""Work done in a fresh process, whose memory is returned at its end."""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading

from genkeras.training.errors import RunError, message
from genkeras.training.interruption import terminating_as_exception


def in_own_process(function, *arguments):
    """Calls a function in a fresh process and returns its result.

    The process ends with this one, however that ends: by a SIGTERM, so that a training stores
    its state.

    Args:
        function: Function that can be imported by name.
        *arguments: What can be sent to another process, like the result.

    Raises:
        RunError: With the message of a user's mistake in the child, or saying how the
            child ended.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    level = logging.getLogger().getEffectiveLevel()
    process = context.Process(target=_child, args=(sender, level, function, arguments))
    process.start()
    sender.close()
    try:
        kind, value = receiver.recv()
    except EOFError:
        process.join()
        raise RunError(
            f"A training process ended with status {process.exitcode}; its messages stand above."
        ) from None
    except BaseException:
        # Ctrl-C, SIGTERM: the child stores its state, and then there is nothing left to wait for.
        process.terminate()
        raise
    finally:
        process.join()
    if kind == "error":
        raise RunError(value)
    return value


def _child(sender, level, function, arguments):
    from genkeras.data.dataset import DataError
    from genkeras.metrics.features.errors import FeatureError

    logging.basicConfig(format="%(message)s", level=level, stream=sys.stderr)
    try:
        with terminating_as_exception():
            threading.Thread(target=_end_with_parent, daemon=True).start()
            sender.send(("result", function(*arguments)))
    except KeyboardInterrupt as stop:
        # The parent knows why, and says how to go on.
        if str(stop):
            print(stop, file=sys.stderr)
        sys.exit(128 + getattr(stop, "signal_number", signal.SIGINT))
    except (RunError, DataError, FeatureError, OSError) as error:
        with contextlib.suppress(BrokenPipeError):  # The parent is gone.
            sender.send(("error", message(error)))


def _end_with_parent():
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
