"""A server of samplers: TensorFlow Serving's REST protocol, health, metrics, and the explorer."""

import asyncio
import contextlib
import dataclasses
import gc
import logging
import re
import time

import fastapi
import tensorflow as tf
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from genkeras.serving import bodies, metrics, rest
from genkeras.serving.batching import Batcher
from genkeras.serving.tensor_json import RequestError

# nginx's number for a client that has gone.
_CLIENT_GONE = 499
# Methods of what is only looked at.
READ = ("GET", "HEAD")
# What TensorFlow writes around the text of a failed assertion, or of a check for NaN.
_TEXT = re.compile(
    r"assertion failed: \[(?P<assertion>[^\]\n]+)\]|^(?P<check>.+) : Tensor had ", re.M
)
_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a client may ask for, and how requests are joined.

    Args:
        max_batch_size: Integer. Rows that are computed at once.
        batch_delay: Float. Seconds for which a request waits for others, beside those that it
            waits for the batch before.
        max_rows: Integer. Rows of a request.
        max_body: Integer. Bytes of a request.
        max_queue: Integer. Requests that wait, are computed or are answered at once.
        poll: Float. Seconds between looks for new versions.
    """

    max_batch_size: int = 64
    batch_delay: float = 0.0
    max_rows: int = 256
    max_body: int = 16 << 20
    max_queue: int = 128
    poll: float = 2.0


class Service:
    """Answers requests from what a repository holds.

    Args:
        repository: `Repository`.
        limits: `Limits`.
    """

    def __init__(self, repository, limits):
        self.repository, self._limits = repository, limits
        self._metrics = metrics.Metrics()
        self.batcher, self._bytes = None, bodies.Places(max(bodies.MOST, limits.max_body))

    @contextlib.asynccontextmanager
    async def running(self, app):
        """Within it, requests are answered and new versions found."""
        limits = self._limits
        self.batcher = Batcher(
            limits.max_batch_size, limits.batch_delay, limits.max_queue, self._metrics.batch
        )
        # What is here stays: the collector need not look through it when a long request is parsed.
        gc.freeze()
        polling = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await self.batcher.close()

    async def rest(self, scope, receive, send):
        """Answers everything below `/v1/`, as an ASGI application."""
        request = fastapi.Request(scope, receive)
        # A place is given back when the answer is sent: what is read slowly needs memory too.
        with contextlib.ExitStack() as held:
            response = await self._response(request, held)
            await bodies.send_in_parts(response, send)

    async def _response(self, request, held):
        started, seconds = time.monotonic(), None
        try:
            route = rest.route(request.method, request.scope["path"])
            if route.what == "predict":
                content = await self._predict(request, route, held)
                seconds = time.monotonic() - started
            else:
                content = rest.to_json(self._facts(route))
            response = Response(content, media_type="application/json")
        except RequestError as error:
            response = _error(error.status, str(error), error.headers)
        except bodies.FullError:
            response = _error(429, "the server is busy: try again", {"Retry-After": "1"})
        except tf.errors.InvalidArgumentError as error:
            response = _error(400, _refusal(error))
        except ClientDisconnect:
            response = _error(_CLIENT_GONE, "the client has gone")
        # A defect of ours must not stop the server, and is nothing that a client can mend.
        except Exception:
            _log.exception("%s %s failed:", request.method, request.scope["path"])
            response = _error(500, "the server has failed to answer; its log says why")
        self._metrics.answered(response.status_code, seconds)
        return response

    async def health(self):
        """Tells whether there is a sampler to ask."""
        ready = bool(self.repository.names)
        content = {"status": "ready" if ready else "no sampler is ready"}
        return Response(rest.to_json(content), 200 if ready else 503, media_type="application/json")

    async def metrics(self):
        """Tells what was counted."""
        samplers = [self.repository.find(name) for name in self.repository.names]
        text = self._metrics.text(
            self.batcher.queue_length, [(s.name, s.version) for s in samplers if s]
        )
        return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _predict(self, request, route, held):
        sampler = self._find(route)
        prediction = await self._read(request, sampler, held)
        outputs = await _unless_gone(
            request, self.batcher.submit(sampler, prediction.signature, prediction.inputs)
        )
        size = sum(array.nbytes for array in outputs.values())
        return await _converted(size, rest.answer, prediction, outputs)

    async def _read(self, request, sampler, held):
        """Reads a prediction, which gets a place in the queue; `held` will give it back."""
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("identity", ""):
            raise RequestError(
                f"Content-Encoding: {encoding[:60]} is not understood: send the JSON text itself",
                415,
                {"Accept-Encoding": "identity"},
            )
        limit, told = self._limits.max_body, request.headers.get("content-length", "0")
        # Nothing is read of a body that says itself that it is larger than may be.
        if told.isdecimal() and len(told) < 20 and int(told) > limit:
            raise bodies.too_large(limit)
        with self._bytes.take(0) as take_more:
            body = await bodies.read(request.receive, limit, take_more)
            held.enter_context(self.batcher.place())
            return await _converted(len(body), rest.parse, body, sampler, self._limits.max_rows)

    def _facts(self, route):
        if route.what == "metadata":
            return rest.metadata(self._find(route))
        refused = self.repository.refused(route.name)
        sampler = self.repository.find(route.name)
        ready = [sampler.version] if sampler else []
        if route.version is not None:
            ready = [version for version in ready if version == route.version]
            refused = {v: reason for v, reason in refused.items() if v == route.version}
        if not (ready or refused):
            raise self._unknown(route)
        return rest.status(ready, refused)

    def _find(self, route):
        sampler = self.repository.find(route.name, route.version)
        if sampler is None:
            raise self._unknown(route)
        return sampler

    def _unknown(self, route):
        what = f"Latest({route.name})"
        if route.version is not None:
            what = f"Specific({route.name}, {route.version})"
        served = [
            f"{name}/{sampler.version}"
            for name in self.repository.names
            if (sampler := self.repository.find(name))
        ]
        return RequestError(
            f"Servable not found for request: {what}; served: {', '.join(served) or 'none'}", 404
        )

    async def _poll(self):
        while True:
            await asyncio.sleep(self._limits.poll)
            try:
                await asyncio.to_thread(self.repository.refresh)
            # What is wrong with the folder may be mended; what is loaded is served until then.
            except Exception as error:
                _log.warning("Cannot look for new versions: %s", error)


def create_app(service):
    """Returns the FastAPI application of a `Service`, without the explorer."""
    # Their pages would ask other hosts for scripts.
    app = fastapi.FastAPI(lifespan=service.running, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/v1", service.rest)
    app.add_api_route("/healthz", service.health, methods=READ)
    app.add_api_route("/metrics", service.metrics, methods=READ)

    @app.exception_handler(HTTPException)
    async def _told(request, error):
        return _error(error.status_code, error.detail, error.headers)

    return app


async def _converted(size, function, *arguments):
    if size > bodies.LARGE:
        return await asyncio.to_thread(function, *arguments)
    return function(*arguments)


async def _unless_gone(request, answer):
    """Returns what is awaited; the place of a client that goes away is given to another.

    Raises:
        ClientDisconnect: If the client went away.
    """
    work = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ClientDisconnect
    finally:
        work.cancel()
        gone.cancel()


async def _gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refusal(error):
    """Returns the text of the check in a graph that has failed."""
    found = _TEXT.search(str(error))
    if found:
        return (found["assertion"] or found["check"]).strip(" .")
    return "the sampler cannot compute these inputs; its metadata says which it takes"


def _error(status, message, headers=None):
    return Response(
        rest.to_json({"error": message}), status, headers, media_type="application/json"
    )
