import re
import subprocess
import sys

import pytest

from genkeras.data import idx, registry
from genkeras.data.dataset import DataError


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("celebA", "celeba"),
        ("CelebA", "celeba"),
        ("celeb_a", "celeba"),
        ("fashion-mnist", "fashion_mnist"),
        ("Fashion_MNIST", "fashion_mnist"),
        ("MNIST", "mnist"),
        ("Fashion-MNIST-Sample", "fashion_mnist_sample"),
        ("folder:/A-b", "folder:/A-b"),
        ("My-Cats", "My-Cats"),
    ],
)
def test_spellings(spelling, name):
    assert registry.canonical_name(spelling) == name


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("celebA", "celeba"),
        ("tfds:cifar10", "tfds_cifar10"),
        ("tfds:a/b:1.0.0", "tfds_a_b_1.0.0"),
    ],
)
def test_names_of_directories(name, directory):
    assert registry.directory_name(name) == directory


def test_names_of_directories_tell_folders_of_one_name_apart():
    first, second, again = map(
        registry.directory_name,
        ["folder:/a/my cats/", "folder:/b/my cats", "folder:/a/../a/my cats"],
    )
    assert re.fullmatch(r"folder_my_cats_[0-9a-f]{8}", first)
    assert first == again != second


def test_facts_hold_the_default_sizes(options, picture_folder, tmp_path):
    sample = registry.load("fashion_mnist_sample", options(output_height=32))
    assert sample.facts["default_sizes"] == {
        "input_height": None,
        "input_width": None,
        "output_height": 28,
        "output_width": 32,
    }
    # Without a crop it does nothing, so it makes no other run; with one it does.
    whole = registry.load("fashion_mnist_sample", options(input_height=28, output_height=28))
    assert whole.facts["default_sizes"]["input_height"] == 28
    cropped = registry.load("fashion_mnist_sample", options(input_height=20, crop=True))
    assert cropped.facts["default_sizes"]["input_height"] is None
    assert cropped.facts["default_sizes"]["input_width"] == 20
    folder = registry.load(f"folder:{picture_folder(root=tmp_path / 'cats')}", options())
    assert folder.facts["default_sizes"]["output_height"] == 64


def test_a_folder_is_found_by_path_and_by_name(tmp_path, picture_folder, options):
    root = picture_folder(root=tmp_path / "cats-1")
    by_path = registry.load(f"folder:{root}", options())
    by_name = registry.load("cats-1", options(data_dir=str(tmp_path)))
    below = registry.load("folder:cats-1", options(data_dir=str(tmp_path)))
    assert by_path.name.startswith("folder_cats-1_")
    assert by_name.name == "cats-1"
    prints = {dataset.facts["fingerprint"] for dataset in (by_path, by_name, below)}
    assert len(prints) == 1


def test_unknown_names_list_the_known_and_the_close(tmp_path, options):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError, match=r"Did you mean fashion_mnist\?.*folder:PATH"):
        registry.load("fashion_mnst", options())
    with pytest.raises(DataError, match=r"Did you mean flowers\?"):
        registry.load("flower", options(data_dir=str(tmp_path)))


@pytest.mark.parametrize("name", ["folder:", "tfds:", "", "..", "../x", "other:thing"])
def test_names_that_mean_nothing(tmp_path, options, name):
    with pytest.raises(DataError):
        registry.load(name, options(data_dir=str(tmp_path)))


def test_a_data_dir_that_does_not_exist(tmp_path, options, monkeypatch):
    monkeypatch.setattr(idx, "load_idx", lambda *_: pytest.fail("went on without the folder"))
    with pytest.raises(DataError, match=r"--data_dir=.*does not exist"):
        registry.load("mnist", options(data_dir=str(tmp_path / "nowhere")))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"is not a folder"):
        registry.load("mnist", options(data_dir=str(tmp_path / "file")))


def test_a_path_the_system_refuses(options):
    with pytest.raises(DataError, match=r"cannot be read: File name too long"):
        registry.load(f"folder:/{'x' * 5000}", options())


def test_the_sample_has_no_other_labels(options):
    with pytest.raises(DataError, match=r"--label=Smiling"):
        registry.load("fashion_mnist_sample", options(label="Smiling"))


def test_the_sample_needs_no_folder(tmp_path, options):
    dataset = registry.load("fashion_mnist_sample", options(data_dir=str(tmp_path / "nowhere")))
    assert len(dataset.train.images) == 10_000


@pytest.mark.parametrize("name", registry.DATASETS)
def test_every_entry_leads_to_a_function(name):
    assert callable(registry._function(registry.DATASETS[name]))


def test_tensorflow_is_not_imported():
    code = (
        "import sys, genkeras.data.registry, genkeras.data.preprocessing, genkeras.data.folder;"
        "import genkeras.data.celeba, genkeras.data.idx, genkeras.data.tfds;"
        "sys.exit(any(name.startswith('tensorflow') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_home_of_a_user_who_is_not_there(options):
    with pytest.raises(DataError, match="folder:~no_such_user/x: there is no such user"):
        registry.load("folder:~no_such_user/x", options())


def test_a_pattern_of_names_is_for_folders(options, picture_folder, tmp_path, caplog):
    registry.load("fashion_mnist_sample", options(input_fname_pattern="*.jpg"))
    assert "--input_fname_pattern=*.jpg does nothing" in caplog.text
    caplog.clear()
    folder = picture_folder(root=tmp_path / "cats")
    registry.load(f"folder:{folder}", options(input_fname_pattern="*.*"))
    assert "does nothing" not in caplog.text
