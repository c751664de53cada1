import contextlib
import gzip
import hashlib
import logging
import os
import pathlib
import struct
import tracemalloc

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from genkeras.data import idx, idx_file
from genkeras.data.dataset import DataError

REAL = pathlib.Path(os.environ.get("GENKERAS_DATA_DIR", "no-such-folder"))


@pytest.fixture(autouse=True)
def no_system_folders(monkeypatch):
    """A machine without Debian's package."""
    monkeypatch.setattr(idx, "SYSTEM_FOLDERS", {})


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", ["mnist", "."])
def test_loads_the_four_files(tmp_path, write_idx_set, options, packed, below):
    arrays = write_idx_set(tmp_path / below, packed=packed)
    dataset = idx.load_mnist(options(data_dir=str(tmp_path)))
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64
    np.testing.assert_array_equal(dataset.train.images[..., 0], arrays[0])
    np.testing.assert_array_equal(dataset.test.images[..., 0], arrays[2])
    np.testing.assert_array_equal(dataset.test.labels, arrays[3])
    assert dataset.class_names == tuple("0123456789")
    assert dataset.facts["num_train"] == 30
    assert dataset.facts["num_test"] == 10


def test_train_size_and_output_height(tmp_path, write_idx_set, options):
    arrays = write_idx_set(tmp_path)
    dataset = idx.load_mnist(options(data_dir=str(tmp_path), train_size=7, output_height=14))
    assert dataset.train.images.shape == (7, 14, 14, 1)
    assert dataset.test.images.shape == (10, 14, 14, 1)
    assert dataset.train.images.mean() == pytest.approx(arrays[0][:7].mean(), abs=1)


def test_fingerprint_follows_the_content(tmp_path, write_idx_set, options):
    prints = []
    for number in (30, 30, 31):
        write_idx_set(tmp_path / "mnist", num_train=number)
        prints.append(idx.load_mnist(options(data_dir=str(tmp_path))).facts["fingerprint"])
    assert prints[0] == prints[1] != prints[2]


def test_files_with_a_dot_in_their_names(tmp_path, write_idx_set, options):
    write_idx_set(tmp_path, packed=False)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(idx.load_mnist(options(data_dir=str(tmp_path))).train.images) == 30


@pytest.mark.parametrize("missing", idx.FILES)
def test_a_missing_file_is_named(tmp_path, write_idx_set, options, missing):
    write_idx_set(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{missing}.gz").unlink()
    with pytest.raises(DataError, match=f"part of mnist: {missing} "):
        idx.load_mnist(options(data_dir=str(tmp_path)))


def test_the_system_s_copy_is_found_and_said(tmp_path, write_idx_set, options, monkeypatch, caplog):
    write_idx_set(tmp_path / "system")
    monkeypatch.setattr(idx, "SYSTEM_FOLDERS", {"fashion_mnist": tmp_path / "system"})
    (tmp_path / "empty").mkdir()
    with caplog.at_level(logging.INFO, "genkeras"):
        dataset = idx.load_fashion_mnist(options(data_dir=str(tmp_path / "empty")))
    assert dataset.facts["source"] == str(tmp_path / "system")
    assert "No IDX files of fashion_mnist" in caplog.text
    assert "system's copy" in caplog.text


def test_sound_files_of_another_content_warn(tmp_path, write_idx_set, options, caplog):
    write_idx_set(tmp_path)
    idx.load_mnist(options(data_dir=str(tmp_path)))
    assert sum("not the published one" in record.message for record in caplog.records) == 4


def test_the_files_of_the_other_set_are_refused(tmp_path, write_idx_set, options, monkeypatch):
    write_idx_set(tmp_path)
    digests = tuple(
        hashlib.md5(gzip.decompress((tmp_path / f"{file}.gz").read_bytes())).hexdigest()
        for file in idx.FILES
    )
    monkeypatch.setitem(idx.MD5, "fashion_mnist", digests)
    with pytest.raises(DataError, match=r"files of fashion_mnist, not of mnist"):
        idx.load_mnist(options(data_dir=str(tmp_path)))


def test_a_label_too_large_is_named(tmp_path, write_idx_set, options, idx_bytes, caplog):
    write_idx_set(tmp_path)
    labels = np.zeros(30, np.uint8)
    labels[4] = 10
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    with pytest.raises(DataError, match=r"train-labels.*label 10 at position 4"):
        idx.load_mnist(options(data_dir=str(tmp_path)))
    assert not caplog.records


def test_labels_that_do_not_match_the_pictures(tmp_path, write_idx_set, options, idx_bytes):
    write_idx_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(idx_bytes(np.zeros(9, np.uint8)))
    )
    with pytest.raises(DataError, match=r"10 pictures.*9 labels"):
        idx.load_mnist(options(data_dir=str(tmp_path)))


