"""The protocol, without a server: TensorFlow Serving's documented forms, and what is refused."""

import base64
import json
import types

import numpy as np
import pytest

from genkeras.serving import rest
from genkeras.serving.sampler import Signature, TensorFacts
from genkeras.serving.tensor_json import RequestError

LATENTS = TensorFacts(np.dtype("float32"), (2,))
INTEGERS = TensorFacts(np.dtype("int64"), ())
IMAGES = TensorFacts(np.dtype("uint8"), (2, 1, 1))
FLOATS = TensorFacts(np.dtype("float32"), (2, 1, 1))
BYTES = TensorFacts(np.dtype("object"), ())
SAMPLER = types.SimpleNamespace(
    signatures={
        "serving_default": Signature(
            {"latents": LATENTS, "labels": INTEGERS}, {"images": IMAGES, "images_float": FLOATS}
        ),
        "sample": Signature({"seeds": INTEGERS}, {"images": IMAGES}),
        "encode": Signature({"images": IMAGES}, {"latents": LATENTS}),
        "decode_text": Signature({"texts": BYTES}, {"latents": LATENTS}),
    },
    facts={"classes": ["circle", "square", "star"]},
)


def parse(body, max_rows=4):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return rest.parse(content, SAMPLER, max_rows)


def refused(body, status=400):
    with pytest.raises(RequestError) as caught:
        parse(body)
    assert caught.value.status == status
    return str(caught.value)


def test_addresses():
    for path, right in (
        ("/v1/models/digits", ("digits", None, "status")),
        ("/v1/models/digits/versions/7", ("digits", 7, "status")),
        ("/v1/models/digits/metadata", ("digits", None, "metadata")),
        ("/v1/models/digits/versions/7/metadata", ("digits", 7, "metadata")),
    ):
        assert rest.route("GET", path) == rest.Route(*right)
    for path, version in (("", None), ("/versions/12", 12)):
        found = rest.route("POST", f"/v1/models/a.b-c{path}:predict")
        assert found == rest.Route("a.b-c", version, "predict")
    for method, path, status in (
        ("GET", "/v1/models", 400),
        ("GET", "/v1/models/a/b", 400),
        ("GET", "/v1/models/../x", 400),
        ("POST", "/v1/models/a:classify", 400),
        ("GET", "/v1/models/a/versions/latest", 400),
        ("GET", f"/v1/models/a/versions/{'9' * 30}", 400),
        ("GET", "/v1/models/a:predict", 405),
        ("POST", "/v1/models/a", 405),
    ):
        with pytest.raises(RequestError) as caught:
            rest.route(method, path)
        assert caught.value.status == status, path


def test_another_method_is_told_which_there_are():
    for method, path, allowed in (
        ("GET", "/v1/models/a:predict", "POST"),
        ("POST", "/v1/models/a/metadata", "GET, HEAD"),
    ):
        with pytest.raises(RequestError) as caught:
            rest.route(method, path)
        assert caught.value.headers == {"Allow": allowed}


def test_names_that_an_address_can_have():
    for name in ("digits", "a.b-c", "two words", "größe", "a%3Ab", "versions"):
        assert rest.is_name(name), name
    for name in ("a:b", "a:predict", ":", "\udcff"):
        assert not rest.is_name(name), name


def test_rows_and_columns_are_the_same_request():
    rows = parse(
        {"instances": [{"latents": [0.5, 1], "labels": 2}, {"latents": [-1, 3e2], "labels": 0}]}
    )
    columns = parse({"inputs": {"latents": [[0.5, 1], [-1, 300]], "labels": [2, 0]}})
    for request, by_rows in ((rows, True), (columns, False)):
        assert (request.signature, request.rows) == ("serving_default", 2)
        assert request.by_rows is by_rows
        np.testing.assert_array_equal(
            request.inputs["latents"], np.array([[0.5, 1], [-1, 300]], np.float32)
        )
        np.testing.assert_array_equal(request.inputs["labels"], [2, 0])
        assert [str(request.inputs[name].dtype) for name in ("latents", "labels")] == [
            "float32",
            "int64",
        ]


