"""How bodies of requests are read: so many bytes, so long, and so many at once."""

import asyncio
import contextlib

from starlette.requests import ClientDisconnect

from genkeras.serving.tensor_json import RequestError

# Bodies beyond this many bytes need a place while they are read, and are parsed in a thread.
LARGE = 1 << 16
SECONDS = 60


class FullError(Exception):
    """As many are here as may be."""


class Places:
    """Counts what is here at once.

    Args:
        most: Integer. How many may be.
    """

    def __init__(self, most):
        self._most = most
        # Integer. How many are here.
        self.taken = 0

    @contextlib.contextmanager
    def take(self):
        """A place, for as long as the context lasts.

        Raises:
            FullError: If there is none.
        """
        if self.taken >= self._most:
            raise FullError
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


async def read(receive, limit, large, seconds=SECONDS):
    """Returns a body; a larger one than may be is not read to its end.

    A client that sends a little and waits takes no place from those whose bodies are here.

    Args:
        receive: Function of ASGI.
        limit: Integer. Bytes.
        large: `Places` for those of more than `LARGE` bytes, while they are read.
        seconds: Float. For which is waited until the body is here.

    Raises:
        RequestError: If it is too large or too slow.
        FullError: If there is no place.
        ClientDisconnect: If the client went away.
    """
    body, more = bytearray(), True
    with contextlib.ExitStack() as held:
        try:
            async with asyncio.timeout(seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    part, more = message.get("body", b""), message.get("more_body", False)
                    if len(body) <= LARGE < len(body) + len(part):
                        held.enter_context(large.take())
                    body += part
                    if len(body) > limit:
                        raise too_large(limit)
        except TimeoutError as error:
            raise RequestError(f"no whole body within {seconds} s", 408) from error
    return bytes(body)


def too_large(limit):
    """Returns the error that tells what was allowed."""
    return RequestError(f"the body has more than {limit} bytes, the most there may be", 413)
