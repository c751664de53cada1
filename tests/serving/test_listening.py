"""How the server stops at signals; `test_server_process.py` sends them to a process."""

import os
import signal

import pytest
import uvicorn

from genkeras.serving import listening
from genkeras.training.interruption import Interrupted, terminating_as_exception

pytestmark = pytest.mark.usefixtures("hearing_hangups")


# `capfd`, so that what it leaves is not pytest's terminal.
@pytest.mark.usefixtures("capfd")
def test_a_closed_terminal_stops_it_in_order():
    stopped = []
    config = uvicorn.Config("app", log_config=None)
    found = listening._Server(config, lambda: stopped.append(found.should_exit))

    def hang_up():
        with terminating_as_exception(), found.capture_signals():
            os.kill(os.getpid(), signal.SIGHUP)

    with pytest.raises(Interrupted):
        hang_up()
    assert found.should_exit
    assert stopped == [False]
