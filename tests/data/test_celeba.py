import contextlib
import os
import pathlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from PIL import Image

from genkeras.data import celeba as celeba_module
from genkeras.data.celeba import load_celeba
from genkeras.data.dataset import DataError

REAL = pathlib.Path(os.environ.get("GENKERAS_DATA_DIR", "no-such-folder")) / "celeba"
PARTS = "0001020012"


@pytest.fixture
def celeba(tmp_path, draw):
    """Ten drawn pictures in the official layout: 6 to train, 2 to validate, 2 to test."""

    def make(below="celeba"):
        root = tmp_path / below
        names = [f"{index:06d}.jpg" for index in range(1, 11)]
        for index, name in enumerate(names):
            draw(root / "img_align_celeba" / name, size=(178, 218), seed=index, quality=95)
        lines = [f"{name} {part}" for name, part in zip(names, PARTS, strict=True)]
        (root / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
        lines = [f"{name}  {1 - 2 * (index % 2):2d} -1" for index, name in enumerate(names)]
        header = f"{len(names)}\nSmiling Young\n"
        (root / "list_attr_celeba.txt").write_text(header + "\n".join(lines) + "\n")
        return root

    return make


@pytest.mark.parametrize("below", ["celeba", "."])
def test_official_parts_without_the_validation(tmp_path, celeba, options, below):
    root = celeba(below)
    dataset = load_celeba(options(data_dir=str(tmp_path), output_height=218, output_width=178))
    assert dataset.train.images.shape == (6, 218, 178, 3)
    assert dataset.test.images.shape == (2, 218, 178, 3)
    assert dataset.class_names is None
    with Image.open(root / "img_align_celeba" / "000005.jpg") as picture:
        np.testing.assert_array_equal(dataset.train.images[3], np.asarray(picture))
    with Image.open(root / "img_align_celeba" / "000006.jpg") as picture:
        np.testing.assert_array_equal(dataset.test.images[0], np.asarray(picture))


@pytest.mark.parametrize("below", ["celeba", "celebA"])
def test_loose_pictures_belong_to_no_split(tmp_path, draw, options, below):
    draw(tmp_path / below / "000001.jpg", size=(178, 218), seed=0)
    told = rf"not in CelebA's official layout.*--dataset=folder:{tmp_path}/{below}\."
    with pytest.raises(DataError, match=told):
        load_celeba(options(data_dir=str(tmp_path)))


def test_crop_is_108_by_default(tmp_path, celeba, options):
    root = celeba()
    dataset = load_celeba(options(data_dir=str(tmp_path), crop=True, output_height=108))
    with Image.open(root / "img_align_celeba" / "000001.jpg") as picture:
        expected = np.asarray(picture)[55:163, 35:143]
    np.testing.assert_array_equal(dataset.train.images[0], expected)
    assert load_celeba(options(data_dir=str(tmp_path), crop=True)).image_shape == (64, 64, 3)


def test_an_attribute_as_label(tmp_path, celeba, options):
    celeba()
    dataset = load_celeba(options(data_dir=str(tmp_path), label="Smiling"))
    assert dataset.class_names == ("not Smiling", "Smiling")
    assert dataset.train.labels.tolist() == [1, 0, 1, 1, 1, 0]
    assert dataset.test.labels.tolist() == [0, 0]
    young = load_celeba(options(data_dir=str(tmp_path), label="Young"))
    assert young.train.labels.tolist() == [0] * 6
    assert young.facts["fingerprint"] != dataset.facts["fingerprint"]


def test_an_unknown_attribute(tmp_path, celeba, options):
    celeba()
    with pytest.raises(DataError, match=r"Did you mean Smiling.*Known: Smiling, Young"):
        load_celeba(options(data_dir=str(tmp_path), label="smile"))


def test_train_size(tmp_path, celeba, options):
    celeba()
    dataset = load_celeba(options(data_dir=str(tmp_path), train_size=2, label="Smiling"))
    assert dataset.train.labels.tolist() == [1, 0]


def test_missing_pictures_count_as_bad(tmp_path, celeba, options):
    root = celeba()
    (root / "img_align_celeba" / "000002.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 8 files are bad(.|\n)*000002.jpg: listed in"):
        load_celeba(options(data_dir=str(tmp_path)))
    dataset = load_celeba(options(data_dir=str(tmp_path), max_bad_fraction=0.2, label="Smiling"))
    assert dataset.train.labels.tolist() == [1, 1, 1, 1, 0]
    assert dataset.facts["left_out"][0]["file"] == "000002.jpg"


def test_links_that_leave_the_folder_are_refused(tmp_path, celeba, options, draw):
    root = celeba()
    draw(tmp_path / "elsewhere.jpg", size=(178, 218))
    (root / "img_align_celeba" / "000002.jpg").unlink()
    target = (tmp_path / "elsewhere.jpg").rename(tmp_path / os.fsdecode(b"\xff.jpg"))
    (root / "img_align_celeba" / "000002.jpg").symlink_to(target)
    with pytest.raises(DataError, match=r"000002.jpg: link that leaves the folder.*/\\udcff.jpg"):
        load_celeba(options(data_dir=str(tmp_path)))


@pytest.mark.parametrize("missing", ["list_eval_partition.txt", "img_align_celeba"])
def test_half_a_set_names_the_other_half(tmp_path, celeba, options, missing):
    root = celeba()
    (root / missing).rename(tmp_path / "away")
    with pytest.raises(DataError, match=f"not {missing}"):
        load_celeba(options(data_dir=str(tmp_path)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("000001.jpg", "line 11"),
        ("000099.jpg 7", "line 11"),
        ("000001.jpg 0", "listed twice"),
        ("../../x.jpg 0", "not a plain file name"),
    ],
)
def test_wrong_lines_of_the_partition_are_numbered(tmp_path, celeba, options, line, message):
    with open(celeba() / "list_eval_partition.txt", "a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=message):
        load_celeba(options(data_dir=str(tmp_path)))


def test_wrong_attribute_files(tmp_path, celeba, options):
    path = celeba() / "list_attr_celeba.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(DataError, match=r"no line for 000010.jpg"):
        load_celeba(options(data_dir=str(tmp_path), label="Smiling"))
    path.write_text("\n".join([*lines, "000011.jpg 1"]))
    with pytest.raises(DataError, match=r"line 13"):
        load_celeba(options(data_dir=str(tmp_path), label="Smiling"))
    path.unlink()
    with pytest.raises(DataError, match=r"list_attr_celeba.txt cannot be read"):
        load_celeba(options(data_dir=str(tmp_path), label="Smiling"))


def test_the_real_pictures(options):
    if not REAL.is_dir():
        pytest.skip("GENKERAS_DATA_DIR has no CelebA")
    dataset = load_celeba(
        options(data_dir=str(REAL.parent), crop=True, output_height=108, train_size=5, label="Male")
    )
    assert dataset.train.images.shape == (5, 108, 108, 3)
    with Image.open(REAL / "img_align_celeba" / "000001.jpg") as picture:
        expected = np.asarray(picture)[55:163, 35:143]
    np.testing.assert_array_equal(dataset.train.images[0], expected)


@hypothesis.settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    name=st.sampled_from(["list_eval_partition.txt", "list_attr_celeba.txt"]),
    position=st.floats(0.0, 1.0),
    value=st.binary(max_size=6),
    kept=st.one_of(st.just(1.0), st.floats(0.0, 1.0)),
)
def test_any_damage_of_the_lists_is_an_error_or_harmless(tmp_path, name, position, value, kept):
    sound = {
        "list_eval_partition.txt": b"1.jpg 0\n2.jpg 1\n3.jpg 2\n",
        "list_attr_celeba.txt": b"3\nSmiling Young\n1.jpg 1 -1\n2.jpg -1 -1\n3.jpg 1  1\n",
    }
    data = sound[name]
    first = int(position * len(data))
    data = data[:first] + value + data[first + len(value) :]
    path = tmp_path / name
    path.write_bytes(data[: int(kept * len(data))])
    with contextlib.suppress(DataError):
        if name == "list_eval_partition.txt":
            parts = celeba_module.read_partition(path)
            assert all("/" not in each for names in parts.values() for each in names)
        else:
            values = celeba_module.read_attribute(path, "Smiling")
            assert set(values.values()) <= {0, 1}
