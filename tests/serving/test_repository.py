"""Which versions are served, and which SavedModels are run at all."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.trackable.resource import CapturableResource

from genkeras.serving import graph_check, versions
from genkeras.serving.repository import Repository
from genkeras.serving.sampler import Sampler, SamplerError
from genkeras.training.errors import RunError


class Loaded:
    def __init__(self, path, name, version):
        content = (path / "saved_model.pb").read_text()
        if content == "damaged":
            raise SamplerError("it is damaged")
        self.name, self.version, self.content = name, version, content


def write(folder, content="fine"):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)


def served(repository):
    repository.refresh()
    return {name: repository.find(name).version for name in repository.names}


def test_the_newest_version_that_loads_is_served(tmp_path, caplog):
    for version in ("2", "10"):
        write(tmp_path / "a" / version)
    write(tmp_path / "b/1", "damaged")
    (tmp_path / "a_onnx/1").mkdir(parents=True)
    (tmp_path / "a/.7.tmp").mkdir()
    repository = Repository(tmp_path, Loaded)
    assert repository.names == ()
    assert served(repository) == {"a": 10}
    old = repository.find("a")
    assert repository.find("a", 10) is old
    assert repository.find("a", 2) is None
    assert repository.find("b") is None

    caplog.clear()
    write(tmp_path / "a/11", "damaged")
    assert served(repository) == {"a": 10}
    assert repository.find("a") is old
    assert repository.refused("a") == {11: "it is damaged"}
    assert caplog.messages == ["a/11 is not served: it is damaged."]
    served(repository)
    assert len(caplog.messages) == 1  # Told once.

    write(tmp_path / "a/12")
    assert served(repository) == {"a": 12}
    # What has been asked of the old one is answered.
    assert (old.version, old.content) == (10, "fine")
    shutil.rmtree(tmp_path / "a/12")
    assert served(repository) == {"a": 10}
    # A damaged version is tried again when it is mended.
    shutil.rmtree(tmp_path / "a/11")
    write(tmp_path / "a/11")
    assert served(repository) == {"a": 11}
    assert repository.refused("a") == {}
    shutil.rmtree(tmp_path / "a")
    assert served(repository) == {}


def test_what_cannot_be_read_is_told_once_and_stops_nothing(tmp_path, caplog, monkeypatch):
    folder = tmp_path / "served"
    for name in ("a/1", "b/1", "lost+found/1"):
        write(folder / name)
    repository = Repository(folder, Loaded)
    locked, find = {"lost+found"}, versions.find

    def find_unless_locked(path):
        if path.name in locked:
            raise PermissionError(13, "Permission denied", str(path))
        return find(path)

    monkeypatch.setattr(versions, "find", find_unless_locked)
    for _ in range(2):
        assert served(repository) == {"a": 1, "b": 1}
    assert caplog.messages == [f"{folder / 'lost+found'} cannot be read: Permission denied."]

    # What is loaded is served on.
    locked.add("b")
    write(folder / "a/2")
    assert served(repository) == {"a": 2, "b": 1}
    caplog.clear()
    folder.rename(tmp_path / "away")
    for _ in range(2):
        assert served(repository) == {"a": 2, "b": 1}
    assert caplog.messages == [f"{folder} cannot be read: No such file or directory."]
    (tmp_path / "away").rename(folder)
    write(folder / "a/3")
    assert served(repository) == {"a": 3, "b": 1}


def test_a_name_that_nobody_could_ask_for_is_told_once_and_not_served(tmp_path, caplog):
    for name in ("a/1", "a:b/1", "a:predict/1"):
        write(tmp_path / name)
    repository = Repository(tmp_path, Loaded)
    for _ in range(2):
        assert served(repository) == {"a": 1}
    told = "is not served: no address can name it. Rename it, without a colon."
    assert [text for text in caplog.messages if ":" in text] == [
        f"{tmp_path / name} {told}" for name in ("a:b", "a:predict")
    ]
    (tmp_path / "a:b").rename(tmp_path / "b")
    assert served(repository) == {"a": 1, "b": 1}


def test_a_version_that_cannot_be_read_is_not_served(tmp_path, monkeypatch):
    for version in ("1", "2"):
        write(tmp_path / "a" / version)
    is_file = pathlib.Path.is_file

    def is_file_unless_locked(path):
        if path.parent.name == "2":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(pathlib.Path, "is_file", is_file_unless_locked)
    assert served(Repository(tmp_path, Loaded)) == {"a": 1}


def test_refusals_can_be_read_while_others_are_found(tmp_path):
    for version in ("1", "2", "3"):
        write(tmp_path / "a" / version, "damaged" if version != "1" else "fine")
    seen = []

    def load(path, name, version):
        seen.append(repository.refused("a"))
        return Loaded(path, name, version)

    repository = Repository(tmp_path, load)
    assert served(repository) == {"a": 1}
    assert seen == [{}] * 3  # Nothing of a look that is not at its end.
    assert repository.refused("a").keys() == {2, 3}


def test_folders_that_are_none_are_told(tmp_path):
    (tmp_path / "file").touch()
    write(tmp_path / "out/a/1")
    (tmp_path / "empty").mkdir()
    for folder, message in (
        ("nowhere", "is not there: expected the folder that apps.export"),
        ("file", "is a file: expected the folder"),
        ("empty", r"holds no NAME/<version>/saved_model.pb: python -m apps.export"),
        ("out/a", r"is one sampler: name the folder it is in, --model_dir=.*/out\."),
    ):
        with pytest.raises(RunError, match=message):
            Repository(tmp_path / folder)


@pytest.fixture
def digits(samplers, tmp_path):
    return shutil.copytree(samplers / "digits/1", tmp_path / "1")


def test_a_sampler_answers_as_its_signatures_say(digits):
    sampler = Sampler(digits, "digits", 1)
    spec = sampler.signatures["decode"]
    assert spec.inputs["latents"].shape == (2,)
    assert (spec.outputs["images"].dtype, spec.outputs["images"].shape) == ("uint8", (12, 12, 1))
    assert sampler.signatures["sample_png"].outputs["image_bytes"].dtype == object
    outputs = sampler.run("decode", {"latents": np.zeros((3, 2), np.float32)})
    assert outputs["images"].shape == (3, 12, 12, 1)
    definition = sampler.signature_defs["decode"]["inputs"]["latents"]
    assert definition["dtype"] == "DT_FLOAT"
    assert [d["size"] for d in definition["tensor_shape"]["dim"]] == ["-1", "2"]


def test_damaged_and_foreign_samplers_are_refused(digits, tmp_path):
    def refusal(change):
        folder = shutil.copytree(digits, tmp_path / change.__name__)
        change(folder)
        with pytest.raises(SamplerError) as caught:
            Sampler(folder, "digits", 1)
        return str(caught.value)

    def cut_graph(folder):
        path = folder / "saved_model.pb"
        path.write_bytes(path.read_bytes()[:-100])

    def flip_weights(folder):
        path = folder / "variables/variables.data-00000-of-00001"
        content = bytearray(path.read_bytes())
        content[100] ^= 0x40
        path.write_bytes(content)

    def no_weights(folder):
        shutil.rmtree(folder / "variables")

    def foreign(folder):
        (folder / "assets/genkeras.json").unlink()

    def broken_facts(folder):
        (folder / "assets/genkeras.json").write_text("{")

    def no_prior(folder):
        path = folder / "assets/genkeras.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        del facts["prior"]
        path.write_text(json.dumps(facts))

    assert refusal(no_prior) == "its assets/genkeras.json has no prior"
    for change in (cut_graph, flip_weights, no_weights):
        assert refusal(change)
    for change in (foreign, broken_facts):
        assert "was not made by apps.export" in refusal(change)


def saved(tmp_path, function, *specs):
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    signature = tf.function(function, autograph=False).get_concrete_function(*specs)
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"sample": signature})
    return tmp_path / "model"


def content(path):
    return pathlib.Path(path, "saved_model.pb").read_bytes()


NAMES = tf.TensorSpec((None,), tf.string, "names")


@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("ReadFile", lambda names: {"y": tf.map_fn(tf.io.read_file, names)}),
        ("MatchingFiles", lambda names: {"y": tf.io.matching_files(names)}),
        ("EagerPyFunc", lambda names: {"y": tf.py_function(lambda n: n, [names], tf.string)}),
        ("PyFunc", lambda names: {"y": tf.numpy_function(lambda n: n, [names], tf.string)}),
    ],
)
def test_graphs_that_touch_files_or_python_are_refused(operation, function, tmp_path):
    with pytest.raises(graph_check.GraphError, match=operation):
        graph_check.check(content(saved(tmp_path, function, NAMES)))


def test_only_the_loader_may_read_weights(tmp_path):
    @tf.function(autograph=False)
    def restore(names):
        (value,) = tf.raw_ops.RestoreV2(
            prefix=names[0], tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
        )
        return {"y": value}

    with pytest.raises(graph_check.GraphError, match="calls one that reads or writes files"):
        graph_check.check(content(saved(tmp_path, restore, NAMES)))
    with pytest.raises(graph_check.GraphError, match="a signature holds the operation RestoreV2"):
        graph_check.check_signature(restore.get_concrete_function(NAMES))


def test_files_written_and_data_sets_are_refused(tmp_path):
    def write_file(names):
        with tf.control_dependencies([tf.io.write_file(names[0], "x")]):
            return {"y": tf.identity(names)}

    with pytest.raises(graph_check.GraphError, match="WriteFile"):
        graph_check.check(content(saved(tmp_path / "write", write_file, NAMES)))

    def read_lines(names):
        return {"y": tf.data.TextLineDataset(names).reduce(tf.constant(""), lambda a, b: a + b)}

    with pytest.raises(graph_check.GraphError, match="Dataset"):
        graph_check.check(content(saved(tmp_path / "lines", read_lines, NAMES)))


def test_what_has_no_name_of_files_but_reads_or_ends_the_server_is_refused(tmp_path):
    def memory(names):
        file = str(tmp_path / "secret")
        value = tf.raw_ops.ImmutableConst(dtype=tf.uint8, shape=[1], memory_region_name=file)
        return {"y": tf.tile(value, [tf.size(names)])}

    def abort(names):
        with tf.control_dependencies([tf.raw_ops.Abort(error_msg="bye")]):
            return {"y": tf.identity(names)}

    for operation, function in (("ImmutableConst", memory), ("Abort", abort)):
        with pytest.raises(graph_check.GraphError, match=operation):
            graph_check.check(content(saved(tmp_path / operation, function, NAMES)))


def test_nothing_is_written_while_a_sampler_is_loaded(digits, tmp_path):
    target = tmp_path / "written"

    def write_weights():
        return tf.raw_ops.SaveV2(
            prefix=str(target),
            tensor_names=["a"],
            shape_and_slices=[""],
            tensors=[tf.constant([1.0])],
        )

    class Resource(CapturableResource):
        def _create_resource(self):
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="w")

        def _initialize(self):
            write_weights()

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, "seeds")])
    def sample(seeds):
        return {"y": tf.identity(seeds)}

    module = tf.Module()
    module.resource = Resource()
    tf.saved_model.save(module, str(tmp_path / "resource"), signatures={"sample": sample})

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        seeds = tf.compat.v1.placeholder(tf.int64, [None])
        signature = tf.compat.v1.saved_model.predict_signature_def({"seeds": seeds}, {"y": seeds})
        builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "first"))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"sample": signature}, main_op=write_weights()
        )
        builder.save()

    for file in tmp_path.glob("written*"):
        file.unlink()
    for name, message in (("resource", "kind resource"), ("first", "TensorFlow 2")):
        shutil.copytree(digits / "assets", tmp_path / name / "assets", dirs_exist_ok=True)
        with pytest.raises(SamplerError, match=message):
            Sampler(tmp_path / name, "digits", 1)
    assert not list(tmp_path.glob("written*"))


def test_a_function_cannot_hide_an_operation(digits):
    model = SavedModel.FromString(content(digits))
    model.meta_graphs[0].graph_def.library.function.add().signature.name = "NoOp"
    with pytest.raises(graph_check.GraphError, match="name of the operation NoOp"):
        graph_check.check(model.SerializeToString())


def test_signatures_without_rows_are_refused(digits, tmp_path):
    seeds = tf.TensorSpec((None,), tf.int64, "seeds")
    for name, function, spec in (
        ("no_inputs", lambda: {"y": tf.zeros([1])}, ()),
        ("fixed", lambda seeds: {"y": seeds}, (tf.TensorSpec((3,), tf.int64, "seeds"),)),
        ("scalar", lambda seeds: {"y": tf.reduce_sum(seeds)}, (seeds,)),
        ("unknown", lambda seeds: {"y": tf.reshape(seeds, tf.stack([-1, seeds[0]]))}, (seeds,)),
    ):
        path = saved(tmp_path / name, function, *spec)
        shutil.copytree(digits / "assets", path / "assets", dirs_exist_ok=True)
        message = "has no inputs" if name == "no_inputs" else "expected a first axis"
        with pytest.raises(SamplerError, match=message):
            Sampler(path, "digits", 1)
