"""How a sampler is checked and published, and what is refused."""

import dataclasses
import errno
import pathlib
import shutil
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from genkeras.serving import (
    export,
    metadata,
    prediction_log,
    publishing_check,
    replay,
    tensor_functions,
    versions,
)
from genkeras.serving.sampler import Sampler
from genkeras.training import experiment, state
from genkeras.training.errors import RunError


@pytest.fixture
def run_dir(stored_run):
    return stored_run("vae", n_hidden=4, latent_dim=2)


@pytest.fixture
def _in_this_process(monkeypatch):
    monkeypatch.setattr(publishing_check, "_replay", replay.replay)


def _names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else None


def test_a_wae_is_published_after_a_process_without_keras_has_drawn_the_same(stored_run, tmp_path):
    run = stored_run("wae_gan", prior="uniform", prior_scale=1.5, encoder_noise="implicit")
    path = export.export_run(run, tmp_path / "samplers", name="my-sampler", version=7)
    assert path == tmp_path / "samplers/my-sampler/7"
    assert _names(path.parent) == ["7"]
    assert {"saved_model.pb", "variables", "assets", "assets.extra"} <= set(_names(path))


def test_the_process_of_the_check_finds_neither_keras_nor_genkeras(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))

    def can_be_found(name):
        return any(finder.find_spec(name, None) for finder in sys.meta_path)

    assert all(map(can_be_found, ("json", "keras", "genkeras")))
    replay.hide()
    assert can_be_found("json")
    assert not any(map(can_be_found, ("keras", "genkeras")))


def test_a_sampler_that_needs_this_process_is_refused(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, "seeds")])
    def sample(seeds):
        return {"images": tf.py_function(lambda s: s, [seeds], tf.int64)}

    folder, inputs = tmp_path / "1", {"seeds": np.array([1])}
    tf.saved_model.save(tf.Module(), str(folder), signatures={"sample": sample})
    (folder / export.WARM_UP).parent.mkdir()
    prediction_log.write(folder / export.WARM_UP, "foreign", [("sample", inputs)])
    example = publishing_check.Example("sample", inputs, {"images": np.array([1])})
    with pytest.raises(RunError, match="fails in a process without Keras and genkeras: "):
        publishing_check.check_in_fresh_process(folder, [example])


@pytest.mark.usefixtures("_in_this_process")
def test_a_decoder_alone_is_smaller(stored_run, tmp_path):
    run = stored_run("vae", n_hidden=4, latent_dim=2)
    whole = export.export_run(run, tmp_path, name="whole")
    decoder = export.export_run(run, tmp_path, name="decoder", decoder_only=True)
    sampler = Sampler(decoder, "decoder", 1)
    assert set(Sampler(whole, "whole", 1).signatures) - set(sampler.signatures) == {
        "encode",
        "reconstruct",
    }
    assert set(sampler.facts["signatures"]) == set(sampler.signatures)
    weights = [next(path.glob("variables/*.data*")).stat().st_size for path in (whole, decoder)]
    # The encoder: 144*4+4, 4*4+4, 4*4+4 weights of 4 bytes.
    assert weights[0] - weights[1] >= 4 * (580 + 20 + 20)


@pytest.mark.usefixtures("_in_this_process")
def test_versions_count_up_and_nothing_is_overwritten(run_dir, tmp_path):
    paths = [export.export_run(run_dir, tmp_path) for _ in range(2)]
    assert [path.name for path in paths] == ["1", "2"]
    assert paths[0].parent.name == "vae_shapes"
    before = (paths[0] / "saved_model.pb").read_bytes()
    with pytest.raises(RunError, match=r"/1 exists, and nothing is overwritten: .* the next, 3"):
        export.export_run(run_dir, tmp_path, version=1)
    assert (paths[0] / "saved_model.pb").read_bytes() == before
    assert _names(paths[0].parent) == ["1", "2"]


@pytest.mark.usefixtures("_in_this_process")
def test_the_default_is_the_run_s_own_folder(run_dir, tmp_path):
    run = shutil.copytree(run_dir, tmp_path / "run")
    assert export.export_run(run, scores={"mine": 2}) == run / "export/vae_shapes/1"
    facts = metadata.read(run / "export/vae_shapes/1")
    assert facts["scores"] == {"mine": 2.0}
    assert facts["prior"] == {"name": "normal", "scale": 1.0}
    assert (facts["name"], facts["format"], facts["best"]) == ("vae_shapes", "saved_model", False)


