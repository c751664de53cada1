"""What the sampler of every model promises."""

import io
import json
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from genkeras import registry
from genkeras.data.preprocessing import to_range, to_uint8
from genkeras.serving import export, graph_check, metadata, publishing_check
from genkeras.training import experiment

VARIANTS = {name: (name, {}) for name in registry.MODELS} | {
    "dcgan_conditional": ("dcgan", {"conditional": True}),
    "dcgan_unsigned": ("dcgan", {"z_dist": "uniform_unsigned"}),
    "nsgan_average": ("nsgan", {"ema_decay": 0.9}),
    "vae_infogan": ("vae", {"network": "infogan", "image_shape": (13, 10, 3)}),
    "wae_sphere": ("wae_mmd", {"prior": "sphere", "encoder_noise": "add_noise"}),
    "wae_uniform": (
        "wae_gan",
        {"prior": "uniform", "prior_scale": 1.5, "encoder_noise": "implicit"},
    ),
}
SEEDS = np.array([3, 2**40, 4])


@pytest.fixture(scope="module", params=VARIANTS)
def exported(request, stored_run, tmp_path_factory):
    """A run's model, and its sampler as it was loaded in this process."""
    model_name, options = VARIANTS[request.param]
    run_dir = stored_run(model_name, **options)
    with pytest.MonkeyPatch.context() as patch:
        # Everything below is what it would check; `test_export.py` has it.
        patch.setattr(
            publishing_check, "check_in_fresh_process", lambda *_: {"float": 0.0, "uint8": 0.0}
        )
        path = export.export_run(run_dir, tmp_path_factory.mktemp(request.param))
    model = experiment.load(run_dir)[1]
    labels = {"labels": np.array([2, 0, 1])} if getattr(model, "num_classes", None) else {}
    # What the model draws for each seed, alone.
    pictures = [
        model.sample(1, seed=int(seed), **{name: value[[row]] for name, value in labels.items()})
        for row, seed in enumerate(SEEDS)
    ]
    return types.SimpleNamespace(
        model=model,
        path=path,
        signatures=tf.saved_model.load(str(path)).signatures,
        labels=labels,
        pictures=np.concatenate(pictures),
    )


def _call(signature, **inputs):
    outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