def test_a_single_input_needs_no_name():
    for body in (
        {"instances": [5, 2**63 - 1]},
        {"instances": [{"seeds": 5}, {"seeds": 2**63 - 1}]},
        {"inputs": [5, 2**63 - 1]},
        {"inputs": {"seeds": [5, 2**63 - 1]}},
    ):
        request = parse({"signature_name": "sample"} | body)
        assert request.inputs["seeds"].tolist() == [5, 2**63 - 1]
    image = [[[0]], [[255]]]
    request = parse({"signature_name": "encode", "instances": [image]})
    np.testing.assert_array_equal(request.inputs["images"], np.array([image], np.uint8))


def test_bytes_come_as_text_or_as_b64():
    body = {"instances": ["ä", {"b64": base64.b64encode(b"\xff\0").decode()}]}
    request = parse({"signature_name": "decode_text"} | body)
    assert request.inputs["texts"].tolist() == ["ä".encode(), b"\xff\0"]
    for wrong in (3, {"b64": "???"}, {"b64": 3}, {"b65": ""}, None):
        assert "texts" in refused({"signature_name": "decode_text", "inputs": [wrong]})


LATENT_ROW = {"latents": [0, 0], "labels": 0}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error"),
        (b'{"instances": [1', "JSON Parse error"),
        (b'{"instances": ["\xff"]}', "JSON Parse error"),
        (b"[" * 1500, "JSON Parse error"),
        (b'{"inputs": [NaN]}', "JSON Parse error"),
        (b'{"inputs": [1e999]}', "JSON Parse error"),
        ([1], "expected a JSON object"),
        ({}, 'expected "instances" (rows) or "inputs" (columns)'),
        ({"instances": [1], "inputs": [1]}, "and not both"),
        ({"instances": [1], "path": "/etc"}, "unknown key 'path': expected inputs, instances"),
        ({"instances": [1], "signature_name": "classify"}, "'classify' not found: .* decode_text"),
        ({"instances": [1], "signature_name": 3}, "an integer not found"),
        ({"instances": {"seeds": [1]}}, '"instances" is an object: expected a list of rows'),
        ({"instances": []}, "at least one row"),
        ({"instances": [LATENT_ROW, 3]}, "instance 1 is an integer: expected an object"),
        (
            {"instances": [{"latents": [0, 0]}]},
            "instance 0 has 'latents': expected latents, labels",
        ),
        ({"inputs": {}}, '"inputs" has no names: expected latents, labels'),
        ({"inputs": [1]}, '"inputs" is a list: expected an object with latents, labels'),
        ({"inputs": {"latents": [[0, 0]], "labels": 0}}, "labels is an integer: expected a list"),
        ({"inputs": {"latents": [[0, 0]], "labels": [0, 1]}}, "latents 1, labels 2"),
        ({"instances": [LATENT_ROW | {"latents": [0]}]}, "a list of 1 where one of 2"),
        ({"instances": [LATENT_ROW | {"latents": 0}]}, "an integer where a list of 2"),
        ({"instances": [LATENT_ROW | {"latents": [[0], [0]]}]}, "holds a list: expected numbers"),
        ({"instances": [LATENT_ROW | {"latents": [0, True]}]}, "true or false: expected numbers"),
        ({"instances": [LATENT_ROW | {"latents": [0, "1"]}]}, "a text: expected numbers"),
        ({"instances": [LATENT_ROW | {"latents": [0, None]}]}, "null: expected numbers"),
        ({"instances": [LATENT_ROW | {"latents": [0, 1e39]}]}, "too large for float32"),
        ({"instances": [LATENT_ROW | {"labels": 3}]}, "labels holds 3: expected 0 to 2"),
        ({"instances": [LATENT_ROW | {"labels": -1}]}, "labels holds -1: expected 0 to 2"),
        ({"instances": [LATENT_ROW | {"labels": 1.0}]}, "a number with a point: expected integers"),
        ({"instances": [LATENT_ROW | {"labels": 2**63}]}, "out of range"),
        ({"signature_name": "sample", "inputs": [10**30]}, "out of range"),
        ({"signature_name": "encode", "inputs": [[[[0]], [[256]]]]}, "expected 0 to 255"),
        ({"signature_name": "encode", "inputs": [[[[0]], [[-1]]]]}, "expected 0 to 255"),
        ({"signature_name": "encode", "inputs": [{"b64": "aaaa"}]}, "an object where a list of 2"),
    ],
)
def test_what_is_no_request_is_told(body, message):
    import re

    found = refused(body)
    assert re.search(message.replace("(", r"\(").replace(")", r"\)"), found), found


