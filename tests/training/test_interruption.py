"""SIGTERM, SIGHUP and Ctrl-C; real signals, sent by this process to itself."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from genkeras.training.interruption import Interrupted, StopRequest, terminating_as_exception

pytestmark = pytest.mark.usefixtures("hearing_hangups")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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


# `capfd`, so that what they leave at a SIGHUP is not pytest's terminal.
@pytest.mark.usefixtures("capfd")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_as_an_exception_that_an_ordinary_except_does_not_swallow(number):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught, terminating_as_exception():
        os.kill(os.getpid(), number)
    assert caught.value.signal_number == number
    assert isinstance(caught.value, KeyboardInterrupt)
    assert not isinstance(caught.value, Exception)
    assert signal.getsignal(number) is before


def test_under_nohup_a_closed_terminal_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminating_as_exception(), StopRequest() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert request.signal_number is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("inside", ["StopRequest", "terminating_as_exception"])
def test_printing_goes_on_when_the_terminal_is_closed(inside, tmp_path):
    code = (
        "import pathlib, sys, time\n"
        f"from genkeras.training.interruption import Interrupted, {inside}\n"
        "try:\n"
        f"    with {inside}() as request:\n"
        "        print('ready', flush=True)\n"
        "        while not getattr(request, 'signal_number', None):\n"
        "            time.sleep(0.01)\n"
        "except Interrupted:\n"
        "    pass\n"
        "print('stopped', flush=True)\n"
        "print('stopped', file=sys.stderr, flush=True)\n"
        f"pathlib.Path({str(tmp_path)!r}, 'stored').touch()\n"
    )
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs
    )
    try:
        os.close(theirs)
        assert os.read(ours, 100).startswith(b"ready")
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert (tmp_path / "stored").exists()


def test_a_request_inside_of_it_takes_over_and_gives_back():
    with terminating_as_exception():
        outer = signal.getsignal(signal.SIGTERM)
        with StopRequest() as request:
            os.kill(os.getpid(), signal.SIGTERM)
            assert request.signal_number == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is outer
