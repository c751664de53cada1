"""How bodies are read and sent: so many bytes, so long, and so many at once."""

import asyncio
import contextlib

from starlette.requests import ClientDisconnect

from genkeras.serving.tensor_json import RequestError

# The bytes of a body beyond this many are counted, and it is parsed in a thread.
LARGE = 1 << 16
# Bytes of such bodies that are here at once.
MOST = 256 << 20
SECONDS = 60
# Answers are sent in parts of so many bytes, each of which a client has so long to take.
PART = 1 << 16
SECONDS_OF_PART = 20


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
    def take(self, count=1):
        """Places, for as long as the context lasts.

        Args:
            count: Integer.

        Yields:
            Function of how many more to take.

        Raises:
            FullError: If there are not so many.
        """
        mine = 0

        def take_more(count):
            nonlocal mine
            if self.taken + count > self._most:
                raise FullError
            self.taken += count
            mine += count

        try:
            take_more(count)
            yield take_more
        finally:
            self.taken -= mine


async def read(receive, limit, take_more, seconds=SECONDS):
    """Returns a body; a larger one than may be is not read to its end.

    A client that sends a little and waits takes no place from those whose bodies are here.

    Args:
        receive: Function of ASGI.
        limit: Integer. Bytes.
        take_more: Function from `Places.take`, of which there is one for each byte.
        seconds: Float. For which is waited until the body is here.

    Raises:
        RequestError: If it is too large or too slow.
        FullError: If there is no place.
        ClientDisconnect: If the client went away.
    """
    body, more, counted = bytearray(), True, 0
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limit:
                    raise too_large(limit)
                if len(body) > LARGE:
                    take_more(len(body) - counted)
                    counted = len(body)
    except TimeoutError as error:
        raise RequestError(f"no whole body within {seconds} s", 408) from error
    return bytes(body)


async def send_in_parts(response, send, seconds=SECONDS_OF_PART):
    """Sends a response; ends it early for a client that takes nothing of it any more.

    A server has all of what it is given in memory until the client has taken it, so it is given
    the next part when most of those before are gone.

    Args:
        response: Starlette's `Response`, with a body.
        send: Function of ASGI.
        seconds: Float. For which is waited until a part can be sent.
    """
    content = response.body
    head = {"status": response.status_code, "headers": response.raw_headers}
    parts = (
        {"body": content[start : start + PART], "more_body": start + PART < len(content)}
        for start in range(0, len(content), PART)
    )
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await send({"type": "http.response.start"} | head)
        for part in parts:
            async with asyncio.timeout(seconds):
                await send({"type": "http.response.body"} | part)


def too_large(limit):
    """Returns the error that tells what was allowed."""
    return RequestError(f"the body has more than {limit} bytes, the most there may be", 413)
