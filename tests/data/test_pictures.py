import builtins
import errno
import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from genkeras.data import pictures, scan
from genkeras.data.dataset import DataError
from genkeras.data.folder import load_folder


@pytest.fixture
def decodes(monkeypatch):
    """Counts the pictures decoded."""
    read, counted = scan.read_picture, []

    def count(path, max_pixels):
        counted.append(path)
        return read(path, max_pixels)

    monkeypatch.setattr(scan, "read_picture", count)
    return counted


def test_the_second_start_decodes_nothing(picture_folder, options, decodes, monkeypatch):
    root = picture_folder()
    first = load_folder(root, options(), "set")
    assert len(decodes) == 12
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened a picture"))
    second = load_folder(root, options(), "set")
    np.testing.assert_array_equal(first.train.images, second.train.images)
    assert first.facts == second.facts
    assert isinstance(second.train.images, np.memmap)


@pytest.mark.parametrize(
    "change", [{"output_height": 32}, {"crop": True, "input_height": 10}, {"max_pixels": 10**6}]
)
def test_other_options_are_decoded_anew(picture_folder, options, decodes, change):
    root = picture_folder()
    load_folder(root, options(), "set")
    load_folder(root, options(**change), "set")
    assert len(decodes) == 24


def test_a_changed_file_is_decoded_anew(picture_folder, options, decodes, draw):
    root = picture_folder()
    first = load_folder(root, options(), "set")
    changed = root / "train" / "cat" / "000.png"
    draw(changed, seed=99)
    os.utime(changed, ns=(0, 5))
    second = load_folder(root, options(), "set")
    assert len(decodes) == 24
    assert first.facts["fingerprint"] != second.facts["fingerprint"]


def test_a_moved_folder_has_the_same_fingerprint(picture_folder, options):
    root = picture_folder()
    first = load_folder(root, options(), "set")
    moved = root.rename(root.with_name("moved"))
    second = load_folder(moved, options(), "set")
    assert first.facts["fingerprint"] == second.facts["fingerprint"]


def test_too_many_bad_files_are_all_listed(picture_folder, options):
    root = picture_folder(num_train=40)
    for index in range(3):
        (root / "train" / "cat" / f"bad{index}.png").write_text("<html>")
    with pytest.raises(DataError) as caught:
        load_folder(root, options(), "set")
    text = str(caught.value)
    assert "3 of 47 files are bad" in text
    assert "--max_bad_fraction=0.01" in text
    for index in range(3):
        assert f"train/cat/bad{index}.png: a web page (HTML), not a picture" in text
    assert not list((root.parent / "cache").glob("set-*"))


def unreadable(monkeypatch, where, path, error):
    """Makes one picture fail, in the scan or when it is decoded."""
    names = {"scan": "read_header", "decoding": "read_picture"}
    function = getattr(scan, names[where])

    def call(name, max_pixels):
        if name != os.path.realpath(path):
            return function(name, max_pixels)
        with monkeypatch.context() as context:
            context.setattr(scan, "open", refuse, raising=False)
            return function(name, max_pixels)

    def refuse(name, how):
        if name == os.path.realpath(path):
            raise error
        return builtins.open(name, how)

    monkeypatch.setattr(scan, names[where], call)


