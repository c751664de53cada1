"""The server's application in this process, with two real samplers."""

import asyncio
import base64
import contextlib
import gzip
import io
import json
import random
import re
import shutil
import threading
import time
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from genkeras.serving import bodies, metadata, rest, server
from genkeras.serving.repository import Repository

pytest.importorskip("httpx", reason="needs httpx: pip install '.[test]'")
from fastapi.testclient import TestClient


@contextlib.contextmanager
def serving(folder, **limits):
    repository = Repository(folder)
    repository.refresh()
    service = server.Service(repository, server.Limits(**{"poll": 0.05} | limits))
    with TestClient(server.create_app(service)) as client:
        yield types.SimpleNamespace(client=client, service=service, repository=repository)


@pytest.fixture(scope="module")
def running(samplers):
    with serving(samplers, max_rows=16, max_body=100_000) as found:
        yield found


@pytest.fixture
def client(running):
    return running.client


def predict(client, body, name="digits"):
    content = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(f"/v1/models/{name}:predict", content=content)


def predictions(client, signature, rows, name="digits"):
    answer = predict(client, {"signature_name": signature, "instances": rows}, name)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_what_is_served_is_told(client, samplers):
    available = [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
    for path in ("/v1/models/digits", "/v1/models/digits/versions/1"):
        assert client.get(path).json() == {"model_version_status": available}
    for path in ("/v1/models/digits/metadata", "/v1/models/digits/versions/1/metadata"):
        content = client.get(path).json()
        assert content["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
        signatures = content["metadata"]["signature_def"]["signature_def"]
        facts = metadata.read(samplers / "digits/1")["signatures"]
        assert facts.keys() <= signatures.keys()
        latents = signatures["serving_default"]["inputs"]["latents"]
        assert latents["dtype"] == "DT_FLOAT"
        assert [d["size"] for d in latents["tensor_shape"]["dim"]] == ["-1", "2"]


def test_answers_are_those_of_the_sampler(client, samplers):
    signatures = tf.saved_model.load(str(samplers / "digits/1")).signatures
    right = signatures["sample"](seeds=tf.constant([3, 2**40], tf.int64))
    rows = predictions(client, "sample", [3, 2**40])
    np.testing.assert_array_equal([row["images"] for row in rows], right["images"])
    np.testing.assert_allclose([r["images_float"] for r in rows], right["images_float"], atol=1e-6)
    body = {"signature_name": "sample", "inputs": {"seeds": [3, 2**40]}}
    outputs = predict(client, body).json()["outputs"]
    np.testing.assert_array_equal(outputs["images"], right["images"])

    latents = predictions(client, "draw_latents", [{"seeds": 3}, {"seeds": 2**40}])
    default = client.post("/v1/models/digits/versions/1:predict", json={"instances": latents})
    np.testing.assert_array_equal(
        [row["images"] for row in default.json()["predictions"]], right["images"]
    )
    images = right["images"].numpy().tolist()
    codes = predictions(client, "encode", images)
    assert np.shape(codes) == (2, 2)
    again = predictions(client, "reconstruct", images)
    np.testing.assert_array_equal(
        [row["images"] for row in again],
        [row["images"] for row in predictions(client, "decode", codes)],
    )


def test_pictures_come_as_files_too(client):
    files = predictions(client, "sample_png", [{"seeds": 1, "labels": 2}], "shapes")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(files[0]["b64"]))))
    (row,) = predictions(client, "sample", [{"seeds": 1, "labels": 2}], "shapes")
    np.testing.assert_array_equal(pixels, np.array(row["images"])[..., 0])


