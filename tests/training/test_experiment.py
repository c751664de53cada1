"""Runs from start to end, on drawn pictures."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from genkeras.data.dataset import DataError
from genkeras.training import experiment, loop, state
from genkeras.training.config import Request
from genkeras.training.errors import RunError


@pytest.fixture
def pictures(tmp_path, draw_images):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(draw_images(60, (8, 8, 1))):
        Image.fromarray(image[..., 0]).save(folder / f"{index:03d}.png")
    return folder


@pytest.fixture
def request_run(tmp_path, pictures):
    def make(model="vae", epochs=2, seed=None, data=None, **options):
        sizes = {"output_height": 8, "cache_dir": str(tmp_path / "cache")}
        options = {"width": 4, "batch_size": 8, "epochs": epochs, **options}
        return Request(model, f"folder:{pictures}", sizes | (data or {}), options, seed)

    return make


def _prepare(request, tmp_path, **options):
    return experiment.prepare(request, checkpoint_dir=tmp_path / "checkpoints", **options)


def _digest(run_dir):
    return state.digest(state.load_newest(run_dir)[0])


def test_a_run_leaves_everything_in_its_directory(request_run, tmp_path):
    prepared = _prepare(request_run(), tmp_path)
    assert not prepared.run_dir.exists()  # nothing is written before training starts
    summary = experiment.train(prepared)
    names = {str(p.relative_to(prepared.run_dir)) for p in prepared.run_dir.rglob("*.*")}
    steps = len(prepared.dataset.train.images) // 8
    assert names == {
        ".lock",
        "config.json",
        "history.csv",
        "metrics.json",
        f"state-{steps:09d}.npz",
        f"state-{2 * steps:09d}.npz",
        "samples/epoch_001.png",
        "samples/epoch_002.png",
        "samples/reconstructions_epoch_001.png",
        "samples/reconstructions_epoch_002.png",
    }
    rows = list(csv.DictReader((prepared.run_dir / "history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"loss", "reconstruction_loss", "kl_divergence", "seconds", "images"} <= rows[0].keys()
    assert rows[0]["images"] == str(8 * steps)
    assert json.loads((prepared.run_dir / "metrics.json").read_text()) == summary
    assert summary["epochs"] == 2
    assert summary["final_losses"]["loss"] == float(rows[1]["loss"])
    sheet = np.asarray(Image.open(prepared.run_dir / "samples/epoch_002.png"))
    assert sheet.shape == (8 * 10 + 2, 8 * 10 + 2)


def test_an_interrupted_run_goes_on_to_the_same_bits(request_run, tmp_path):
    straight = _prepare(request_run(epochs=3), tmp_path, run_dir=tmp_path / "straight")
    experiment.train(straight)
    for epochs in (1, 3):
        part = _prepare(request_run(epochs=epochs), tmp_path, run_dir=tmp_path / "parts")
        experiment.train(part)
    assert _digest(tmp_path / "parts") == _digest(tmp_path / "straight")
    rows = list(csv.DictReader((tmp_path / "parts/history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]


@pytest.mark.parametrize("model", ["nsgan", "wgan", "wae_gan"])
def test_an_interrupted_run_of_any_family_goes_on_to_the_same_bits(request_run, tmp_path, model):
    for run_dir, parts in (("straight", [2]), ("parts", [1, 2])):
        for epochs in parts:
            prepared = _prepare(request_run(model, epochs), tmp_path, run_dir=tmp_path / run_dir)
            experiment.train(prepared)
    assert _digest(tmp_path / "parts") == _digest(tmp_path / "straight")


def test_a_complete_run_only_writes_its_sheets(request_run, tmp_path):
    prepared = _prepare(request_run(), tmp_path)
    experiment.train(prepared)
    sheet = prepared.run_dir / "samples/epoch_002.png"
    before, pixels = _digest(prepared.run_dir), sheet.read_bytes()
    sheet.unlink()
    again = _prepare(request_run(), tmp_path)
    assert experiment.train(again)["epochs"] == 2
    assert sheet.read_bytes() == pixels
    assert _digest(prepared.run_dir) == before
    assert not (prepared.run_dir / "samples/epoch_003.png").exists()


def test_fewer_epochs_than_done_train_nothing(request_run, tmp_path):
    experiment.train(_prepare(request_run(epochs=2), tmp_path))
    again = _prepare(request_run(epochs=1), tmp_path)
    assert experiment.train(again)["epochs"] == 2


def test_fewer_epochs_than_first_asked_for_are_enough(request_run, tmp_path):
    prepared = _prepare(request_run(epochs=100), tmp_path)
    prepared.config.save(prepared.run_dir)  # A run that was stopped at once.
    again = _prepare(request_run(epochs=1), tmp_path)
    assert experiment.train(again)["epochs"] == 1
    assert experiment.load(prepared.run_dir)[0].epochs == 1


def test_a_diverged_training_stops_and_keeps_the_states_before(request_run, tmp_path, monkeypatch):
    prepared = _prepare(request_run(epochs=2), tmp_path)
    experiment.train(prepared)
    before = _digest(prepared.run_dir)
    build_model = type(prepared.config).build_model

    def diverging(config):
        model = build_model(config)
        original = model.posterior
        model.posterior = lambda *a, **k: [t + float("nan") for t in original(*a, **k)]
        return model

    monkeypatch.setattr(type(prepared.config), "build_model", diverging)
    for state_every in (0, 1):
        again = _prepare(request_run(epochs=4), tmp_path)
        with pytest.raises(RunError, match=r"Training has diverged: .*states before it are kept"):
            experiment.train(again, state_every=state_every)
        assert _digest(prepared.run_dir) == before
        assert not (prepared.run_dir / "samples/epoch_003.png").exists()


def test_a_step_of_several_updates_needs_pictures_for_all(request_run, tmp_path):
    with pytest.raises(RunError, match="one training step of 9 discriminator updates on 8 each"):
        experiment.train(_prepare(request_run("nsgan", discriminator_steps=9), tmp_path))
    assert not (tmp_path / "checkpoints").exists()


def test_another_value_is_another_run(request_run, tmp_path):
    runs = {
        _prepare(request, tmp_path).run_dir
        for request in (
            request_run(),
            request_run(latent_dim=3),
            request_run(seed=1),
            request_run("nsgan"),
            request_run(data={"crop": True}),
        )
    }
    assert len(runs) == 5


def test_an_explicit_run_dir_keeps_its_configuration(request_run, tmp_path):
    run_dir = tmp_path / "mine"
    experiment.train(_prepare(request_run(epochs=1), tmp_path, run_dir=run_dir))
    bare = Request("vae", "mnist", {}, {})
    prepared = _prepare(bare, tmp_path, run_dir=run_dir, given_dataset=False)
    assert prepared.config.options["width"] == 4
    with pytest.raises(RunError, match=r"--width=8 contradicts the run directory"):
        _prepare(request_run(width=8), tmp_path, run_dir=run_dir)


@pytest.mark.parametrize(("name", "value"), [("learning_rate", 0.5), ("seed", 3)])
def test_a_run_whose_configuration_was_edited_is_not_gone_on_with(
    request_run, tmp_path, name, value
):
    run_dir = tmp_path / "mine"
    experiment.train(_prepare(request_run(epochs=1), tmp_path, run_dir=run_dir))
    content = json.loads((run_dir / "config.json").read_text())
    (content if name in content else content["options"])[name] = value
    (run_dir / "config.json").write_text(json.dumps(content))
    bare = Request("vae", "mnist", {}, {"epochs": 2})
    prepared = _prepare(bare, tmp_path, run_dir=run_dir, given_dataset=False)
    told = rf"config\.json has {name}={value}, but its states are of a training with {name}=0"
    before = _digest(run_dir)
    with pytest.raises(RunError, match=told):
        experiment.train(prepared)
    assert _digest(run_dir) == before


def test_a_run_that_another_process_made_meanwhile_is_not_gone_on_with(request_run, tmp_path):
    first, second = (
        _prepare(request_run(epochs=epochs, seed=epochs), tmp_path, run_dir=tmp_path / "run")
        for epochs in (1, 2)
    )
    experiment.train(first)
    before = _digest(tmp_path / "run"), (tmp_path / "run/config.json").read_text()
    with pytest.raises(RunError, match="made with seed=1, but this start has 2"):
        experiment.train(second)
    assert (_digest(tmp_path / "run"), (tmp_path / "run/config.json").read_text()) == before


def test_what_another_process_put_there_meanwhile_is_not_written_over(request_run, tmp_path):
    prepared = _prepare(request_run(), tmp_path, run_dir=tmp_path / "thesis")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/samples").write_text("of moon rock")
    with pytest.raises(RunError, match="exists, but is not a run directory"):
        experiment.train(prepared)
    assert not (tmp_path / "thesis/config.json").exists()


def test_other_pictures_are_noticed(request_run, tmp_path, pictures):
    experiment.train(_prepare(request_run(epochs=1), tmp_path))
    Image.new("L", (8, 8), 7).save(pictures / "new.png")
    with pytest.raises(RunError, match="pictures or labels are not those"):
        _prepare(request_run(epochs=2), tmp_path)


def test_a_directory_with_other_things_is_refused(request_run, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("dear reader")
    with pytest.raises(RunError, match="exists, but is not a run directory"):
        _prepare(request_run(), tmp_path, run_dir=tmp_path / "thesis")
    assert (tmp_path / "thesis/chapter.tex").read_text() == "dear reader"


def test_a_refused_start_leaves_no_directory(request_run, tmp_path):
    with pytest.raises(DataError, match="do not fill one batch of 999"):
        experiment.train(_prepare(request_run(batch_size=999), tmp_path))
    with pytest.raises(RunError, match="has no option 'depth'"):
        _prepare(request_run(depth=3), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_load_rebuilds_the_model(request_run, tmp_path):
    prepared = _prepare(request_run(), tmp_path)
    experiment.train(prepared)
    config, model = experiment.load(prepared.run_dir)
    assert config == prepared.config
    assert state.digest(state.collect(model)) == _digest(prepared.run_dir)


def test_load_without_a_state(request_run, tmp_path):
    prepared = _prepare(request_run(), tmp_path)
    prepared.config.save(prepared.run_dir)
    with pytest.raises(RunError, match="has no state yet"):
        experiment.load(prepared.run_dir)


def test_the_test_split_is_never_trained_on(request_run, tmp_path, monkeypatch):
    seen = []

    def spy(images, labels, batch_size, seed):
        seen.append(np.asarray(images))
        return original(images, labels, batch_size, seed)

    original = loop.Batches
    monkeypatch.setattr(loop, "Batches", spy)
    prepared = _prepare(request_run(epochs=1), tmp_path)
    experiment.train(prepared)
    np.testing.assert_array_equal(seen[0], prepared.dataset.train.images)
    train = {image.tobytes() for image in prepared.dataset.train.images}
    assert not any(image.tobytes() in train for image in prepared.dataset.test.images)
