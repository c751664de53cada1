"""TensorFlow Serving's REST protocol, as functions of bytes: what is asked, what is answered.

Reference:
    [RESTful API](https://www.tensorflow.org/tfx/serving/api_rest) of TensorFlow Serving.
"""

import base64
import dataclasses
import math
import re

import numpy as np
import orjson

from genkeras.serving import tensor_json
from genkeras.serving.tensor_json import RequestError

DEFAULT_SIGNATURE = "serving_default"
_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]{1,19}))?"
    r"(?P<what>/metadata|:predict)?"
)
_KEYS = {"signature_name", "instances", "inputs"}
# Those around the rows, and some for requests that are wrong: they shall be told in what.
_BRACKETS_AROUND = 2000


@dataclasses.dataclass(frozen=True)
class Route:
    """What an address names.

    Args:
        name: String. The model.
        version: Integer, or `None` for the newest.
        what: `"status"`, `"metadata"` or `"predict"`.
    """

    name: str
    version: int | None
    what: str


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A request that a sampler can answer.

    Args:
        signature: String.
        inputs: Dict of arrays, all with the same number of rows.
        rows: Integer.
        by_rows: Boolean. Whether it came, and is answered, in row form.
    """

    signature: str
    inputs: dict
    rows: int
    by_rows: bool


def route(method, path):
    """Reads an address.

    Args:
        method: String, such as `"GET"`.
        path: String, percent-decoded.

    Returns:
        `Route`.

    Raises:
        RequestError: 400 if there is no such address, 405 if it takes another method.
    """
    found = _PATH.fullmatch(path)
    if not found:
        raise RequestError(
            f"Malformed request: {method} {path[:200]}: expected /v1/models/NAME, "
            "/v1/models/NAME/metadata or /v1/models/NAME:predict, with or without /versions/N "
            "after NAME",
        )
    what = (found["what"] or "/status")[1:]
    right = ("POST",) if what == "predict" else ("GET", "HEAD")
    if method not in right:
        # RFC 9110, 15.5.6: the answer must name the methods.
        allow = {"Allow": ", ".join(right)}
        raise RequestError(f"{method} {path[:200]}: use {right[0]}", 405, allow)
    return Route(found["name"], found["version"] and int(found["version"]), what)


def is_name(name):
    """Tells whether an address can name a sampler so; the name of a folder may be any bytes."""
    found = _PATH.fullmatch(f"/v1/models/{name}")
    return found is not None and found["name"] == name and not re.search(r"[\ud800-\udfff]", name)


def parse(body, sampler, max_rows):
    """Reads the body of a prediction.

    Args:
        body: Bytes.
        sampler: `Sampler`, of which only `signatures` and `facts` are read.
        max_rows: Integer. Requests with more rows are refused.

    Returns:
        `Prediction`.

    Raises:
        RequestError: If it is not one; the message says what was expected.
    """
    brackets = body.count(b"[") + body.count(b"{")
    # The parser does not let other threads run, and needs seconds for millions of empty lists.
    if brackets > max_rows * _most_brackets(sampler.signatures) + _BRACKETS_AROUND:
        raise RequestError(f"{brackets} lists and objects are more than any request needs", 413)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"JSON Parse error: {error}") from error
    if not isinstance(content, dict):
        raise RequestError('expected a JSON object: {"instances": [...]} or {"inputs": ...}')
    unknown = sorted(content.keys() - _KEYS)
    if unknown:
        raise RequestError(f"unknown key {_short(unknown[0])}: expected {', '.join(sorted(_KEYS))}")
    if ("instances" in content) == ("inputs" in content):
        raise RequestError('expected "instances" (rows) or "inputs" (columns), and not both')
    name = content.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(name, str) or name not in sampler.signatures:
        raise RequestError(
            f'Serving signature name: {_short(name)} not found: "signature_name" is one of '
            f"{', '.join(sorted(sampler.signatures))}"
        )
    specs = sampler.signatures[name].inputs
    by_rows = "instances" in content
    read = _columns if by_rows else _named
    columns = read(content["instances" if by_rows else "inputs"], specs)
    counts = {key: len(column) for key, column in columns.items()}
    rows = next(iter(counts.values()))
    if len(set(counts.values())) > 1:
        raise RequestError(f"the inputs have different numbers of rows: {_pairs(counts)}")
    if rows == 0:
        raise RequestError("expected at least one row")
    if rows > max_rows:
        raise RequestError(f"{rows} rows are more than {max_rows}, the most of one request", 413)
    inputs = {key: tensor_json.to_array(key, columns[key], specs[key]) for key in specs}
    _check_values(inputs, sampler.facts)
    return Prediction(name, inputs, rows, by_rows)


def answer(prediction, outputs):
    """Writes the answer to a prediction.

    Args:
        prediction: `Prediction`.
        outputs: Dict of arrays, one row for each of the request's.

    Returns:
        Bytes of a JSON text.

    Raises:
        RequestError: If a number is not finite.
    """
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RequestError(
                f"the output {name} is not finite for these inputs: they are too large"
            )
    columns = {
        name: _encoded(array) if array.dtype == object else array for name, array in outputs.items()
    }
    (first, *others) = columns.values()
    if not prediction.by_rows:
        content = {"outputs": columns if others else first}
    elif others:
        rows = range(prediction.rows)
        content = {
            "predictions": [{k: column[row] for k, column in columns.items()} for row in rows]
        }
    else:
        content = {"predictions": first}
    return to_json(content)


def to_json(content):
    """Returns the bytes of a JSON text; arrays are lists."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def status(versions, refused):
    """Returns the content of a model's status.

    Args:
        versions: Iterable of versions that are ready.
        refused: Dict of the others to the reasons why they are not.
    """
    states = dict.fromkeys(versions, ("AVAILABLE", "OK", "")) | {
        version: ("END", "UNKNOWN", reason) for version, reason in refused.items()
    }
    return {
        "model_version_status": [
            {
                "version": str(version),
                "state": state,
                "status": {"error_code": code, "error_message": message},
            }
            for version, (state, code, message) in sorted(states.items(), reverse=True)
        ]
    }


