"""The server over a real socket: how it starts, what it needs, how it stops."""

import json
import os
import pathlib
import signal
import socket
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install '.[serve]'")

ROWS = {"signature_name": "sample", "instances": list(range(128))}


def post(address, body, name="digits"):
    request = urllib.request.Request(
        f"{address}/v1/models/{name}:predict", json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


# As where Keras was never installed.
WITHOUT_KERAS = """
import sys
from genkeras.serving import replay

replay.HIDDEN = ("keras", "tf_keras")
replay.hide()
from apps import serve

sys.exit(serve.main(sys.argv[1:]))
"""


def test_it_needs_no_keras_survives_clients_that_hang_up_and_stops_in_order(
    server_process, samplers
):
    server = server_process(
        f"--model_dir={samplers}", "--noexplorer", "--max_batch_size=1", code=WITHOUT_KERAS
    )
    port = int(server.address.rpartition(":")[2])
    head = b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    for sent in (b"", b"\0\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", head, head + b'{"inst'):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(sent)
    rows = post(server.address, {"signature_name": "sample", "instances": [1]})["predictions"]
    assert np.shape(rows[0]["images"]) == (12, 12, 1)
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(server.address, {"instances": [[1, 2, 3]]})
    assert caught.value.code == 400
    assert "a list of 3 where one of 2" in json.load(caught.value)["error"]

    # What has been asked is answered before it stops.
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(server.address, ROWS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    # All four are in, and 512 rows are computed one by one.
    for _ in range(2000):
        metrics = urllib.request.urlopen(server.address + "/metrics").read().decode()
        if "genkeras_queue_length 4" in metrics:
            break
    else:
        pytest.fail("The four requests were never here at once.")
    status, said = server.stop(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert status == 0
    assert "Stopping: what has been asked is answered first" in said
    assert said.rstrip().endswith("Stopped.")
    assert "Traceback" not in said
    assert [len(answer["predictions"]) for answer in answers] == [128] * 4
    assert "digits/1 is served." in said


def test_the_explorer_lets_no_request_name_a_file(server_process, samplers, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="needs gradio: pip install '.[explorer]'")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    server = server_process(f"--model_dir={samplers}", "--explorer")
    (folder,) = tmp_path.glob("genkeras-explorer-*")
    assert folder.stat().st_mode & 0o077 == 0
    assert b"genkeras" in urllib.request.urlopen(server.address).read()
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")

    def code(path, body=None):
        request = urllib.request.Request(
            server.address + path, body, {"Content-Type": "application/json"}
        )
        try:
            return urllib.request.urlopen(request, timeout=20).status
        except urllib.error.HTTPError as error:
            return error.code

    for path in (f"/gradio_api/file={secret}", f"/file={secret}", "/gradio_api/proxy=http://x/"):
        assert code(path) == 404, path
    for path, methods in (("/healthz", {"GET", "HEAD"}), ("/v1/models/digits", {"GET", "HEAD"})):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server.address + path, b"{}", timeout=20)
        assert set(caught.value.headers["Allow"].split(", ")) == methods
    for path in ("/healthz", "/metrics"):
        assert (code(path), code(path, b"{}"), code(path + "x")) == (200, 405, 404), path
    for path in ("/gradio_api/upload", "/gradio_api/queue/join", "/login", "/gradio_api/vibe-edit"):
        assert code(path, b"{}") == 404, path
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    for value in (file, [file], {"a": file}):
        body = json.dumps({"data": ["digits", value], "fn_index": 0, "session_hash": "x"})
        assert code("/gradio_api/run/predict", body.encode()) == 400
    body = json.dumps({"data": ["digits"], "fn_index": 0, "session_hash": "x"}).encode()
    assert code("/gradio_api/run/predict", body) == 200
    # As of a page from before a restart, and values that no page sends: told without a traceback.
    with urllib.request.urlopen(server.address + "/config") as answer:
        functions = {found["id"]: found["inputs"] for found in json.load(answer)["dependencies"]}
    assert len(functions) > 10
    for number, inputs in functions.items():
        values = ["digits", *[-5] * (len(inputs) - 1)]
        body = json.dumps({"data": values, "fn_index": number, "session_hash": "y"})
        right = 500 if len(inputs) > 1 else 200
        assert code("/gradio_api/run/predict", body.encode()) == right, number
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    # An open page does not hold it up.
    with urllib.request.urlopen(server.address + "/gradio_api/heartbeat/abc"):
        status, said = server.stop(signal.SIGINT)
    assert (status, said.rstrip().rpartition("\n")[2]) == (0, "Stopped.")
    assert "Traceback" not in said
    assert not folder.exists()
    assert os.listdir(tmp_path) == [pathlib.Path(secret).name]
