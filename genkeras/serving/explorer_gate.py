"""What passes to the explorer's framework: the page, and values for its components.

Gradio has many more addresses than one page needs, some of which name files, and a request to a
component may name a file of the server as well. Nothing of that gets through.
"""

import asyncio
import re

import orjson
from fastapi.responses import Response

MAX_BODY = 16 << 20
_CALL = "/gradio_api/run/predict"
_PAGE = re.compile(
    r"/|/config|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/static/.*|/assets/.*"
    r"|/gradio_api/startup-events"
)
_HEARTBEAT = "/gradio_api/heartbeat/"
_VALUES = (bool, float, int, str, type(None))


class ExplorerGate:
    """An ASGI application around the one that holds the page.

    Args:
        app: ASGI application.
        own: Tuple of the beginnings of addresses that are not the page's.
    """

    def __init__(self, app, own):
        self._app, self._own = app, own
        self._heartbeats = set()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith(_HEARTBEAT):
            await self._beat(scope, receive, send)
        elif scope["type"] != "http" or self._passes(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"] == _CALL:
            body = await _read(receive)
            refusal = _refusal(body)
            if refusal is None:
                await self._app(scope, _replaying(body, receive), send)
            else:
                await _error(*refusal)(scope, receive, send)
        else:
            await _error(404, "Not Found")(scope, receive, send)

    def stop(self):
        """Ends what open pages hold open; a server would wait for it in vain."""
        for task in self._heartbeats:
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def _beat(self, scope, receive, send):
        unfinished = False

        async def noting_send(message):
            nonlocal unfinished
            unfinished = message.get("more_body", False)
            await send(message)

        task = asyncio.ensure_future(self._app(scope, receive, noting_send))
        self._heartbeats.add(task)
        await asyncio.wait({task})
        self._heartbeats.discard(task)
        if unfinished:
            await send({"type": "http.response.body"})

    def _passes(self, method, path):
        is_page = method in ("GET", "HEAD") and _PAGE.fullmatch(path)
        return is_page or path.startswith(self._own)


async def _read(receive):
    """Returns the body, or what came of one that is too large."""
    body = bytearray()
    while len(body) <= MAX_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _refusal(body):
    """Returns the status and message with which a call is refused, or `None`."""
    if len(body) > MAX_BODY:
        return 413, f"the body has more than {MAX_BODY} bytes, the most there may be"
    try:
        values = orjson.loads(body)["data"]
        if all(isinstance(value, _VALUES) for value in values):
            return None
    except (LookupError, TypeError, ValueError):
        pass
    return 400, "the page's components take numbers and texts"


def _replaying(body, receive):
    """Returns a function that gives the body, and then what follows it."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay():
        return next(messages, None) or await receive()

    return replay


def _error(status, message):
    content = orjson.dumps({"error": message})
    return Response(content, status, media_type="application/json")