def metadata(sampler):
    """Returns the content of a sampler's metadata."""
    return {
        "model_spec": {
            "name": sampler.name,
            "signature_name": "",
            "version": str(sampler.version),
        },
        "metadata": {"signature_def": {"signature_def": sampler.signature_defs}},
    }


def _most_brackets(signatures):
    """Returns how many lists and objects one row can need, of any signature."""
    return max(
        1 + sum(_lists(spec.shape) + math.prod(spec.shape) * (spec.dtype == object) for spec in s)
        for s in (signature.inputs.values() for signature in signatures.values())
    )


def _lists(shape):
    return sum(math.prod(shape[:axis]) for axis in range(len(shape)))


def _columns(instances, specs):
    """Turns rows into columns."""
    if not isinstance(instances, list):
        raise RequestError(f'"instances" is {_kind(instances)}: expected a list of rows')
    if len(specs) == 1:
        ((name, spec),) = specs.items()
        if not any(_is_named(row, spec) for row in instances):
            return {name: instances}
    for number, row in enumerate(instances):
        if not isinstance(row, dict):
            raise RequestError(
                f"instance {number} is {_kind(row)}: expected an object with {', '.join(specs)}"
            )
        if row.keys() != specs.keys():
            raise RequestError(f"instance {number} has {_names(row)}: expected {', '.join(specs)}")
    return {name: [row[name] for row in instances] for name in specs}


def _named(inputs, specs):
    """Returns a dict of columns; that of a single input may come without its name."""
    if isinstance(inputs, dict):
        if inputs.keys() != specs.keys():
            raise RequestError(f'"inputs" has {_names(inputs)}: expected {", ".join(specs)}')
    elif len(specs) == 1:
        inputs = {next(iter(specs)): inputs}
    else:
        raise RequestError(
            f'"inputs" is {_kind(inputs)}: expected an object with {", ".join(specs)}'
        )
    for name, column in inputs.items():
        if not isinstance(column, list):
            raise RequestError(f"{name} is {_kind(column)}: expected a list of rows")
    return inputs


def _is_named(row, spec):
    """Tells `{"seeds": 3}` from the value itself, which for bytes is an object too."""
    return isinstance(row, dict) and not (spec.dtype == object and row.keys() == {"b64"})


def _check_values(inputs, facts):
    """Refuses what would fail in the graph, with the requests of others in its batch."""
    if "labels" in inputs and facts["classes"] is not None:
        last, labels = len(facts["classes"]) - 1, inputs["labels"]
        wrong = labels[(labels < 0) | (labels > last)]
        if wrong.size:
            raise RequestError(f"labels holds {wrong[0]}: expected 0 to {last}")


def _encoded(array):
    # The protocol marks bytes by the output's name; all of ours end in `_bytes`.
    return [{"b64": base64.b64encode(value).decode()} for value in array]


def _pairs(counts):
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _names(keys):
    if len(keys) > 8:
        return f"{len(keys)} names"
    return ", ".join(map(_short, keys)) or "no names"


def _short(value):
    text = repr(value) if isinstance(value, str) else _kind(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value):
    return tensor_json.KINDS.get(type(value), "something else")
