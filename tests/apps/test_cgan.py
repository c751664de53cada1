"""The conditional GAN from the command line: labels of a folder, sheets, samples by class."""

import numpy as np
import pytest
from PIL import Image

from apps import cgan, sample


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with the classes `black` and `white`, and one without classes."""
    root = tmp_path_factory.mktemp("pictures")
    for part in ("train", "test"):
        for value, name in ((0, "black"), (255, "white")):
            for folder in (root / "classes" / part / name, root / "plain" / part):
                folder.mkdir(parents=True, exist_ok=True)
                for number in range(4):
                    picture = np.full((8, 8), abs(value - number), np.uint8)
                    Image.fromarray(picture).save(folder / f"{name}_{number}.png")
    return root


@pytest.fixture(scope="module")
def words(pictures):
    shared = [f"--cache_dir={pictures / 'cache'}", "--output_height=8", "--width=1"]
    return [*shared, "--batch_size=4", "--epochs=1", f"--checkpoint_dir={pictures / 'runs'}"]


@pytest.fixture(scope="module")
def run_dir(pictures, words):
    folder = pictures / "run"
    words = [*words, f"--dataset=folder:{pictures / 'classes'}", f"--run_dir={folder}"]
    assert cgan.main(words) == 0
    return folder


def test_sheets_of_an_epoch(run_dir):
    names = sorted(path.name for path in (run_dir / "samples").iterdir())
    assert names == [
        "class_0_epoch_001.png",
        "class_1_epoch_001.png",
        "epoch_001.png",
        "styles_epoch_001.png",
    ]
    # Ten rows, two columns, of 8×8 pictures with 2 pixels between them.
    assert Image.open(run_dir / "samples" / "styles_epoch_001.png").size == (22, 102)


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--labels=1", [1, 1, 1, 1, 1]),
        ("--labels=0,1,1", [0, 1, 1, 0, 1]),
        ("--labels=white,black", [1, 0, 1, 0, 1]),
    ],
)
def test_samples_of_chosen_classes(run_dir, tmp_path, flag, expected):
    output = tmp_path / "samples.npz"
    words = [f"--run_dir={run_dir}", "--num_images=5", f"--output={output}"]
    assert sample.main([*words, flag]) == 0
    with np.load(output) as arrays:
        assert arrays["images"].shape == (5, 8, 8, 1)
        assert arrays["labels"].dtype == np.int64
        assert arrays["labels"].tolist() == expected


def test_drawn_labels_go_with_their_images(run_dir, tmp_path):
    words = [f"--run_dir={run_dir}", "--num_images=40", "--seed=3"]
    first, again = tmp_path / "first.npz", tmp_path / "again.npz"
    assert sample.main([*words, f"--output={first}"]) == 0
    with np.load(first) as arrays:
        drawn = {name: arrays[name] for name in arrays.files}
    assert set(drawn["labels"].tolist()) == {0, 1}
    labels = ",".join(map(str, drawn["labels"]))
    assert sample.main([*words, f"--output={again}", f"--labels={labels}"]) == 0
    with np.load(again) as arrays:
        np.testing.assert_array_equal(arrays["images"], drawn["images"])


@pytest.mark.parametrize("flag", ["--labels=2", "--labels=grey", "--labels=0,", "--labels=-1"])
def test_unknown_classes_are_named(run_dir, tmp_path, capsys, flag):
    words = [f"--run_dir={run_dir}", f"--output={tmp_path / 'a.png'}", flag]
    assert sample.main(words) == 1
    message = capsys.readouterr().err
    assert "expected numbers from 0 to 1, or names of black, white" in message
    assert not (tmp_path / "a.png").exists()


def test_pictures_without_labels_are_refused_before_a_run_is_made(pictures, words, capsys):
    assert cgan.main([*words, f"--dataset=folder:{pictures / 'plain'}"]) == 1
    message = capsys.readouterr().err
    assert "CGAN needs labels, and these pictures have none" in message
    assert not (pictures / "runs").exists()
