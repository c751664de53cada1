"""The command line of `apps.dcgan`, on drawn pictures."""

import gzip
import json
import struct

import numpy as np
import pytest

from apps import dcgan
from genkeras.training import experiment


@pytest.fixture
def data_dir(tmp_path, draw_images):
    """MNIST's four files, with 48 + 8 drawn pictures of three classes."""
    folder = tmp_path / "data/mnist"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 48), ("t10k", 8)):
        images = draw_images(count, (28, 28, 1))
        labels = np.arange(count, dtype=np.uint8) % 3
        header = struct.pack(">IIII", 0x803, count, 28, 28)
        with gzip.open(folder / f"{prefix}-images-idx3-ubyte.gz", "wb") as file:
            file.write(header + images.tobytes())
        with gzip.open(folder / f"{prefix}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, count) + labels.tobytes())
    return tmp_path / "data"


@pytest.fixture
def call(tmp_path, data_dir):
    def run(*words, dataset="mnist", small=True):
        size = ["--width=2", "--z_dim=3", "--batch_size=8", "--epoch=1"] if small else []
        return dcgan.main(
            [
                f"--dataset={dataset}",
                f"--data_dir={data_dir}",
                f"--cache_dir={tmp_path / 'cache'}",
                f"--checkpoint_dir={tmp_path / 'checkpoints'}",
                *size,
                *words,
            ]
        )

    return run


@pytest.fixture
def requests(monkeypatch):
    """What is asked of `experiment`, which trains nothing."""
    seen = {}

    def prepare(request, **options):
        seen.update(request=request, **options)
        return original(request, **options)

    def train(prepared, **options):
        seen.update(prepared=prepared, **options)
        return {"epochs": 0}

    original = experiment.prepare
    monkeypatch.setattr(experiment, "prepare", prepare)
    monkeypatch.setattr(experiment, "train", train)
    return seen


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def _run_dir(tmp_path):
    (run_dir,) = (tmp_path / "checkpoints/dcgan/mnist").iterdir()
    return run_dir


def test_one_command_trains_and_makes_the_pictures(call, tmp_path):
    words = ["--conditional", "--visualize", "--sample_freq=4", "--ckpt_freq=5"]
    assert call(*words, "--max_to_keep=1") == 0
    run_dir = _run_dir(tmp_path)
    assert [p.name for p in run_dir.glob("state-*")] == ["state-000000006.npz"]
    assert {"epoch_001.png", "step_000000004.png", "styles_epoch_001.png"} <= set(
        _names(run_dir / "samples")
    )
    # A bare --visualize is option 1.
    assert _names(run_dir / "visualize") == [f"option1_dimension_{k}.png" for k in range(3)]
    config = json.loads((run_dir / "config.json").read_text())
    assert config["options"]["conditional"] is True

    # The same pictures from the stored run alone, and other ones beside them.
    before = {path: path.read_bytes() for path in run_dir.rglob("*.*")}
    for path in run_dir.rglob("*.png"):
        if not path.name.startswith("step_"):
            path.unlink()
    again = ["--conditional", "--notrain", "--visualize"]
    assert call(*again, "--epochs=7", small=False) != 0  # another width: another run
    assert call(*again) == 0
    assert {path: path.read_bytes() for path in run_dir.rglob("*.*")} == before
    assert call("--conditional", "--notrain", "--visualize_option=4", "--visualize_labels=2,0") == 0
    assert "option4_merged.gif" in _names(run_dir / "visualize")
    # Not asked for: none.
    (run_dir / "visualize").rename(run_dir / "before")
    nothing = ["--novisualize", "--visualize_option=2", "--notensorboard", "--eval_every=0"]
    assert call("--conditional", "--notrain", *nothing) == 0
    assert not (run_dir / "visualize").exists()


def test_notrain_without_a_run(call, tmp_path, capsys):
    assert call("--notrain") == 1
    assert "There is no trained run in" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--keep_best=frechet", "--metrics=nonsense", "--tensorboard"], "keep_best"),
        (["--eval_every=1", "--metrics=nonsense"], "eval_every"),
        (["--tensorboard"], "tensorboard"),
        (["--num_images=100"], "num_images"),
    ],
)
def test_scores_of_a_training_need_one(call, capsys, words, flag):
    assert call("--notrain", *words) == 2
    assert f"--{flag} is of a training, --notrain trains nothing" in capsys.readouterr().err


def test_conditional_without_labels(call, tmp_path, data_dir, draw_images, capsys):
    from PIL import Image

    (data_dir / "photos").mkdir()
    for index, image in enumerate(draw_images(24, (8, 8, 1))):
        Image.fromarray(image[..., 0]).save(data_dir / f"photos/{index}.png")
    assert call("--conditional", "--output_height=8", dataset="photos") == 1
    assert "needs labels, and these pictures have none" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()


