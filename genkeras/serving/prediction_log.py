"""Requests as TensorFlow Serving logs and replays them: TFRecords of `PredictionLog`s.

The few messages of `tensorflow_serving/apis/*.proto` that matter are declared here with the
same field numbers, so the files are the same and `tensorflow-serving-api` is not needed.
This module needs nothing but TensorFlow: `replay.py` loads it by its path.
"""

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "genkeras.serving"
_TENSOR_PROTO = "tensorflow/core/framework/tensor.proto"
_FIELD = descriptor_pb2.FieldDescriptorProto
# Message -> field -> (number, type, whether repeated); all other fields stay unset.
_MESSAGES = {
    "ModelSpec": {"name": (1, "string", False), "signature_name": (3, "string", False)},
    # What the wire has of a map<string, TensorProto>.
    "Input": {"key": (1, "string", False), "value": (2, "tensorflow.TensorProto", False)},
    "PredictRequest": {
        "model_spec": (1, f"{_PACKAGE}.ModelSpec", False),
        "inputs": (2, f"{_PACKAGE}.Input", True),
    },
    "PredictLog": {"request": (1, f"{_PACKAGE}.PredictRequest", False)},
    "PredictionLog": {"predict_log": (6, f"{_PACKAGE}.PredictLog", False)},
}


def write(path, name, requests):
    """Writes requests.

    Args:
        path: String. The file to make.
        name: String. The model's name on the server.
        requests: List of pairs: a signature's name, and a dict of its inputs, arrays.
    """
    message = _message_class()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            log = message()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, array in inputs.items():
                request.inputs.add(key=key, value=tf.make_tensor_proto(array))
            writer.write(log.SerializeToString())


def read(path):
    """Returns the list of pairs that `write` was called with, inputs as tensors."""
    message, requests = _message_class(), []
    for record in tf.data.TFRecordDataset(str(path)):
        request = message.FromString(record.numpy()).predict_log.request
        inputs = {item.key: tf.constant(tf.make_ndarray(item.value)) for item in request.inputs}
        requests.append((request.model_spec.signature_name, inputs))
    return requests


def _message_class():
    """Returns the class of `PredictionLog` messages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="genkeras/serving/prediction_log.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[_TENSOR_PROTO],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            added = message.field.add(name=field, number=number)
            added.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            added.type = _FIELD.TYPE_STRING if kind == "string" else _FIELD.TYPE_MESSAGE
            if kind != "string":
                added.type_name = f".{kind}"
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog"))