def test_sample_draws_the_model_s_pictures_for_each_seed(exported):
    model, signatures, labels = exported.model, exported.signatures, exported.labels
    right = exported.pictures
    # Otherwise nothing that follows means anything.
    assert right.std() > 0.02 * np.ptp(model.value_range)
    assert np.abs(right[0] - right[2]).max() > 0.02
    answer = _call(signatures["sample"], seeds=SEEDS, **labels)
    np.testing.assert_allclose(answer["images_float"], right, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(
        answer["images"], to_uint8(answer["images_float"], model.value_range)
    )
    content = _call(signatures["sample_png"], seeds=SEEDS, **labels)["image_bytes"]
    for png, image in zip(content, answer["images"], strict=True):
        assert png.startswith(b"\x89PNG")
        pixels = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(pixels.reshape(image.shape), image)


def test_latents_of_seeds_are_those_that_are_decoded(exported):
    model, signatures, labels = exported.model, exported.signatures, exported.labels
    latents = _call(signatures["draw_latents"], seeds=SEEDS)["latents"]
    assert latents.shape == (3, model.latent_dim)
    right = exported.pictures
    for name in ("serving_default", "decode"):
        answer = _call(signatures[name], latents=latents, **labels)
        assert set(answer) == {"images", "images_float"}
        np.testing.assert_allclose(answer["images_float"], right, rtol=0, atol=1e-5)
    own = np.random.default_rng(1).normal(size=latents.shape).astype(np.float32)
    answer = _call(signatures["decode"], latents=own, **labels)["images_float"]
    decode = getattr(model, "decode", None) or model.generate
    right = decode(own, *labels.values())
    np.testing.assert_allclose(answer, right, rtol=0, atol=1e-5)


def test_a_row_does_not_depend_on_its_batch(exported):
    signatures, labels = exported.signatures, exported.labels
    batch = _call(signatures["sample"], seeds=SEEDS, **labels)
    latents = _call(signatures["draw_latents"], seeds=SEEDS)["latents"]
    for row in range(3):
        one = {name: value[[row]] for name, value in labels.items()}
        alone = _call(signatures["sample"], seeds=SEEDS[[row]], **one)
        np.testing.assert_allclose(
            alone["images_float"][0], batch["images_float"][row], rtol=0, atol=1e-6
        )
        np.testing.assert_array_equal(
            _call(signatures["draw_latents"], seeds=SEEDS[[row]])["latents"][0], latents[row]
        )
    again = _call(signatures["sample"], seeds=SEEDS, **labels)
    np.testing.assert_array_equal(again["images_float"], batch["images_float"])
    assert _call(signatures["draw_latents"], seeds=SEEDS[:0])["latents"].shape[0] == 0


def test_autoencoders_encode_and_reconstruct(exported):
    model, signatures = exported.model, exported.signatures
    if not hasattr(model, "encode"):
        assert not {"encode", "reconstruct"} & set(signatures)
        return
    shape = (3, *model.decoder.output_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    inputs = to_range(images, model.value_range)
    codes = _call(signatures["encode"], images=images)["latents"]
    right = model.encode(inputs)
    np.testing.assert_allclose(codes, right, rtol=0, atol=1e-5 * max(1, np.abs(right).max()))
    answer = _call(signatures["reconstruct"], images=images)
    np.testing.assert_allclose(answer["images_float"], model.reconstruct(inputs), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(
        answer["images"], to_uint8(answer["images_float"], model.value_range)
    )


def test_every_input_has_a_free_batch_axis_and_nothing_is_foreign(exported):
    path, signatures = exported.path, exported.signatures
    facts = metadata.read(path)
    described = facts["signatures"]
    assert set(described) == set(signatures)
    for name, signature in signatures.items():
        specs = signature.structured_input_signature[1]
        shapes = {key: list(spec.shape) for key, spec in specs.items()}
        assert all(shape[0] is None for shape in shapes.values())
        assert shapes == {key: spec["shape"] for key, spec in described[name]["inputs"].items()}
        assert all(spec["shape"][0] is None for spec in described[name]["outputs"].values())
        for key, output in signature.structured_outputs.items():
            assert described[name]["outputs"][key]["dtype"] == output.dtype.name
    graph = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    functions = graph.library.function
    nodes = [*graph.node, *(node for function in functions for node in function.node_def)]
    used = {node.op for node in nodes}
    assert not used & {"ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "XlaLaunch"}
    assert not any("Xla" in key for item in (*nodes, *functions) for key in item.attr)
    stateful = {name for name in used if name.startswith("Random") or "RngRead" in name}
    assert not stateful


def test_metadata_can_be_read_without_tensorflow(exported):
    model, path = exported.model, exported.path
    facts = json.loads((path / "assets/genkeras.json").read_text(encoding="utf-8"))
    assert facts["image_shape"] == list(exported.pictures.shape[1:])
    assert facts["latent_dim"] == model.latent_dim
    assert facts["value_range"] == list(model.value_range)
    assert facts["dataset"] == "shapes"
    assert facts["scores"] == {"frechet_distance": 12.5, "broken_score": None}
    conditional = getattr(model, "num_classes", None)
    assert facts["classes"] == (["circle", "square", "star"] if conditional else None)
    assert facts["epochs"] == 1
    assert registry.recipe(facts["model"]).title == facts["title"]


def test_latents_follow_the_prior_that_the_metadata_names(exported):
    prior = metadata.read(exported.path)["prior"]
    latents = _call(exported.signatures["draw_latents"], seeds=np.arange(200))["latents"]
    latents = latents.astype(np.float64) / prior["scale"]
    if prior["name"] == "sphere":
        np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 1.0, rtol=1e-5)
        return
    low, high = {
        "uniform_signed": (-1.0, 1.0),
        "uniform_unsigned": (0.0, 1.0),
        "normal": (-np.inf, np.inf),
    }[prior["name"]]
    assert low <= latents.min() < latents.max() < high
    variance = {"uniform_signed": 1 / 3, "uniform_unsigned": 1 / 12, "normal": 1.0}[prior["name"]]
    assert latents.var() == pytest.approx(variance, rel=0.15)


def test_what_is_no_class_and_no_number_is_refused(exported):
    model, signatures, labels = exported.model, exported.signatures, exported.labels
    latents = np.zeros((3, model.latent_dim), np.float32)
    latents[1, 0] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match="latents must be finite numbers"):
        _call(signatures["decode"], latents=latents, **labels)
    for wrong in (-1, 3):
        if labels:
            with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be from 0 to 2"):
                _call(signatures["sample"], seeds=SEEDS, labels=np.array([0, 1, wrong]))


def test_a_moving_average_draws_the_pictures_where_one_is_kept(exported):
    model = exported.model
    average = getattr(model, "averaged_generator", None)
    if average is None:
        assert metadata.read(exported.path)["moving_average"] is None
        return
    assert metadata.read(exported.path)["moving_average"] == 0.9
    latents = np.random.default_rng(0).normal(size=(2, model.latent_dim)).astype(np.float32)
    images = _call(exported.signatures["decode"], latents=latents)["images_float"]
    right = average(latents, training=False).numpy()
    assert np.abs(right - model.generator(latents, training=False)).max() > 0.01
    np.testing.assert_allclose(images, right, rtol=0, atol=1e-5)


def test_the_server_takes_its_graph(exported):
    graph_check.check((exported.path / "saved_model.pb").read_bytes())
    for signature in exported.signatures.values():
        graph_check.check_signature(signature)
