"""SIGTERM and Ctrl-C; real signals, sent by this process to itself."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from genkeras.training.interruption import Interrupted, StopRequest, terminating_as_exception


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_told(number, capfd):
    before = signal.getsignal(number)
    with StopRequest() as request:
        assert request.signal_number is None
        os.kill(os.getpid(), number)
        assert request.signal_number == number
    assert "Stopping after this training step" in capfd.readouterr().err
    assert signal.getsignal(number) is before


def test_a_sigterm_behind_a_ctrl_c_is_its_echo():
    # A parent that got the same Ctrl-C terminates its child.
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.signal_number == signal.SIGINT


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
def test_a_second_ctrl_c_ends_the_process_by_the_signal(first):
    code = (
        "import os, signal, time\n"
        "from genkeras.training.interruption import StopRequest\n"
        "with StopRequest():\n"
        f"    os.kill(os.getpid(), signal.{first})\n"
        "    print('still here', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="."
    )
    assert "still here" in done.stdout
    assert done.returncode == -signal.SIGINT


def test_nothing_is_handled_outside_of_the_main_thread():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with StopRequest() as request, terminating_as_exception():
            seen.append((request.signal_number, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_sigterm_as_an_exception_that_an_ordinary_except_does_not_swallow():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as caught, terminating_as_exception():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.signal_number == signal.SIGTERM
    assert isinstance(caught.value, KeyboardInterrupt)
    assert not isinstance(caught.value, Exception)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_request_inside_of_it_takes_over_and_gives_back():
    with terminating_as_exception():
        outer = signal.getsignal(signal.SIGTERM)
        with StopRequest() as request:
            os.kill(os.getpid(), signal.SIGTERM)
            assert request.signal_number == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is outer