def test_too_many_rows_are_refused_before_they_are_converted():
    assert "5 rows are more than 4" in refused({"instances": [LATENT_ROW] * 5}, 413)
    assert "5 rows are more than 4" in refused(
        {"signature_name": "sample", "inputs": ["x"] * 5}, 413
    )


def answer(outputs, by_rows):
    prediction = rest.Prediction("sample", {}, 2, by_rows)
    return json.loads(rest.answer(prediction, outputs))


def test_answers_have_the_documented_shapes():
    images = np.arange(4, dtype=np.uint8).reshape(2, 2)
    latents = np.array([[0.1], [-2]], np.float32)
    assert answer({"images": images}, True) == {"predictions": [[0, 1], [2, 3]]}
    assert answer({"images": images}, False) == {"outputs": [[0, 1], [2, 3]]}
    both = {"images": images, "latents": latents}
    assert answer(both, True) == {
        "predictions": [
            {"images": [0, 1], "latents": [0.1]},
            {"images": [2, 3], "latents": [-2.0]},
        ]
    }
    assert answer(both, False) == {
        "outputs": {"images": [[0, 1], [2, 3]], "latents": [[0.1], [-2.0]]}
    }
    files = np.array([b"\x89PNG", b"\0"], object)
    encoded = [{"b64": base64.b64encode(file).decode()} for file in files]
    assert answer({"image_bytes": files}, True) == {"predictions": encoded}


def test_what_is_not_finite_is_no_answer():
    for value in (np.nan, np.inf):
        with pytest.raises(RequestError, match="images_float is not finite for these inputs"):
            answer({"images_float": np.array([0.0, value])}, True)


def test_states_of_versions():
    states = rest.status([3], {4: "it is damaged"})["model_version_status"]
    assert [(s["version"], s["state"], s["status"]["error_code"]) for s in states] == [
        ("4", "END", "UNKNOWN"),
        ("3", "AVAILABLE", "OK"),
    ]
    assert states[0]["status"]["error_message"] == "it is damaged"


def test_more_lists_than_a_request_can_need_are_not_parsed(monkeypatch):
    # A row of `encode`: an object and 1 + 2 + 2 lists, for four rows.
    images = [{"images": [[[1]], [[2]]]}] * 4
    assert parse({"signature_name": "encode", "instances": images}).rows == 4
    body = b'{"instances": [' + b"[]," * 3000 + b"[]]}"
    monkeypatch.setattr(rest.orjson, "loads", lambda _: pytest.fail("It was parsed."))
    assert "3003 lists and objects are more than any request needs" in refused(body, 413)


def test_integers_beyond_64_bits_are_told_as_such():
    for number in (2**63, 2**64, 10**30, -(10**30)):
        body = {"signature_name": "sample", "instances": [number]}
        assert "seeds holds a number out of range: expected -9223" in refused(body)
    assert "a number with a point" in refused({"signature_name": "sample", "instances": [1.0]})
