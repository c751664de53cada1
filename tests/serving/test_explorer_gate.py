"""What the explorer's gate lets through."""

import asyncio
import json
import types

import pytest

from genkeras.serving import explorer_gate
from genkeras.serving.explorer_gate import MAX_BODY, ExplorerGate


def through_gate(method, path, body=b"", chunk=1 << 20):
    """Returns the status of the answer, and the body that has come through, or `None`."""
    seen = _through_gate(method, path, body, chunk)
    return seen.status, seen.body


def _through_gate(method, path, body=b"", chunk=1 << 20):
    seen = types.SimpleNamespace(body=None, status=None, headers={})
    parts = [body[k : k + chunk] for k in range(0, len(body), chunk)] or [b""]
    messages = iter(
        {"type": "http.request", "body": part, "more_body": k < len(parts) - 1}
        for k, part in enumerate(parts)
    )

    async def app(scope, receive, send):
        content, more = b"", True
        while more:
            message = await receive()
            content += message["body"]
            more = message["more_body"]
        seen.body = content
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive():
        return next(messages)

    async def send(message):
        seen.status = message.get("status", seen.status)
        seen.headers |= dict(message.get("headers", ()))

    gate = ExplorerGate(
        app, own={"/v1/": None, "/metrics": ("GET", "HEAD")}, calls={1: 500, 2: MAX_BODY}
    )
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    asyncio.run(gate(scope, receive, send))
    return seen


CALL = "/gradio_api/run/predict"


def test_the_gate_passes_the_page_and_plain_values():
    for method, path in (
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/theme.css"),
        ("GET", "/assets/index-1a.js"),
        ("GET", "/gradio_api/heartbeat/abc"),
        ("POST", "/v1/models/digits:predict"),
        # What is there tells itself which methods it takes.
        ("TRACE", "/v1/models/digits"),
        ("GET", "/metrics"),
    ):
        assert through_gate(method, path)[0] == 200, path
    content = {"fn_index": 1, "data": ["digits", 3, 0.5, None, True], "trigger_id": 7}
    content |= {"session_hash": "0a1b"}
    body = json.dumps(content | {"event_data": {}, "batched": True, "simple_format": 1}).encode()
    status, passed = through_gate("POST", CALL, body, chunk=7)
    assert (status, json.loads(passed)) == (200, content)
    large = json.dumps({"fn_index": 2, "data": ["a" * 1_000_000]}).encode()
    assert through_gate("POST", CALL, large)[0] == 200


def test_the_gate_refuses_the_rest():
    for method, path in (
        ("POST", "/"),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/other"),
        ("GET", "/v2/models"),
        ("GET", CALL),
        ("POST", "/theme.css"),
        ("GET", "/metrics/x"),
        ("GET", "/metricsx"),
    ):
        assert through_gate(method, path) == (404, None), path
    refused = _through_gate("POST", "/metrics")
    assert (refused.status, refused.body) == (405, None)
    assert refused.headers[b"allow"] == b"GET, HEAD"
    for body in (
        b"",
        b"[]",
        b"{}",
        b'{"fn_index": 1, "data": 3}',
        b'{"fn_index": 1, "data": "text"}',
        b'{"fn_index": 1, "data": ["\xff"]}',
        b'{"fn_index": 1, "data": [{"path": "/etc/passwd"}]}',
        b'{"fn_index": 1, "data": [["/etc/passwd"]]}',
        b'{"fn_index": 3, "data": []}',
        b'{"fn_index": true, "data": []}',
        b'{"data": []}',
        b'{"fn_index": 1, "data": [], "trigger_id": "1"}',
        b'{"fn_index": 1, "data": [], "session_hash": "../x"}',
        b'{"fn_index": 1, "data": [], "session_hash": "' + b"a" * 33 + b'"}',
    ):
        assert through_gate("POST", CALL, body) == (400, None), body
    for body in (
        b'{"fn_index": 2, "data": ["' + b"a" * MAX_BODY + b'"]}',
        # Only pictures are long.
        b'{"fn_index": 1, "data": ["' + b"a" * 500 + b'"]}',
    ):
        assert through_gate("POST", CALL, body) == (413, None)


def test_the_gate_does_not_parse_millions_of_lists(monkeypatch):
    monkeypatch.setattr(explorer_gate.orjson, "loads", lambda _: pytest.fail("It was parsed."))
    for part in (b"[],", b"1,"):
        body = b'{"fn_index": 2, "data": [' + part * 1000 + b"1]}"
        assert through_gate("POST", CALL, body) == (413, None)


def test_calls_through_the_gate_are_counted(monkeypatch):
    for name in ("_MAX_CALLS", "_MAX_BYTES"):
        monkeypatch.setattr(explorer_gate, name, 0)
        body = json.dumps({"fn_index": 2, "data": ["a" * 100_000]}).encode()
        assert through_gate("POST", CALL, body) == (429, None), name
        monkeypatch.undo()