def test_clients_at_the_same_time_get_their_own_rows(running):
    """A wrong class among them fails alone, and a row is the same in any company."""
    client = running.client
    alone = [
        predictions(client, "sample", [{"seeds": k, "labels": k % 3}], "shapes")[0]
        for k in range(12)
    ]
    found = {}

    def ask(k):
        row = {"seeds": k, "labels": 7 if k == 5 else k % 3}
        found[k] = predict(client, {"signature_name": "sample", "instances": [row]}, "shapes")

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[5].status_code == 400
    assert found[5].json() == {"error": "labels holds 7: expected 0 to 2"}
    for k in set(range(12)) - {5}:
        (row,) = found[k].json()["predictions"]
        np.testing.assert_allclose(row["images_float"], alone[k]["images_float"], atol=1e-6)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        (
            "GET",
            "/v1/models/nope",
            404,
            r"Servable not found for request: Latest\(nope\); served: digits/1, shapes/1",
        ),
        ("POST", "/v1/models/nope:predict", 404, r"Latest\(nope\)"),
        ("POST", "/v1/models/digits/versions/2:predict", 404, r"Specific\(digits, 2\)"),
        ("GET", "/v1/models/digits/versions/2", 404, r"Specific\(digits, 2\)"),
        ("GET", "/v1/models/digits/versions/2/metadata", 404, r"Specific\(digits, 2\)"),
        ("GET", "/v1/models", 400, "Malformed request: GET /v1/models: expected"),
        ("GET", "/v1/models/%2e%2e%2fetc%2fpasswd", 400, "Malformed request"),
        ("GET", "/v1/models/digits:predict", 405, "use POST"),
        ("DELETE", "/v1/models/digits", 405, "use GET"),
        ("GET", "/nowhere", 404, "Not Found"),
        ("POST", "/healthz", 405, "Method Not Allowed"),
        ("GET", "/docs", 404, "Not Found"),
        ("GET", "/openapi.json", 404, "Not Found"),
    ],
)
def test_wrong_addresses(client, method, path, status, message):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    assert re.search(message, answer.json()["error"])