@pytest.mark.usefixtures("_in_this_process")
def test_the_best_state_is_exported_when_asked_for(run_dir, tmp_path):
    run = shutil.copytree(run_dir, tmp_path / "run")
    with pytest.raises(RunError, match=r"has no best\.npz"):
        export.export_run(run, best=True)
    arrays, meta = state.load_newest(run)
    key = next(key for key in arrays if key.startswith("model/") and arrays[key].ndim == 2)
    arrays[key][:] = 0.0
    meta["history"][0]["frechet_distance"] = 3.0
    state.save_best(run, arrays, meta)
    newest, best = export.export_run(run), export.export_run(run, best=True)
    assert metadata.read(best)["scores"]["frechet_distance"] == 3.0
    assert (metadata.read(newest)["best"], metadata.read(best)["best"]) == (False, True)
    weights = "variables/variables.data-00000-of-00001"
    assert (newest / weights).read_bytes() != (best / weights).read_bytes()


@pytest.mark.usefixtures("_in_this_process")
def test_a_sampler_that_differs_is_not_published(run_dir, tmp_path, monkeypatch):
    original = tensor_functions.of_model

    def tampered(model):
        functions = original(model)
        return dataclasses.replace(
            functions, decode=lambda latents, labels: functions.decode(latents, labels) + 2e-5
        )

    monkeypatch.setattr(tensor_functions, "of_model", tampered)
    message = "images_float of the signature serving_default differs .* more than 1e-05"
    with pytest.raises(RunError, match=message):
        export.export_run(run_dir, tmp_path / "made/samplers")
    assert _names(tmp_path) == []


@pytest.mark.usefixtures("_in_this_process")
def test_damaged_weights_are_not_published(run_dir, tmp_path, monkeypatch):
    save = tf.saved_model.save

    def damaging(module, folder, **options):
        save(module, folder, **options)
        path = pathlib.Path(folder, "variables/variables.data-00000-of-00001")
        content = bytearray(path.read_bytes())
        content[100] ^= 0x40
        path.write_bytes(content)

    monkeypatch.setattr(tf.saved_model, "save", damaging)
    with pytest.raises((RunError, tf.errors.DataLossError)):
        export.export_run(run_dir, tmp_path / "samplers")
    assert _names(tmp_path) == []


def test_how_answers_are_compared():
    right = np.array([[0, 255]], np.uint8)
    codes = np.array([[-40.0, 1.0]], np.float32)
    example = publishing_check.Example("sample", {}, {"images": right, "latents": codes})

    def compare(images, latents):
        answer = {"images": np.array([images], np.uint8), "latents": np.float32([latents])}
        return publishing_check.compare([answer], [example])

    assert compare([1, 254], [-40.0, 1.0]) == {"float": 0.0, "uint8": 1.0}
    # 255 − 0 must not wrap to a small number.
    for images in ([0, 253], [255, 255]):
        with pytest.raises(RunError, match="images of the signature sample differs"):
            compare(images, [-40.0, 1.0])
    assert compare([0, 255], [-40.0003, 1.0])["float"] == pytest.approx(7.5e-6, rel=0.05)
    with pytest.raises(RunError, match="more than 1e-05"):
        compare([0, 255], [-40.0, 1.0005])
    with pytest.raises(RunError, match="differs from the trained model's by nan"):
        compare([0, 255], [float("nan"), 1.0])
    with pytest.raises(RunError, match=r"is uint8 \(1, 3\), but the trained model's is uint8"):
        compare([0, 255, 0], [-40.0, 1.0])


def test_a_version_appears_in_one_piece_or_not_at_all(tmp_path):
    seen = []

    def write(folder):
        (folder / "variables").mkdir()
        (folder / "variables/data").write_text("x")
        seen.append((versions.find(folder.parent), folder.parent))

    path = versions.publish(tmp_path / "a/b", write)
    assert seen == [({}, tmp_path / "a/b")]
    assert path == tmp_path / "a/b/1"
    assert (path / "variables/data").read_text() == "x"

    def fail(folder):
        write(folder)
        raise KeyboardInterrupt

    for model_dir in (tmp_path / "a/b", tmp_path / "a/c/d"):
        with pytest.raises(KeyboardInterrupt):
            versions.publish(model_dir, fail)
    assert _names(tmp_path / "a") == ["b"]
    assert _names(tmp_path / "a/b") == ["1"]


