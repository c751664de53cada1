"""Warm-up requests, byte for byte as TensorFlow Serving has them."""

import numpy as np
import pytest
import tensorflow as tf

from genkeras.serving import prediction_log

REQUESTS = [
    ("sample", {"seeds": np.array([1, 2**62]), "labels": np.array([0, 3])}),
    ("decode", {"latents": np.array([[0.5, -1.0]], np.float32)}),
    ("encode", {"images": np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)}),
]


def _assert_equal(found):
    assert [name for name, _ in found] == [name for name, _ in REQUESTS]
    for (_, inputs), (_, right) in zip(found, REQUESTS, strict=True):
        assert inputs.keys() == right.keys()
        for key, value in inputs.items():
            assert np.asarray(value).dtype == right[key].dtype
            np.testing.assert_array_equal(value, right[key])


def test_what_was_written_is_read(tmp_path):
    prediction_log.write(tmp_path / "log", "my_model", REQUESTS)
    _assert_equal(prediction_log.read(tmp_path / "log"))


def test_the_bytes_are_those_of_the_published_messages(tmp_path):
    prediction_log.write(tmp_path / "log", "m", REQUESTS[1:2])
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "log")).as_numpy_iterator()

    def field(number, content):
        # Protocol buffers: a length-delimited field has wire type 2; all lengths are below 128.
        assert len(content) < 128
        return bytes([number << 3 | 2, len(content)]) + content

    tensor = tf.make_tensor_proto(REQUESTS[1][1]["latents"]).SerializeToString()
    # ModelSpec: name = 1, signature_name = 3. PredictRequest: model_spec = 1, inputs = 2.
    request = field(1, field(1, b"m") + field(3, b"decode"))
    request += field(2, field(1, b"latents") + field(2, tensor))
    # PredictLog: request = 1. PredictionLog: predict_log = 6.
    assert record == field(6, field(1, request))


def test_the_serving_api_reads_them(tmp_path):
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    prediction_log.write(tmp_path / "log", "my_model", REQUESTS)
    found = []
    for record in tf.data.TFRecordDataset(str(tmp_path / "log")).as_numpy_iterator():
        log = PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "my_model"
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        found.append((request.model_spec.signature_name, inputs))
    _assert_equal(found)
