"""What passes to the explorer's framework: the page, and values for its components.

Gradio has many more addresses than one page needs, some of which name files, and a request to a
component may name a file of the server as well. Nothing of that gets through: a call is made anew
of what is known to be harmless.
"""

import asyncio
import re

import orjson
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from genkeras.serving import bodies
from genkeras.serving.tensor_json import RequestError

MAX_BODY = 16 << 20
# Of this module's own bounds, a page comes nowhere near.
_MAX_CALLS = 64
# Bytes of calls beyond `bodies.LARGE` that are here at once.
_MAX_BYTES = 8 * MAX_BODY
# Brackets and commas of a call. The parser does not let other threads run, and needs seconds for
# millions of empty lists.
_MAX_PARTS = 200
_SESSION = re.compile(r"[a-z0-9]{1,32}")
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
        own: Dict of addresses that are not the page's to their methods, `None` for those that
            refuse wrong ones themselves; addresses that end in `/` with all below.
        calls: Dict of the numbers of the page's functions to the most bytes of their calls.
    """

    def __init__(self, app, own, calls):
        self._app, self._own, self._calls = app, own, calls
        self._heartbeats = set()
        self._here, self._bytes = bodies.Places(_MAX_CALLS), bodies.Places(_MAX_BYTES)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith(_HEARTBEAT):
            await self._beat(scope, receive, send)
        elif scope["type"] != "http" or self._passes(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
        elif methods := self._methods(scope["path"]):
            allow = {"Allow": ", ".join(methods)}
            await _error(405, "Method Not Allowed", allow)(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"] == _CALL:
            await self._call(scope, receive, send)
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

    async def _call(self, scope, receive, send):
        refusal = None
        try:
            with self._bytes.take(0) as take_more:
                body = await bodies.read(receive, MAX_BODY, take_more)
                with self._here.take():
                    body = await asyncio.to_thread(_rebuilt, body, self._calls)
                    # The parts of the old body say its length.
                    headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
                    scope = scope | {"headers": [*headers, (b"content-length", b"%d" % len(body))]}
                    await self._app(scope, _replaying(body, receive), send)
        except RequestError as error:
            refusal = _error(error.status, str(error))
        except bodies.FullError:
            refusal = _error(429, "the server is busy: try again")
        except ClientDisconnect:
            return
        if refusal is not None:
            await refusal(scope, receive, send)

    def _passes(self, method, path):
        methods = self._methods(path)
        is_page = method in ("GET", "HEAD") and _PAGE.fullmatch(path)
        return is_page or methods is None or method in methods

    def _methods(self, path):
        """Returns the methods of an address that is not the page's; no one if it is."""
        for own, methods in self._own.items():
            if path == own or (own.endswith("/") and path.startswith(own)):
                return methods
        return ()


def _rebuilt(body, calls):
    """Returns a call of one of the page's functions with plain values, and nothing else.

    Raises:
        RequestError: If it is not one.
    """
    if sum(map(body.count, (b"[", b"{", b","))) > _MAX_PARTS:
        raise RequestError("a call of the page has fewer values", 413)
    try:
        content = orjson.loads(body)
        number, values = content["fn_index"], content["data"]
        trigger, session = content.get("trigger_id"), content.get("session_hash")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise RequestError("the page's functions take a list of values") from error
    if type(number) is not int or number not in calls:
        raise RequestError("the page has no such function")
    if len(body) > calls[number]:
        raise bodies.too_large(calls[number])
    if not isinstance(values, list) or not all(isinstance(value, _VALUES) for value in values):
        raise RequestError("the page's components take numbers and texts")
    if trigger is not None and type(trigger) is not int:
        raise RequestError("trigger_id is no number")
    if session is not None and not (isinstance(session, str) and _SESSION.fullmatch(session)):
        raise RequestError("session_hash has other letters than a to z and 0 to 9, or too many")
    return orjson.dumps(
        {"fn_index": number, "data": values, "trigger_id": trigger, "session_hash": session}
    )


def _replaying(body, receive):
    """Returns a function that gives the body, and then what follows it."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay():
        return next(messages, None) or await receive()

    return replay


def _error(status, message, headers=None):
    content = orjson.dumps({"error": message})
    return Response(content, status, headers, media_type="application/json")