def test_another_method_is_told_which_there_are(client):
    for method, path, allowed in (
        ("GET", "/v1/models/digits:predict", {"POST"}),
        ("DELETE", "/v1/models/digits", {"GET", "HEAD"}),
        ("PUT", "/v1/models/digits/metadata", {"GET", "HEAD"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 405, path
        assert set(answer.headers["allow"].split(", ")) == allowed, path


def test_a_packed_body_is_refused_for_what_it_is(client):
    body = json.dumps({"signature_name": "sample", "instances": [1]}).encode()
    address = "/v1/models/digits:predict"
    answer = client.post(address, content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert "Content-Encoding: gzip is not understood: send the JSON" in answer.json()["error"]
    answer = client.post(address, content=body, headers={"Content-Encoding": "Identity"})
    assert answer.status_code == 200


def test_requests_larger_than_allowed_are_refused(client):
    many = {"signature_name": "sample", "instances": list(range(17))}
    assert predict(client, many).status_code == 413
    assert "17 rows are more than 16" in predict(client, many).json()["error"]
    large = b'{"instances": [' + b" " * 100_000
    answer = predict(client, large)
    assert (answer.status_code, answer.json()) == (
        413,
        {"error": "the body has more than 100000 bytes, the most there may be"},
    )
    # One that does not tell its size is read only so far.
    chunks = (b" " * 10_000 for _ in range(50))
    answer = client.post("/v1/models/digits:predict", content=chunks)
    assert answer.status_code == 413


def _mutate(body, chance):
    """Returns one of the ways in which a request goes wrong on its way."""
    mutated = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        place = chance.randrange(len(mutated))
        kind = chance.randrange(6)
        if kind == 0:
            mutated[place] = chance.randrange(256)
        elif kind == 1:
            del mutated[place : place + chance.randint(1, 6)]
        elif kind == 2:
            mutated[place:place] = bytes(chance.choices(b'{}[]":,.0123456789-+eEnulltrfas\\', k=3))
        elif kind == 3:
            words = [b"null", b"true", b"NaN", b"-1", b"1e999", b'"x"', b"{}", b"[]", b"9" * 25]
            mutated[place : place + 1] = chance.choice(words)
        elif kind == 4:
            digits = [k for k, byte in enumerate(mutated) if chr(byte).isdigit()]
            mutated[chance.choice(digits or [place])] = ord(chance.choice("0123456789"))
        else:
            end = place + chance.randint(1, 20)
            mutated[place:place] = mutated[place:end]
        mutated = mutated or bytearray(b" ")
    return bytes(mutated)


def test_a_thousand_mutations_are_refused_or_valid(client):
    bodies = [
        (b'{"signature_name": "sample", "instances": [{"seeds": 12, "labels": 1}]}', "shapes"),
        (b'{"signature_name":"sample_png","inputs":{"seeds":[7,8],"labels":[0,2]}}', "shapes"),
        (b'{"instances": [[0.25, -1.5], [2, 1e-3]]}', "digits"),
        (b'{"signature_name": "draw_latents", "inputs": [5, 6]}', "digits"),
    ]
    chance, seen = random.Random(5), {}
    for number in range(1000):
        body, name = bodies[number % len(bodies)]
        mutated = _mutate(body, chance)
        answer = predict(client, mutated, name)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        if answer.status_code != 200:
            assert answer.status_code in (400, 413), (mutated, answer.text)
            assert len(answer.json()["error"]) > 10
    assert seen[400] > 500
    assert seen[200] > 50
    assert predict(client, bodies[0][0], "shapes").status_code == 200


def test_health_and_metrics(samplers):
    with serving(samplers) as running:
        client = running.client
        assert client.get("/healthz").json() == {"status": "ready"}
        predictions(client, "sample", [1, 2, 3])
        predict(client, b"")
        client.get("/v1/models/nope")
        answer = client.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = answer.text.splitlines()
        for line in (
            'genkeras_requests_total{code="200"} 1',
            'genkeras_requests_total{code="400"} 1',
            'genkeras_requests_total{code="404"} 1',
            "genkeras_request_seconds_count 1",
            'genkeras_batch_rows_bucket{le="2"} 0',
            'genkeras_batch_rows_bucket{le="4"} 1',
            'genkeras_batch_rows_bucket{le="+Inf"} 1',
            "genkeras_batch_rows_sum 3",
            "genkeras_queue_length 0",
            'genkeras_sampler_ready{model="digits",version="1"} 1',
        ):
            assert line in lines
        # Every line is a comment, or a name, labels and a number.
        sample = re.compile(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+')
        assert all(line.startswith("# ") or sample.fullmatch(line) for line in lines)


def _until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("It has not happened within 20 s.")


def test_new_versions_are_found_while_it_serves(samplers, tmp_path):
    folder = tmp_path / "served"
    shutil.copytree(samplers / "digits", folder / "digits")
    with serving(folder) as running:
        client = running.client

        def states():
            found = client.get("/v1/models/digits").json()["model_version_status"]
            return {state["version"]: state["state"] for state in found}

        def publish(version, damage=False):
            hidden = folder / "digits/.new"
            shutil.copytree(samplers / "digits/1", hidden)
            if damage:
                (hidden / "saved_model.pb").write_bytes(b"no graph")
            hidden.rename(folder / "digits" / version)

        publish("2")
        _until(lambda: states() == {"2": "AVAILABLE"})
        publish("3", damage=True)
        _until(lambda: states() == {"2": "AVAILABLE", "3": "END"})
        assert client.get("/v1/models/digits/versions/3").json()["model_version_status"][0][
            "status"
        ]["error_message"]
        assert len(predictions(client, "sample", [1])) == 1
        assert client.post("/v1/models/digits/versions/1:predict", content=b"").status_code == 404
        shutil.rmtree(folder / "digits")
        _until(lambda: client.get("/healthz").status_code == 503)
        assert predict(client, {"instances": [[0, 0]]}).status_code == 404


class _Stuck:
    """A sampler that waits, or fails in a way that nobody has foreseen."""

    name, version = "digits", 1

    def __init__(self, sampler):
        self.signatures, self.facts = sampler.signatures, sampler.facts
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.error = None

    def run(self, signature, inputs):
        self.entered.set()
        self.go_on.wait(20)
        if self.error:
            raise self.error
        return {"latents": np.zeros((len(inputs["seeds"]), 2), np.float32)}


@pytest.fixture
def stuck(samplers, monkeypatch):
    with serving(samplers, max_queue=2, poll=1000.0) as running:
        found = _Stuck(running.repository.find("digits"))
        monkeypatch.setattr(running.repository, "find", lambda *_: found)
        yield types.SimpleNamespace(client=running.client, sampler=found, service=running.service)
        found.go_on.set()


BODY = {"signature_name": "draw_latents", "instances": [1]}


def test_a_full_queue_is_told_to_come_again(stuck):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(predict(stuck.client, BODY)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    _until(lambda: stuck.service.batcher.queue_length == 2)
    refused = predict(stuck.client, BODY)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json() == {"error": "the server is busy: try again"}
    assert "genkeras_queue_length 2" in stuck.client.get("/metrics").text
    stuck.sampler.go_on.set()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert predict(stuck.client, BODY).status_code == 200


def test_a_failure_of_ours_is_told_and_logged(stuck, caplog):
    stuck.sampler.go_on.set()
    stuck.sampler.error = RuntimeError("secret")
    answer = predict(stuck.client, BODY)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "secret" in caplog.text
    stuck.sampler.error = tf.errors.InvalidArgumentError(None, None, "secret\nmore")
    answer = predict(stuck.client, BODY)
    assert answer.status_code == 400
    assert "cannot compute these inputs" in answer.json()["error"]
    stuck.sampler.error = None
    assert predict(stuck.client, BODY).status_code == 200


async def _call(app, receive, note=lambda message: None):
    """Posts a prediction at the level of ASGI; returns the status."""
    sent = []

    async def send(message):
        note(message)
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/models/digits:predict",
        "raw_path": b"",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    return sent[0]["status"]


def _service(folder, **limits):
    repository = Repository(folder)
    repository.refresh()
    return server.Service(repository, server.Limits(**{"poll": 1000.0} | limits))


def test_a_body_without_an_end_is_not_read_to_its_end(samplers):
    reads = []

    async def receive():
        reads.append(0)
        assert len(reads) < 50
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    async def scenario():
        service = _service(samplers, max_body=10_000)
        app = server.create_app(service)
        async with service.running(app):
            return await _call(app, receive)

    assert asyncio.run(scenario()) == 413
    assert len(reads) == 11


def test_a_client_that_goes_away_gives_its_place_back(samplers):
    async def scenario():
        service = _service(samplers, max_queue=2)
        stuck = _Stuck(service.repository.find("digits"))
        service.repository.find = lambda *_: stuck
        app = server.create_app(service)
        body = json.dumps(BODY).encode()
        gone = asyncio.Event()

        def client(message):
            messages = iter([message])

            async def receive():
                found = next(messages, None)
                if found is None:
                    await gone.wait()
                    return {"type": "http.disconnect"}
                return found

            return asyncio.create_task(_call(app, receive))

        async with service.running(app):
            # Those that send a little and wait take no place.
            calls = [
                client({"type": "http.request", "body": body[:5], "more_body": True})
                for _ in range(3)
            ]
            await asyncio.sleep(0.01)
            assert service.batcher.queue_length == 0
            calls += [
                client({"type": "http.request", "body": body, "more_body": False}) for _ in range(2)
            ]
            while service.batcher.queue_length < 2 or not stuck.entered.is_set():
                await asyncio.sleep(0.01)
            gone.set()
            assert await asyncio.wait_for(asyncio.gather(*calls), 10) == [499] * 5
            assert service.batcher.queue_length == 0
            stuck.go_on.set()

    asyncio.run(scenario())


def test_bytes_of_large_bodies_that_do_not_come_are_counted(samplers, monkeypatch):
    # One of them and a half.
    monkeypatch.setattr(bodies, "MOST", 100_000)

    async def scenario():
        service = _service(samplers, max_body=100_000)
        app = server.create_app(service)
        part = {"type": "http.request", "body": b" " * (bodies.LARGE + 1), "more_body": True}
        slow = asyncio.Event()

        def client(message):
            messages = iter([message])

            async def receive():
                found = next(messages, None)
                if found is None:
                    slow.set()
                    await asyncio.sleep(1000)
                return found

            return asyncio.create_task(_call(app, receive))

        async with service.running(app):
            first = client(part)
            await slow.wait()
            assert await client(part) == 429
            whole = {"type": "http.request", "body": b"{}", "more_body": False}
            assert await client(whole) == 400
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            slow.clear()
            second = client(part)
            await slow.wait()  # The place was given back.
            second.cancel()

    asyncio.run(scenario())


def test_an_answer_goes_out_in_parts_and_has_a_place_until_the_last(samplers):
    body = json.dumps({"signature_name": "sample", "instances": list(range(40))}).encode()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])
    parts, places = [], []

    async def receive():
        return next(messages, None) or await asyncio.sleep(1000)

    async def scenario():
        service = _service(samplers)
        app = server.create_app(service)

        def note(message):
            places.append(service.batcher.queue_length)
            if message["type"] == "http.response.body":
                parts.append((message["body"], message["more_body"]))

        async with service.running(app):
            assert await _call(app, receive, note) == 200
            assert service.batcher.queue_length == 0

    asyncio.run(scenario())
    assert len(parts) > 1
    assert set(places) == {1}
    assert max(len(part) for part, _ in parts) == bodies.PART
    assert [more for _, more in parts] == [True] * (len(parts) - 1) + [False]
    assert len(json.loads(b"".join(part for part, _ in parts))["predictions"]) == 40


def test_a_check_in_the_graph_tells_what_it_expects(samplers, monkeypatch):
    # As if the protocol had let it pass.
    monkeypatch.setattr(rest, "_check_values", lambda *_: None)
    with serving(samplers) as running:
        for name, signature, inputs, right in (
            ("shapes", "sample", {"seeds": [1], "labels": [7]}, "labels must be from 0 to 2"),
            ("shapes", "sample", {"seeds": [1], "labels": [-1]}, "labels must be from 0 to 2"),
        ):
            answer = predict(running.client, {"signature_name": signature, "inputs": inputs}, name)
            assert (answer.status_code, answer.json()) == (400, {"error": right})
        latents = np.full((1, 2), np.nan, np.float32)
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            running.repository.find("digits").run("decode", {"latents": latents})
        assert server._refusal(caught.value) == "latents must be finite numbers"