def test_another_export_at_the_same_time_keeps_its_version(tmp_path):
    def write_while_another_does(folder):
        (folder / "mine").touch()
        (folder.parent / "1").mkdir(exist_ok=True)
        (folder.parent / "1/theirs").touch()

    assert versions.publish(tmp_path, write_while_another_does).name == "2"
    assert _names(tmp_path / "1") == ["theirs"]
    with pytest.raises(RunError, match="1 exists, and nothing is overwritten"):
        versions.publish(tmp_path, write_while_another_does, version=1)
    assert _names(tmp_path) == ["1", "2"]


def test_what_a_killed_export_had_written_is_removed_and_nothing_else(tmp_path):
    def write(folder):
        (folder / "mine").touch()

    left = [".01234567.tmp", ".0123456789abcdef.tmp", ".notes.tmp", "a.tmp"]
    for name in left:
        (tmp_path / name / "below").mkdir(parents=True)

    def write_while_another_starts(folder):
        write(folder)
        versions.publish(tmp_path, write)

    assert versions.publish(tmp_path, write_while_another_starts).name == "2"
    assert _names(tmp_path) == sorted([*left[1:], "1", "2"])
    assert _names(tmp_path / "2") == ["mine"]


def test_version_numbers_are_numbers(tmp_path):
    for name in ("2", "010", "nine", "-3", ".7.tmp", "11.5"):
        (tmp_path / name).mkdir()
    assert list(versions.find(tmp_path)) == [2, 10]
    assert versions.next_version(tmp_path) == 11
    assert versions.next_version(tmp_path / "nowhere") == 1


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(run_dir, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "out/vae_shapes/3").mkdir(parents=True)
    empty = shutil.copytree(run_dir, tmp_path / "stateless")
    for path in empty.glob("state-*"):
        path.unlink()
    out = tmp_path / "new"
    for words, message in (
        ({"run_dir": tmp_path}, "is not a run directory"),
        ({"run_dir": empty}, "has no state yet"),
        ({"output": tmp_path / "file"}, "file is a file, not a folder"),
        ({"output": tmp_path / "file/below"}, "file is a file, not a folder"),
        ({"output": tmp_path, "name": "file"}, "file is a file, not a folder"),
        ({"output": tmp_path / "out"}, r"3 is no version of such a sampler: it has no saved_model"),
        ({"name": "../up"}, r"--name=\.\./up: expected letters"),
        ({"name": ".."}, "expected letters"),
        ({"name": ""}, "expected letters"),
        ({"format": "torch"}, "--format=torch is unknown: use one of saved_model, onnx, litert"),
    ):
        with pytest.raises(RunError, match=message):
            export.export_run(**{"run_dir": run_dir, "output": out} | words)
    assert _names(tmp_path) == ["file", "out", "stateless"]
    assert _names(tmp_path / "out/vae_shapes") == ["3"]


@pytest.mark.usefixtures("_in_this_process")
def test_a_state_that_is_stored_while_the_run_is_read(run_dir, tmp_path, monkeypatch):
    run = shutil.copytree(run_dir, tmp_path / "run")
    arrays, meta = state.load_newest(run)
    load = experiment.load

    def load_and_store(run_dir, best=False):
        loaded = load(run_dir, best=best)
        later = {key: array + array.dtype.type(1) for key, array in arrays.items()}
        state.save(run, 20, later, {**meta, "history": 2 * meta["history"]})
        return loaded

    monkeypatch.setattr(experiment, "load", load_and_store)
    path = export.export_run(run)
    facts, newest = metadata.read(path), state.load_newest(run)[0]
    assert (facts["epochs"], facts["state_sha256"]) == (2, state.digest(newest))
    found = tf.saved_model.load(path).weights
    key = next(key for key in newest if key.startswith("model/") and newest[key].ndim == 2)
    assert any(np.array_equal(value, newest[key]) for value in found)


def test_a_disk_that_gets_full_within_a_sampler(run_dir, tmp_path, monkeypatch):
    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/x; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match=r"No space left on device: .*samplers/vae_shapes") as caught:
        export.export_run(run_dir, tmp_path / "samplers")
    assert caught.value.errno == errno.ENOSPC
    assert _names(tmp_path) == []


def test_a_model_of_no_known_family_is_refused():
    with pytest.raises(RunError, match="Sequential cannot be exported: expected a subclass of GAN"):
        tensor_functions.of_model(keras.Sequential())