def test_wrong_classes_are_refused_before_training(call, tmp_path, capsys):
    assert call("--conditional", "--visualize_labels=0,cat") == 1
    assert "--visualize_labels: 'cat' names no class" in capsys.readouterr().err
    assert call("--visualize_labels=0") == 1
    assert "--visualize_labels goes with --conditional" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()


def test_flags_of_the_program(call, requests, tmp_path, data_dir):
    assert (
        dcgan.main(
            [
                *("--epoch=2", "--learning_rate=0.001", "--beta1=0.4", "--train_size=20"),
                *("--batch_size=4", "--input_height=24", "--input_width=20", "--crop"),
                *("--output_height=16", "--output_width=12", "--dataset=mnist"),
                *("--input_fname_pattern=*.png", "--checkpoint_dir", str(tmp_path / "ck")),
                *(f"--data_dir={data_dir}", "--z_dim=7", "--z_dist=normal01", "--train=True"),
                *("--visualize=False", "--max_to_keep=5", "--sample_freq=11", "--ckpt_freq=12"),
            ]
        )
        == 0
    )
    request = requests["request"]
    assert request.model == "dcgan"
    assert request.options == {
        "epochs": 2,
        "learning_rate": 0.001,
        "beta_1": 0.4,
        "batch_size": 4,
        "latent_dim": 7,
        "z_dist": "normal01",
    }
    assert request.data["train_size"] == 20
    assert request.data["input_fname_pattern"] == "*.png"
    assert requests["checkpoint_dir"] == str(tmp_path / "ck")
    assert (requests["sheet_every"], requests["state_every"]) == (11, 12)
    assert requests["states_kept"] == 5
    dataset = requests["prepared"].dataset
    assert dataset.image_shape == (16, 12, 1)
    assert len(dataset.train.images) == 20


def test_defaults_of_the_program(call, requests):
    assert call(small=False) == 0
    options = requests["prepared"].config.options
    assert requests["request"].options == {}
    assert (requests["sheet_every"], requests["state_every"]) == (200, 200)
    assert (options["generator_steps"], options["latent_dim"], options["batch_size"]) == (
        2,
        100,
        64,
    )
    assert requests["prepared"].config.epochs == 25
    # The default data set is CelebA, which is not here.
    assert requests["given_dataset"] is True


def test_default_dataset_is_celeba(tmp_path, capsys):
    (tmp_path / "nothing").mkdir()
    assert dcgan.main([f"--data_dir={tmp_path / 'nothing'}"]) == 1
    assert "celeba" in capsys.readouterr().err.lower()


@pytest.mark.parametrize("word", ["inf", "INF"])
def test_train_size_inf_is_all(call, requests, word):
    assert call(f"--train_size={word}") == 0
    assert "train_size" not in requests["request"].data
    assert len(requests["prepared"].dataset.train.images) == 48


def test_a_sampler_when_asked_for(call, requests, monkeypatch):
    exported = []
    monkeypatch.setattr(dcgan.runner, "export", exported.append)
    assert call() == 0
    assert exported == []
    assert call("--export") == 0
    assert exported == [requests["prepared"]]


@pytest.mark.parametrize("word", ["0", "-3", "1.5", "many"])
def test_train_size_must_be_a_number(call, capsys, word):
    assert call(f"--train_size={word}") == 2
    assert f"--train_size={word}: expected a positive number, or inf" in capsys.readouterr().err


def test_one_generator_update(call, requests):
    assert call("--generator_steps=1") == 0
    assert requests["prepared"].config.options["generator_steps"] == 1
    assert "generator_steps=1" in requests["prepared"].run_dir.name


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--freeze=True", "--freeze does nothing: --export makes a SavedModel"),
        ("--out_dir=out", "--out_dir does nothing: .* name it with --run_dir"),
        ("--out_name=x", "--out_name does nothing: .* name it with --run_dir"),
        ("--sample_dir=samples", "--sample_dir does nothing: .* samples of the run directory"),
        ("--G_img_sum", "--G_img_sum does nothing: .* samples"),
    ],
)
def test_flags_without_a_meaning_say_what_replaced_them(call, requests, capsys, word, line):
    import re

    assert call(word) == 0
    said = [text for text in capsys.readouterr().out.splitlines() if re.match(line, text)]
    assert len(said) == 1


@pytest.mark.parametrize("word", ["--visualize_option=5", "--z_dist=normal", "--max_to_keep=0"])
def test_values_out_of_range(call, word):
    assert call(word) == 2
