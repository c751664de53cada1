"""The published graph's file: cached, checked, and refused in plain words."""

import errno
import hashlib
import http.server
import io
import logging
import os
import pathlib
import tarfile
import threading

import numpy as np
import pytest

from genkeras.metrics.features import FeatureError
from genkeras.metrics.features import inception_2015_file as graph_file

NAME = "classify_image_graph_def.pb"
GRAPH = np.random.default_rng(0).bytes(200_000)


def _archive(*members):
    """A .tgz of (name, bytes) pairs; `None` for bytes makes a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def serve(monkeypatch):
    """Function that serves an answer at the archive's address, and counts requests."""
    servers = []

    def start(body, status=200, length=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests += 1
                if body is None:
                    hang.wait()
                    return
                if status is None:
                    self.wfile.write(body)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        hang = threading.Event()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.requests, server.hang = 0, hang
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_port}/inception.tgz"
        monkeypatch.setattr(graph_file, "URL", address)
        return server

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(graph_file, "SHA256", hashlib.sha256(GRAPH).hexdigest())
    monkeypatch.setattr(graph_file, "NUM_BYTES", len(GRAPH))
    yield start
    for server in servers:
        server.hang.set()
        server.shutdown()
        server.server_close()


def _refusal(cache):
    with pytest.raises(FeatureError) as caught:
        graph_file.published_graph(cache)
    assert not list(cache.rglob("*.tmp"))
    return str(caught.value)


def test_the_graph_is_downloaded_once_and_kept(serve, tmp_path):
    server = serve(_archive(("LICENSE", b"x" * 3000), (f"./{NAME}", GRAPH), ("panda.jpg", b"y")))
    assert graph_file.published_graph(tmp_path) == GRAPH
    assert graph_file.published_graph(tmp_path) == GRAPH
    assert server.requests == 1
    assert [path.name for path in (tmp_path / "features").iterdir()] == [NAME]


def test_the_cache_is_where_the_environment_says(serve, tmp_path, monkeypatch):
    serve(_archive((NAME, GRAPH)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    graph_file.published_graph()
    assert (tmp_path / "xdg/genkeras/features" / NAME).read_bytes() == GRAPH
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(pathlib.Path, "home", lambda: tmp_path)
    graph_file.published_graph()
    assert (tmp_path / ".cache/genkeras/features" / NAME).read_bytes() == GRAPH


def test_a_file_put_there_by_hand_needs_no_network(serve, tmp_path):
    server = serve(b"")
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / NAME).write_bytes(GRAPH)
    assert graph_file.published_graph(tmp_path) == GRAPH
    assert server.requests == 0


def test_a_damaged_file_is_downloaded_again(serve, tmp_path, caplog):
    serve(_archive((NAME, GRAPH)))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / NAME).write_bytes(GRAPH[:-1] + b"!")
    with caplog.at_level(logging.WARNING, "genkeras"):
        assert graph_file.published_graph(tmp_path) == GRAPH
    assert "not the published graph" in caplog.text


def test_another_file_in_the_archive_is_refused_and_nothing_is_left(serve, tmp_path):
    other = bytes(len(GRAPH))
    serve(_archive((NAME, other)))
    message = _refusal(tmp_path)
    assert hashlib.sha256(other).hexdigest() in message
    assert graph_file.SHA256 in message
    assert not (tmp_path / "features" / NAME).exists()


def test_a_member_of_another_size_is_not_even_read(serve, tmp_path):
    serve(_archive((NAME, GRAPH + b"!")))
    assert "200,001 bytes, not 200,000" in _refusal(tmp_path)


def test_an_archive_without_the_graph_is_refused(serve, tmp_path):
    serve(_archive(("LICENSE", b"x"), (f"{NAME}.txt", GRAPH), (NAME, None)))
    assert f"no file {NAME}" in _refusal(tmp_path)


def test_a_member_that_points_elsewhere_writes_only_the_cache(serve, tmp_path):
    serve(_archive((f"../../{NAME}", GRAPH)))
    cache = tmp_path / "a" / "b" / "c"
    graph_file.published_graph(cache)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [cache / "features" / NAME]


@pytest.mark.parametrize(
    ("body", "status", "length"),
    [
        (_archive((NAME, GRAPH))[:100_000], 200, None),
        # The connection ends before all that was announced has come.
        (_archive((NAME, GRAPH))[:100_000], 200, 200_000),
        (b"<html>not an archive</html>", 200, None),
        (b"", 200, None),
        (b"gone", 404, None),
        (b"no HTTP at all\r\n\r\n", None, None),
        (None, 200, None),
    ],
    ids=["cut", "broken off", "page", "empty", "404", "no http", "silence"],
)
def test_a_failed_download_says_what_to_do(serve, tmp_path, monkeypatch, body, status, length):
    monkeypatch.setattr(graph_file, "TIMEOUT_SECONDS", 0.5)
    serve(body, status, length)
    message = _refusal(tmp_path)
    assert "cannot be downloaded" in message
    for part in (graph_file.URL, NAME, str(tmp_path / "features"), "--inception_graph=FILE"):
        assert part in message
    assert "--features=keras_inception" in message
    assert "\n" not in message


def test_no_network(serve, tmp_path):
    server = serve(b"")
    server.shutdown()
    server.server_close()
    assert "Connection refused" in _refusal(tmp_path)


def test_a_cache_that_cannot_be_written(serve, tmp_path):
    server = serve(_archive((NAME, GRAPH)))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FeatureError, match=r"cannot be stored in .*--cache_dir"):
        graph_file.published_graph(tmp_path / "file")
    assert server.requests == 0


def test_a_disk_that_is_full_at_the_end(serve, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    serve(_archive((NAME, GRAPH)))
    monkeypatch.setattr(os, "fsync", full)
    assert "cannot be stored in" in (message := _refusal(tmp_path))
    assert "No space left on device. Name a folder with room with --cache_dir." in message


def test_the_pinned_checksum_has_the_form_of_one():
    # The file itself is not at hand: this guards against a slip of the keyboard.
    assert len(bytes.fromhex(graph_file.SHA256)) == 32
