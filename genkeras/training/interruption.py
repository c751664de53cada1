"""Signals that end a program: Ctrl-C, a supervisor's SIGTERM, the SIGHUP of a closed terminal."""

import contextlib
import os
import signal
import stat
import threading

# Ctrl-C is for impatient people too: the second one is not asked to wait.
_NOTICE = "\nStopping after this training step; Ctrl-C once more stops at once.\n"
# Windows has none.
_HANGUP = getattr(signal, "SIGHUP", None)


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
    """Notes SIGTERM, SIGHUP and Ctrl-C instead of stopping at once, as a context manager.

    A second Ctrl-C ends the process. Outside of the main thread, where signals cannot be
    handled, nothing is noted.

    Attributes:
        signal_number: Integer, the first signal that came, or `None`.
    """

    def __init__(self):
        self.signal_number = None
        self._handled = contextlib.ExitStack()

    def __enter__(self):
        numbers = (signal.SIGINT, signal.SIGTERM, *hangups())
        self._handled.enter_context(handling(numbers, self._note))
        return self

    def __exit__(self, *exception):
        self._handled.close()

    def _note(self, number, frame):
        if self.signal_number is None:
            self.signal_number = number
            tell(_NOTICE)
        elif number == signal.SIGINT:
            # By the signal itself, so that who started the process sees why it ended.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        # A second SIGTERM is that of a parent which passes on the Ctrl-C that came here too.
        if number == _HANGUP:
            _leave_terminal()


def terminating_as_exception():
    """Makes SIGTERM and SIGHUP raise `Interrupted`: files and processes are left in order.

    Returns:
        A context manager.
    """

    def stop(number, frame):
        if number == _HANGUP:
            _leave_terminal()
        raise Interrupted(number)

    return handling((signal.SIGTERM, *hangups()), stop)


def hangups():
    """Returns the signals of a closed terminal, a tuple: none under `nohup` or on Windows."""
    if _HANGUP is None or signal.getsignal(_HANGUP) == signal.SIG_IGN:
        return ()
    return (_HANGUP,)


@contextlib.contextmanager
def handling(numbers, function):
    """Has signals handled by a function; outside of the main thread nothing is changed.

    Args:
        numbers: Iterable of integers.
        function: Function of a signal's number and a frame.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, function) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            # None: it was not installed from Python, and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def tell(text):
    """Writes to stderr, from the handler of a signal."""
    # Not `print`, which may be what was interrupted. A terminal that is closed takes nothing.
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


def _leave_terminal():
    """Sends what is printed from here on nowhere, unless it goes to a file.

    Printing to a terminal that is closed, or to a `tee` that has ended with it, is an error,
    and would end the program before its state is stored.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # It may have been started without.
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)
