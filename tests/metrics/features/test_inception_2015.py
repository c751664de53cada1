"""The 2015 graph's path, on a stand-in, against a v1 Session that runs it as it is.

The Session still has the removed operation for graphs of version 8, so that it is a reference
for the batch normalization as well; it takes one picture at a time, as the graph demands.
"""

import hashlib
import io
import logging
import tarfile

import numpy as np
import pytest

from genkeras.metrics.features import FeatureError, create, inception_2015_file
from genkeras.metrics.features.inception_2015 import Inception2015
from tests.reference import inception_graph


@pytest.fixture(scope="module")
def graph():
    return inception_graph.graph_def()


@pytest.fixture(scope="module")
def path(graph, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "stand_in.pb"
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.fixture(scope="module")
def extractor(path):
    return create("inception_2015", inception_graph=path)


def _images(num_images, height, width, channels, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (num_images, height, width, channels)).astype(np.uint8)


@pytest.mark.parametrize(
    "shape", [(1, 28, 28, 3), (3, 45, 33, 3), (7, 28, 28, 1), (2, 320, 300, 3)]
)
def test_features_and_probabilities_are_those_of_a_session(graph, extractor, shape):
    images = _images(*shape)
    extraction = extractor(images)
    colour = np.concatenate([images] * 3, axis=3) if shape[3] == 1 else images
    features, probabilities = inception_graph.features_and_probabilities(graph, colour)
    assert extraction.features.dtype == extraction.probabilities.dtype == np.float32
    np.testing.assert_allclose(extraction.features, features, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(extraction.probabilities, probabilities, rtol=1e-4, atol=1e-7)
    # The stand-in tells pictures and features apart, else the above would show nothing.
    assert np.std(features, axis=1).min() > 1.0
    assert probabilities.max() > 0.1


def test_batches_do_not_matter(path):
    images = _images(7, 28, 28, 3)
    extractor = Inception2015(path)
    whole = extractor(images)
    extractor.batch_size = 3
    parts = extractor(images)
    np.testing.assert_allclose(parts.features, whole.features, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=1e-4)


def test_the_bias_of_the_graph_is_left_out(graph, extractor):
    images = _images(2, 28, 28, 3)
    (biased,) = inception_graph.session_run(graph, ["softmax:0"], images)
    biases = inception_graph.constant(graph, "softmax/biases")
    ours = extractor(images).probabilities
    # Putting the bias back gives the graph's own output.
    again = ours * np.exp(biases)
    np.testing.assert_allclose(again / again.sum(axis=1, keepdims=True), biased, rtol=1e-4)
    assert np.abs(ours - biased).max() > 0.01


def test_the_reference_meets_what_had_to_be_replaced(graph):
    operations = {node.op for node in graph.node}
    assert {"BatchNormWithGlobalNormalization", "Concat", "CheckNumerics"} <= operations
    assert graph.versions.producer == 8
    assert list(inception_graph.constant(graph, "pool_3/_reshape/shape")) == [1, 2048]
    scaled = {
        node.attr["scale_after_normalization"].b
        for node in graph.node
        if node.op == "BatchNormWithGlobalNormalization"
    }
    assert scaled == {True, False}


def test_only_the_published_file_is_called_2015(graph, path, tmp_path, monkeypatch, caplog):
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with caplog.at_level(logging.WARNING, "genkeras"):
        custom = Inception2015(path)
    assert (custom.kind, custom.tag) == ("inception", f"custom_{digest[:8]}")
    assert "not the published graph" in caplog.text

    with tarfile.open(tmp_path / "a.tgz", "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo(path.name)
        info.name, info.size = inception_2015_file.FILE_NAME, len(data)
        archive.addfile(info, io.BytesIO(data))
    monkeypatch.setattr(inception_2015_file, "URL", (tmp_path / "a.tgz").as_uri())
    monkeypatch.setattr(inception_2015_file, "SHA256", digest)
    monkeypatch.setattr(inception_2015_file, "NUM_BYTES", len(data))
    caplog.clear()
    downloaded = create("inception_2015", cache_dir=tmp_path / "cache")
    assert (downloaded.kind, downloaded.tag) == ("inception", "2015")
    assert not caplog.records
    images = _images(2, 28, 28, 1)
    np.testing.assert_array_equal(downloaded(images).features, custom(images).features)


def _renamed(graph):
    for node in graph.node:
        if node.name == "softmax/logits/MatMul":
            node.name = "logits"


def _writing(graph):
    for node in graph.node:
        if node.name == "Mul":
            node.op = "PyFunc"


def _without_weights(graph):
    for node in graph.node:
        if node.name == "softmax/logits/MatMul":
            node.input[1] = "conv/conv2d_params"


def _without_inputs(graph):
    for node in graph.node:
        if node.op in ("MatMul", "BiasAdd"):
            del node.input[:]


def _without_gamma(graph):
    for node in graph.node:
        if node.name == "conv/batchnorm":
            del node.input[4]


def _of_unknown_attribute(graph):
    for node in graph.node:
        if node.name == "pool_3":
            node.attr["padding"].s = b"NONE"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_renamed, "has no operation 'softmax/logits/MatMul'"),
        (_writing, "holds the operation 'PyFunc', which is not run"),
        (_without_weights, "cannot be imported"),
        (_without_inputs, "has no weights in 'softmax/logits/MatMul'"),
        (_without_gamma, "cannot be imported"),
        (_of_unknown_attribute, "cannot be imported"),
    ],
)
def test_other_graphs_are_refused(graph, tmp_path, change, words):
    other = type(graph)()
    other.CopyFrom(graph)
    change(other)
    path = tmp_path / "other.pb"
    path.write_bytes(other.SerializeToString())
    with pytest.raises(FeatureError, match=words) as caught:
        Inception2015(path)
    assert str(path) in str(caught.value)
    assert "Expected classify_image_graph_def.pb" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_files_are_refused(path, tmp_path):
    data = path.read_bytes()
    for number, broken in enumerate((data[: len(data) // 2], b"GIF89a" + data[:100], b"")):
        other = tmp_path / f"{number}.pb"
        other.write_bytes(broken)
        with pytest.raises(FeatureError, match=r"is broken|has no operation"):
            Inception2015(other)
    with pytest.raises(FeatureError, match=r"none\.pb cannot be read: No such file"):
        Inception2015(tmp_path / "none.pb")
    with pytest.raises(FeatureError, match="cannot be read: Is a directory"):
        Inception2015(tmp_path)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channel_counts_are_refused(extractor, channels):
    with pytest.raises(FeatureError, match="with 1 or 3 channels"):
        extractor(_images(2, 28, 28, channels))