def test_files_that_do_not_belong_together_are_told_before_they_are_unpacked(
    tmp_path, write_idx_set, options, idx_bytes, caplog
):
    write_idx_set(tmp_path)
    bomb = idx_bytes(np.zeros((60_000, 28, 28), np.uint8))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bomb))
    del bomb
    tracemalloc.start()
    with pytest.raises(DataError, match=r"60000 pictures, but .* 30 labels"):
        idx.load_mnist(options(data_dir=str(tmp_path)))
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert not caplog.records


def test_a_label_option_is_refused(options):
    with pytest.raises(DataError, match=r"--label=Smiling"):
        idx.load_mnist(options(label="Smiling"))


def sound(shape=(5, 3, 2)):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    return struct.pack(">HBB3I", 0, 8, 3, *shape) + array.tobytes()


DAMAGED = {
    "empty": b"",
    "header cut": sound()[:9],
    "data cut": sound()[:-1],
    "data too long": sound() + b"x",
    "other type": b"\0\0\x0d\x03" + sound()[4:],
    "other dimensions": b"\0\0\x08\x01" + sound()[4:],
    "not IDX": b"<!DOCTYPE html>" + bytes(50),
    "absurd size": struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
    "large size": struct.pack(">HBB3I", 0, 8, 3, 60_000, 28, 28) + bytes(40),
    "no pictures": struct.pack(">HBB3I", 0, 8, 3, 0, 28, 28),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_named(tmp_path, damage, packed):
    path = tmp_path / "broken"
    path.write_bytes(gzip.compress(DAMAGED[damage]) if packed else DAMAGED[damage])
    with pytest.raises(DataError, match=str(path)):
        idx_file.read_idx(path, 3)


def test_damaged_gzip_is_named(tmp_path):
    path = tmp_path / "broken.gz"
    packed = bytearray(gzip.compress(sound((50, 3, 2))))
    spoilt_checksum = bytes(packed[:-8]) + b"\0\0\0\0" + bytes(packed[-4:])
    for data in (packed[:-12], packed[:-3], packed[:5], spoilt_checksum, packed + b"junk"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=str(path)):
            idx_file.read_idx(path, 3)


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(sound() + bytes(50_000_000)))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"goes on after the 30 bytes"):
        idx_file.read_idx(path, 3)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_lying_header_allocates_nothing(tmp_path):
    path = tmp_path / "liar.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 1000, 1000, 1000)))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"more than it can hold"):
        idx_file.read_idx(path, 3)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_more_than_a_gigabyte_is_not_unpacked(tmp_path):
    path = tmp_path / "large.gz"
    header = gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2_000_000, 28, 28))
    path.write_bytes(header + bytes(2_000_000))
    with pytest.raises(DataError, match="1,568,000,000 bytes by its header; at most 1,073,741,824"):
        idx_file.read_idx(path, 3)


def test_the_pictures_are_in_memory_once(tmp_path, idx_bytes):
    (tmp_path / "images").write_bytes(idx_bytes(np.zeros((10_000, 28, 28), np.uint8)))
    tracemalloc.start()
    array, _ = idx_file.read_idx(tmp_path / "images", 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * array.nbytes
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_file_larger_than_the_memory(tmp_path, monkeypatch):
    def read(*_):
        raise MemoryError

    (tmp_path / "images").write_bytes(sound())
    monkeypatch.setattr(idx_file, "_read_data", read)
    with pytest.raises(DataError, match="images holds more than there is memory for"):
        idx_file.read_idx(tmp_path / "images", 3)


@hypothesis.settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    position=st.integers(0, 60),
    value=st.binary(min_size=0, max_size=6),
    cut=st.integers(0, 60),
    packed=st.booleans(),
    damage_packed=st.booleans(),
)
def test_any_damage_gives_an_error_or_an_array(
    tmp_path, position, value, cut, packed, damage_packed
):
    def damage(data):
        data = data[:position] + value + data[position + len(value) :]
        return data[: len(data) - cut] if cut < 30 else data

    data = sound()
    if packed:
        data = damage(gzip.compress(data)) if damage_packed else gzip.compress(damage(data))
    else:
        data = damage(data)
    path = tmp_path / "fuzzed"
    path.write_bytes(data)
    # Any other error fails the test by itself.
    array = None
    with contextlib.suppress(DataError):
        array, _ = idx_file.read_idx(path, 3)
    if array is not None:
        assert array.dtype == np.uint8
        assert array.ndim == 3
        assert array.size > 0


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_published_files(name, options, caplog):
    if not (REAL / name).is_dir():
        pytest.skip("GENKERAS_DATA_DIR has no such set")
    dataset = idx.load_idx(name, options(data_dir=str(REAL)))
    assert dataset.train.images.shape == (60_000, 28, 28, 1)
    assert dataset.test.images.shape == (10_000, 28, 28, 1)
    mean = {"mnist": 0.130660, "fashion_mnist": 0.286041}[name]
    assert dataset.train.images.mean() / 255 == pytest.approx(mean, abs=1e-6)
    assert not caplog.records
