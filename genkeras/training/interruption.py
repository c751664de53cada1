"""Signals that end a program: Ctrl-C, and the SIGTERM of a supervisor or a machine going down."""

import contextlib
import os
import signal
import threading

# Ctrl-C is for impatient people too: the second one is not asked to wait.
_NOTICE = "\nStopping after this training step; Ctrl-C once more stops at once.\n"


class Interrupted(KeyboardInterrupt):
    """A signal that ends the program, as an exception.

    Args:
        signal_number: Integer.
        message: String. What was saved and how to go on.
    """

    def __init__(self, signal_number, message=""):
        super().__init__(message)
        self.signal_number = signal_number


class StopRequest:
    """Notes SIGTERM and Ctrl-C instead of stopping at once, as a context manager.

    A second Ctrl-C ends the process. Outside of the main thread, where signals cannot be
    handled, nothing is noted.

    Attributes:
        signal_number: Integer, the first signal that came, or `None`.
    """

    def __init__(self):
        self.signal_number = None
        self._handled = contextlib.ExitStack()

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handled.enter_context(_handler(number, self._note))
        return self

    def __exit__(self, *exception):
        self._handled.close()

    def _note(self, number, frame):
        if self.signal_number is None:
            self.signal_number = number
            # Not `print`, which may be what was interrupted.
            os.write(2, _NOTICE.encode())
        elif number == signal.SIGINT:
            # By the signal itself, so that who started the process sees why it ended.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        # A second SIGTERM is that of a parent which passes on the Ctrl-C that came here too.


def terminating_as_exception():
    """Makes SIGTERM raise `Interrupted`, so that files and processes are left in order.

    Returns:
        A context manager.
    """

    def stop(number, frame):
        raise Interrupted(number)

    return _handler(signal.SIGTERM, stop)


@contextlib.contextmanager
def _handler(number, function):
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(number, function)
    try:
        yield
    finally:
        # None: it was not installed from Python, and cannot be put back.
        signal.signal(number, signal.SIG_DFL if previous is None else previous)
