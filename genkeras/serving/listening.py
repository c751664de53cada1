"""The socket that the server listens at, and how it stops."""

import contextlib
import os
import socket

import uvicorn

from genkeras.training import interruption
from genkeras.training.errors import RunError

# Connections beside the requests that may be here; more are told to come again (503).
_MORE_CONNECTIONS = 512
_STOP_SECONDS = 30
_STOPPING = "\nStopping: what has been asked is answered first; Ctrl-C once more stops at once.\n"


def listen(host, port):
    """Returns a socket that is bound, before anything takes time.

    Args:
        host: String. A name or an address.
        port: Integer; 0 for any that is free.

    Raises:
        RunError: If that cannot be.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
        # Its connections inherit it. Otherwise a small answer, sent as head and body, waits for
        # 40 ms until the client's system has acknowledged the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise RunError(
            f"Cannot listen at --host={host} --port={port}: {os.strerror(error.errno or 0)}. "
            "Another program may have the port: name another with --port."
            if error.errno and error.errno > 0
            else f"Cannot listen at --host={host}: {error.strerror or error}."
        ) from error


def run(app, listener, max_queue, on_stop=lambda: None):
    """Answers requests until a signal or Ctrl-C, and then those that are still here.

    Args:
        app: ASGI application, such as from `server.create_app`.
        listener: From `listen`.
        max_queue: Integer. Of `server.Limits`.
        on_stop: Function, called when it begins to stop.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="none",
        server_header=False,
        # Another parser, where one is installed, has other limits.
        http="h11",
        limit_concurrency=max_queue + _MORE_CONNECTIONS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    # It raises the signal again once it has stopped, for whoever started it.
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, on_stop).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config, on_stop):
        super().__init__(config)
        self._on_stop = on_stop

    @contextlib.contextmanager
    def capture_signals(self):
        # uvicorn itself does not know the signal of a terminal that is closed.
        hangups = interruption.hangups()
        with super().capture_signals(), interruption.handling(hangups, self.handle_exit):
            yield

    def handle_exit(self, sig, frame):
        if not self.should_exit:
            interruption.tell(_STOPPING)
            self._on_stop()
        super().handle_exit(sig, frame)
