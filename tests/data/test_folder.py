import logging

import numpy as np
import pytest
from PIL import Image

from genkeras.data.dataset import DataError
from genkeras.data.folder import is_held_out, load_folder, split_files
from genkeras.data.scan import PictureFile

HELD_OUT = ["cat/8.png", "cat/10.png", "cat/29.png", "cat/30.png"]


def split(*names):
    train, test = split_files("root", [PictureFile(name, name, 1, 1) for name in sorted(names)])
    return [[(file.name, kind) for file, kind in part] for part in (train, test)]


def test_train_and_test_are_the_split_and_what_is_below_the_classes():
    train, test = split("train/cat/1.png", "train/dog/a/2.png", "test/cat/3.png")
    assert train == [("train/cat/1.png", "cat"), ("train/dog/a/2.png", "dog")]
    assert test == [("test/cat/3.png", "cat")]


def test_pictures_beside_train_and_test_are_for_neither(caplog):
    train, test = split("train/1.png", "test/2.png", "val/3.png", "4.png")
    assert train == [("train/1.png", None)]
    assert test == [("test/2.png", None)]
    assert "2 pictures beside" in caplog.text


def test_a_hash_of_the_name_holds_out_a_tenth():
    names = [f"cat/{index}.png" for index in range(2000)]
    train, test = split(*names)
    assert 150 < len(test) < 250
    assert len(train) + len(test) == 2000
    assert all(kind == "cat" for _, kind in train)
    # Written down, so that no version moves a test picture into the training part.
    assert [name for name in names[:40] if is_held_out(name)] == HELD_OUT


def test_more_pictures_do_not_move_others():
    names = [f"{index}.png" for index in range(100)]
    before, after = split(*names), split(*names, *[f"new{index}.png" for index in range(100)])
    assert set(before[1]) <= set(after[1])


def test_a_lone_train_folder_is_a_split_and_beside_others_a_class():
    names = [f"train/cat/{index}.png" for index in range(100)]
    train, test = split(*names, "val/cat/x.png")
    assert {kind for _, kind in train} == {"cat"}
    assert len(train) + len(test) == 100
    train, _ = split(*names, *[f"plane/{index}.png" for index in range(100)])
    assert {kind for _, kind in train} == {"train", "plane"}


def test_an_empty_part_is_an_error():
    with pytest.raises(DataError, match=r"leaves none for the test part.*train/ and test/"):
        split("cat/0.png")


def test_labels_follow_the_sorted_class_names(picture_folder, options):
    dataset = load_folder(picture_folder(), options(), "set")
    assert dataset.class_names == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    assert dataset.train.labels.dtype == np.int64


def test_no_sub_folders_no_labels(tmp_path, options, draw):
    for index in range(40):
        draw(tmp_path / "set" / f"{index}.png", seed=index)
    dataset = load_folder(tmp_path / "set", options(), "set")
    assert dataset.class_names is None
    assert dataset.train.labels is None
    assert dataset.test.labels is None
    assert len(dataset.test.images) == sum(is_held_out(f"{index}.png") for index in range(40))


def test_loose_pictures_beside_sub_folders_mean_no_labels(picture_folder, options, draw, caplog):
    root = picture_folder()
    draw(root / "train" / "loose.png")
    assert load_folder(root, options(), "set").class_names is None
    assert "train/loose.png" in caplog.text


def test_all_formats_sizes_and_modes_together(tmp_path, options, draw):
    root = tmp_path / "set"
    for part in ("train", "test"):
        for index, kind in enumerate(("png", "jpg", "webp", "bmp", "gif", "PNG")):
            draw(root / part / f"{index}.{kind}", size=(30 + index, 20), seed=index)
        draw(root / part / "cmyk.jpg", mode="CMYK")
        Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(root / part / "sixteen.png")
    dataset = load_folder(root, options(output_height=16, output_width=12), "set")
    assert dataset.train.images.shape == (8, 16, 12, 3)
    assert dataset.facts["num_left_out"] == 0
    assert (dataset.train.images[7] == round(40_000 / 257)).all()


def test_train_size_takes_the_first_and_decodes_no_others(picture_folder, options):
    root = picture_folder()
    (root / "train" / "dog" / "zzz.png").write_text("<html>")
    dataset = load_folder(root, options(train_size=3), "set")
    assert len(dataset.train.images) == 3
    assert len(dataset.test.images) == 4
    assert dataset.facts["num_left_out"] == 0


def test_pattern(picture_folder, options):
    dataset = load_folder(picture_folder(), options(input_fname_pattern="00[0-3].png"), "set")
    assert len(dataset.train.images) == 4
    assert dataset.facts["num_not_matching"] == 4


def test_a_folder_without_pictures(tmp_path, options):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no pictures named \*.png.*1 other files"):
        load_folder(tmp_path, options(), "set")
    with pytest.raises(DataError, match=r"--input_fname_pattern"):
        load_folder(tmp_path, options(input_fname_pattern="*.tif"), "set")


def test_what_is_not_a_folder(tmp_path, options):
    (tmp_path / "file.png").touch()
    with pytest.raises(DataError, match=r"is a file"):
        load_folder(tmp_path / "file.png", options(), "set")
    with pytest.raises(DataError, match=r"no folder nowhere or .*nowhere"):
        load_folder("nowhere", options(data_dir=str(tmp_path)), "set")


def test_label_is_refused(picture_folder, options):
    with pytest.raises(DataError, match=r"--label=Smiling.*sub-folders"):
        load_folder(picture_folder(), options(label="Smiling"), "set")


def test_hostile_folder(picture_folder, options, caplog):
    root = picture_folder(num_train=20, num_test=5)
    cat = root / "train" / "cat"
    data = (cat / "000.png").read_bytes()
    (cat / "truncated.png").write_bytes(data[: len(data) // 2])
    (cat / "page.jpg").write_text("<!DOCTYPE html><html></html>")
    Image.new("1", (12_000, 12_000)).save(cat / "huge.png")
    Image.fromarray(np.full((9, 9), 65_535, np.uint16)).save(cat / "sixteen.png")
    Image.new("CMYK", (9, 9)).save(cat / "cmyk.jpg")
    (cat / "loop").symlink_to(root)
    expected = {
        "train/cat/truncated.png": "damaged or cut short",
        "train/cat/page.jpg": "web page",
        "train/cat/huge.png": "144,000,000 pixels",
        "train/cat/loop": "a loop: not followed",
    }
    with pytest.raises(DataError, match=r"3 of 30 files are bad") as caught:
        load_folder(root, options(), "set")
    assert str(caught.value).startswith(f"{root}: ")
    for name in expected:
        assert f"{name}: " in str(caught.value)
    with caplog.at_level(logging.WARNING, "genkeras"):
        dataset = load_folder(root, options(max_bad_fraction=0.5), "set")
    assert len(dataset.train.images) == 22
    left_out = {item["file"]: item["reason"] for item in dataset.facts["left_out"]}
    assert left_out.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in left_out[name]
        assert name in caplog.text
