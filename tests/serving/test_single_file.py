"""ONNX and LiteRT files: that they draw the model's pictures, and what is refused."""

import sys

import numpy as np
import pytest

from genkeras.serving import export, metadata, publishing_check, single_file
from genkeras.training import experiment
from genkeras.training.errors import RunError

RUNS = {
    "dcgan": {"conditional": True},
    "vae": {"network": "infogan", "image_shape": (13, 10, 3)},
    "wae_mmd": {"prior": "sphere", "encoder_noise": "add_noise"},
}


def _need(export_format):
    if export_format == "onnx":
        for module in ("tf2onnx", "onnx", "onnxruntime"):
            pytest.importorskip(module)


@pytest.mark.parametrize("export_format", single_file.FILE_NAMES)
@pytest.mark.parametrize("model_name", RUNS)
def test_a_file_draws_the_model_s_pictures(stored_run, tmp_path, export_format, model_name):
    _need(export_format)
    run_dir = stored_run(model_name, **RUNS[model_name])
    path = export.export_run(run_dir, tmp_path, format=export_format)
    assert path == tmp_path / f"{model_name}_shapes_{export_format}/1"
    names = {file.name for file in path.iterdir()}
    assert names == {single_file.FILE_NAMES[export_format], "genkeras.json"}
    facts = metadata.read(path)
    assert facts["format"] == export_format
    (signature,) = facts["signatures"].values()
    model = experiment.load(run_dir)[1]
    inputs = {"latents": np.random.default_rng(0).normal(size=(5, model.latent_dim))}
    inputs["latents"] = inputs["latents"].astype(np.float32)
    if facts["classes"]:
        inputs["labels"] = np.array([0, 1, 2, 0, 1])
    assert set(signature["inputs"]) == set(inputs)
    decode = getattr(model, "decode", None) or model.generate
    images = single_file._FORMATS[export_format][1](path / single_file.FILE_NAMES[export_format])(
        inputs
    )
    np.testing.assert_allclose(images, decode(*inputs.values()), rtol=0, atol=1e-5)


def test_a_file_that_differs_is_not_published(stored_run, tmp_path, monkeypatch):
    original = publishing_check.examples

    def others(model, names):
        examples = original(model, names)
        examples[1].outputs["images_float"][0] += 2e-5
        return examples

    monkeypatch.setattr(publishing_check, "examples", others)
    with pytest.raises(RunError, match="images_float of the signature serving_default differs"):
        export.export_run(stored_run("vae", n_hidden=4), tmp_path / "out", format="litert")
    assert not (tmp_path / "out").exists()


def test_formats_do_not_share_a_name(stored_run, tmp_path):
    run_dir = stored_run("vae", n_hidden=4)
    export.export_run(run_dir, tmp_path, name="digits", format="litert")
    with pytest.raises(RunError, match=r"digits/1 is no version .* it has no saved_model\.pb"):
        export.export_run(run_dir, tmp_path, name="digits")


def test_what_is_not_installed_is_told_in_one_line(stored_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(RunError, match=r"needs tf2onnx, .*: pip install tf2onnx onnx") as caught:
        export.export_run(stored_run("vae", n_hidden=4), tmp_path / "out", format="onnx")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
