"""The figure of six panels: what is in it, and its memory from epoch to epoch."""

import io
import logging

import numpy as np
import pytest
from PIL import Image

from genkeras import registry
from genkeras.data.preprocessing import to_range
from genkeras.metrics.sharpness import sharpness
from genkeras.models.noise import fold
from genkeras.training.sheets.wae_panels import WAEPanels
from genkeras.visualization import panels


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every figure; the real one is drawn once, elsewhere."""
    calls = []

    def record(pictures, columns, scatter, curves):
        calls.append((pictures, columns, scatter, curves))
        return b"figure"

    monkeypatch.setattr(panels, "six_panels", record)
    return calls


def _model(image_shape=(8, 8, 1), **options):
    options = {"width": 1, "latent_dim": 3, **options}
    return registry.build("wae_mmd", image_shape, **options)


def _move(model):
    """Makes another model of it, as training would."""
    for variable in model.autoencoder_variables:
        variable.assign(variable.numpy() + 0.05)


def test_the_figure_is_a_picture_and_repeatable(tmp_path, draw_images):
    model, images = _model(), draw_images(20, (8, 8, 1))
    for folder in ("a", "b"):
        WAEPanels(tmp_path / folder, images, images[::-1]).write(model, 1)
    first, second = ((tmp_path / f / "panels_epoch_001.png").read_bytes() for f in "ab")
    assert first == second
    picture = Image.open(io.BytesIO(first))
    assert picture.size == (1800, 1200)
    assert len(np.unique(np.asarray(picture))) > 50


def test_panels_hold_originals_and_reproductions_in_alternate_columns(tmp_path, draw_images, drawn):
    model, images = _model(), draw_images(300, (8, 8, 1))
    WAEPanels(tmp_path, images, images[::-1]).write(model, 1)
    pictures, columns, scatter, _ = drawn[0]
    assert list(pictures) == ["Train reconstructions", "Test reconstructions", "Samples", "Data"]
    assert columns == [20, 20, 20, 20]
    assert [len(sheet) for sheet in pictures.values()] == [400, 400, 400, 300]
    np.testing.assert_array_equal(pictures["Test reconstructions"][::2], images[::-1][:200])
    seeded = model.decode(model.encode(to_range(images[::-1], (0.0, 1.0)), seed=0))
    expected = np.rint(seeded[:200] * 255.0)
    assert np.abs(pictures["Test reconstructions"][1::2] - expected).max() <= 1
    assert {name: len(codes) for name, codes in scatter["codes"].items()} == {
        "Q_z, train": 300,
        "Q_z, test": 300,
    }


def test_large_pictures_are_few_and_pairs_stay_together(tmp_path, draw_images, drawn):
    images = draw_images(40, (36, 33, 3))
    WAEPanels(tmp_path, images, images).write(_model((36, 33, 3), exp="celebA_small"), 1)
    pictures, columns, scatter, _ = drawn[0]
    assert [len(sheet) for sheet in pictures.values()] == [30, 30, 30, 30]
    assert columns == [6, 6, 5, 5]
    assert scatter["scale"] == pytest.approx(2.0**0.5)


def test_curves_are_measured_on_the_test_pictures(tmp_path, draw_images, drawn):
    model, images = _model(encoder_noise="deterministic"), draw_images(30, (8, 8, 1))
    sheet, codes = WAEPanels(tmp_path, images[:10], images[10:]), []
    test_images = to_range(images[10:], (0.0, 1.0))
    for epoch in (1, 2, 3):
        sheet.write(model, epoch)
        codes.append(model.encode(test_images))
        if epoch < 3:
            _move(model)
    curves = drawn[-1][-1]
    assert [len(values) for values in curves.values()] == [3] * 5
    moved = curves["log encoding change"]
    assert np.isnan(moved[0])
    assert moved[1:] == pytest.approx(
        [np.mean((codes[i + 1] - codes[i]) ** 2) for i in (0, 1)], rel=1e-4
    )
    difference = test_images - model.decode(codes[-1])
    assert curves["log reconstruction loss"][-1] == pytest.approx(
        0.05 * np.mean(np.sum(difference**2, axis=(1, 2, 3))), rel=1e-4
    )
    penalty = model.latent_penalty(codes[-1], model.prior.draw(20, fold(0, 1)))
    assert curves["log |latent penalty|"][-1] == pytest.approx(abs(float(penalty)), rel=1e-3)
    edges = sharpness(drawn[-1][0]["Samples"])
    assert curves["log sharpness, mean"][-1] == pytest.approx(edges.mean())
    assert curves["log sharpness, minimum"][-1] == pytest.approx(edges.min())


def test_a_finished_run_can_be_drawn_again_and_a_gap_stays_a_gap(tmp_path, draw_images, drawn):
    model, images = _model(), draw_images(12, (8, 8, 1))
    for epoch in (1, 2, 3):
        # A new sheet each time, as after a restart.
        WAEPanels(tmp_path, images, images).write(model, epoch)
        _move(model)
    last = model
    WAEPanels(tmp_path, images, images).write(last, 4)
    WAEPanels(tmp_path, images, images).write(last, 4)
    np.testing.assert_equal(drawn[-1][-1], drawn[-2][-1])
    (tmp_path / "panels_epoch_002.npz").unlink()
    WAEPanels(tmp_path, images, images).write(last, 4)
    curves = drawn[-1][-1]
    assert [np.isnan(v) for v in curves["log reconstruction loss"]] == [False, True, False, False]
    assert [np.isnan(v) for v in curves["log encoding change"]] == [True, True, True, False]


@pytest.mark.parametrize("damage", ["cut", "password", "array", "other"])
def test_a_damaged_measurement_is_a_gap_and_told_once(damage, tmp_path, draw_images, drawn, caplog):
    model, images = _model(), draw_images(12, (8, 8, 1))
    sheet = WAEPanels(tmp_path, images, images)
    sheet.write(model, 1)
    path = tmp_path / "panels_epoch_001.npz"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:100])
    elif damage == "password":
        content[content.rindex(b"PK\x01\x02") + 8] ^= 1
        path.write_bytes(content)
    else:
        with path.open("wb") as file:
            np.save(file, np.ones(3)) if damage == "array" else np.savez(file, codes=np.ones(3))
    with caplog.at_level(logging.WARNING, logger="genkeras"):
        sheet.write(model, 2)
        sheet.write(model, 3)
    curves = drawn[-1][-1]
    assert [np.isnan(v) for v in curves["log reconstruction loss"]] == [True, False, False]
    (told,) = [record.getMessage() for record in caplog.records]
    assert "panels_epoch_001.npz cannot be read" in told


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_one_test_picture_has_no_penalty(kernel, tmp_path, draw_images):
    images = draw_images(5, (8, 8, 1))
    model = _model(kernel=kernel)
    WAEPanels(tmp_path, images[1:], images[:1]).write(model, 1)
    with np.load(tmp_path / "panels_epoch_001.npz") as measured:
        assert np.isnan(measured["latent_penalty"])
        assert np.isfinite(measured["reconstruction_loss"])
    WAEPanels(tmp_path, images[1:], images[:2]).write(model, 2)
    with np.load(tmp_path / "panels_epoch_002.npz") as measured:
        assert np.isfinite(measured["latent_penalty"])
    assert Image.open(tmp_path / "panels_epoch_002.png").size == (1800, 1200)