@pytest.mark.parametrize("where", ["scan", "decoding"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_errors_that_pass_stop_and_are_not_kept(
    picture_folder, options, monkeypatch, where, error, told
):
    root = picture_folder()
    path = root / "train" / "cat" / "000.png"
    unreadable(monkeypatch, where, path, error)
    with pytest.raises(DataError, match=rf"cat/000\.png: cannot be read: {told}.*chmod u\+r"):
        load_folder(root, options(max_bad_fraction=1.0), "set")
    assert not list((root.parent / "cache").iterdir())
    monkeypatch.undo()
    dataset = load_folder(root, options(), "set")
    assert len(dataset.train.images) == 8
    assert dataset.facts["num_left_out"] == 0


def test_too_little_memory_to_resize_stops(picture_folder, options, monkeypatch):
    def refuse(*_):
        raise MemoryError

    monkeypatch.setattr(pictures, "transform", refuse)
    with pytest.raises(DataError, match=r"000\.png: not enough memory to resize it"):
        load_folder(picture_folder(), options(max_bad_fraction=1.0), "set")


def test_a_long_list_is_cut(picture_folder, options):
    root = picture_folder()
    for index in range(30):
        (root / "train" / "cat" / f"bad{index}.png").touch()
    with pytest.raises(DataError, match=r"and 10 more") as caught:
        load_folder(root, options(), "set")
    assert str(caught.value).count("empty file") == 20


def test_few_bad_files_are_left_out_and_counted(picture_folder, options, caplog, decodes):
    root = picture_folder()
    (root / "train" / "cat" / "000.png").write_text("<html>")
    (root / "test" / "dog" / "link.png").symlink_to("/")
    for _ in range(2):
        caplog.clear()
        dataset = load_folder(root, options(max_bad_fraction=0.2), "set")
        assert (len(dataset.train.images), len(dataset.test.images)) == (7, 4)
        assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
        left_out = {item["file"]: item["reason"] for item in dataset.facts["left_out"]}
        assert left_out["train/cat/000.png"] == "a web page (HTML), not a picture"
        assert "leaves the folder" in left_out["test/dog/link.png"]
        assert dataset.facts["num_left_out"] == 2
        assert "train/cat/000.png: a web page" in caplog.text
        assert "2 files left out in all" in caplog.text
    # The bad file was refused by its header, and the second time by what was stored.
    assert len(decodes) == 11


def test_the_stored_set_is_judged_by_the_share_of_today(picture_folder, options):
    root = picture_folder()
    (root / "train" / "cat" / "000.png").write_text("<html>")
    load_folder(root, options(max_bad_fraction=0.2), "set")
    with pytest.raises(DataError, match=r"1 of 12 files are bad"):
        load_folder(root, options(), "set")


def test_rows_keep_the_order_of_the_names(tmp_path, options):
    for part in ("train", "test"):
        for index in range(300):
            path = tmp_path / "set" / part / f"{index:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), index % 256).save(path)
    dataset = load_folder(tmp_path / "set", options(output_height=8), "set")
    expected = [index % 256 for index in range(300)]
    assert dataset.train.images[:, 0, 0, 0].tolist() == expected
    assert dataset.test.images[:, 0, 0, 0].tolist() == expected


def test_memory_does_not_grow_with_the_set(tmp_path, options, monkeypatch):
    monkeypatch.setattr(pictures, "CHUNK", 8)

    def peak(number, name):
        for part in ("train", "test"):
            for index in range(number):
                path = tmp_path / name / part / f"{index}.bmp"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (16, 16), (index, 0, 0)).save(path)
        tracemalloc.start()
        load_folder(tmp_path / name, options(output_height=128), name)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    # The larger set has 4.7 MB more of rows.
    peak(5, "warm")
    assert peak(60, "large") - peak(12, "small") < 2_500_000


def test_grey_iff_every_good_file_is_grey(tmp_path, options, draw):
    root = tmp_path / "set"
    for part in ("train", "test"):
        for index in range(3):
            draw(root / part / f"{index}.png", mode="L", seed=index)
    grey = load_folder(root, options(), "set")
    assert grey.image_shape == (64, 64, 1)
    # A colour picture that is bad does not count, even if its header is good.
    draw(root / "train" / "colour.png", size=(90, 90))
    data = (root / "train" / "colour.png").read_bytes()
    (root / "train" / "colour.png").write_bytes(data[: len(data) // 2])
    still_grey = load_folder(root, options(max_bad_fraction=0.5), "set")
    assert still_grey.image_shape == (64, 64, 1)
    np.testing.assert_array_equal(still_grey.train.images, grey.train.images)
    (root / "train" / "colour.png").write_bytes(data)
    colour = load_folder(root, options(), "set")
    assert colour.image_shape == (64, 64, 3)
    np.testing.assert_array_equal(colour.train.images[:3], np.repeat(grey.train.images, 3, -1))


def test_pictures_that_are_all_28_wide_and_high_keep_their_size(picture_folder, options):
    assert load_folder(picture_folder(size=(28, 28)), options(), "set").image_shape == (28, 28, 3)


def test_a_crop_that_fits_no_picture_is_said_once(picture_folder, options, decodes):
    with pytest.raises(DataError, match=r"each of 12 files.*50x50.*20x24") as caught:
        load_folder(picture_folder(size=(20, 24)), options(crop=True, input_height=50), "set")
    assert "\n" not in str(caught.value)
    assert not decodes


def test_nothing_left_for_the_test(picture_folder, options):
    root = picture_folder(num_train=30, num_test=1)
    (root / "test" / "cat" / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"no good picture is left for the test part"):
        load_folder(root, options(max_bad_fraction=0.1), "set")
