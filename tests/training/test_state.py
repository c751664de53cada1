import errno
import os
import pathlib
import zipfile

import numpy as np
import pytest

from genkeras import registry
from genkeras.training import state
from genkeras.training.errors import RunError


@pytest.fixture
def arrays():
    return {"a": np.arange(12.0).reshape(3, 4), "b": np.array(7, np.int64)}


def _path(run_dir, step):
    return run_dir / f"state-{step:09d}.npz"


def test_round_trip(tmp_path, arrays):
    state.save(tmp_path, 5, arrays, {"history": [{"epoch": 1}]})
    loaded, meta = state.load_newest(tmp_path)
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
    assert meta["step"] == 5
    assert meta["history"] == [{"epoch": 1}]


def test_a_state_of_more_than_two_gibibytes(tmp_path, arrays, monkeypatch):
    """Its archive ends in records that smaller ones do not have."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 200)
    state.save(tmp_path, 5, arrays, {})
    assert b"PK\6\6" in _path(tmp_path, 5).read_bytes()
    monkeypatch.undo()
    np.testing.assert_array_equal(state.load_newest(tmp_path)[0]["a"], arrays["a"])


def test_no_state_yet(tmp_path):
    assert state.load_newest(tmp_path) is None


def test_the_newest_are_kept(tmp_path, arrays):
    for step in (1, 2, 10):
        state.save(tmp_path, step, arrays, {}, keep=2)
    assert sorted(tmp_path.iterdir()) == [_path(tmp_path, 2), _path(tmp_path, 10)]
    assert state.load_newest(tmp_path)[1]["step"] == 10


def test_a_damaged_state_of_a_later_step_costs_no_state_that_is_whole(tmp_path, arrays):
    for step in (10, 20):
        state.save(tmp_path, step, arrays, {})
    _path(tmp_path, 20).write_bytes(b"torn")
    state.save(tmp_path, 15, arrays, {}, keep=1)
    assert state.paths(tmp_path) == [_path(tmp_path, 15), _path(tmp_path, 20)]
    assert state.load_newest(tmp_path)[1]["step"] == 15
    state.save(tmp_path, 20, arrays, {}, keep=1)
    assert state.paths(tmp_path) == [_path(tmp_path, 20)]


def test_copies_that_somebody_made_are_neither_taken_nor_deleted(tmp_path, arrays):
    state.save(tmp_path, 1, arrays, {})
    names = ("state-before-my-experiment.npz", "state-000000001-keep.npz", "state-000000002x.npz")
    for name in names:
        (tmp_path / name).write_bytes(_path(tmp_path, 1).read_bytes() + b"mine")
    for step in (2, 3):
        state.save(tmp_path, step, arrays, {}, keep=1)
        assert state.load_newest(tmp_path)[1]["step"] == step
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names, "state-000000003.npz"}


def test_a_thousand_million_steps_are_more_than_one_step_less(tmp_path, arrays):
    for step in (999_999_998, 999_999_999, 1_000_000_000):
        state.save(tmp_path, step, arrays, {})
    assert state.paths(tmp_path) == [_path(tmp_path, 999_999_999), _path(tmp_path, 10**9)]
    assert state.load_newest(tmp_path)[1]["step"] == 10**9


def test_any_flipped_byte_is_noticed_and_the_state_before_is_taken(tmp_path, arrays, caplog):
    state.save(tmp_path, 1, arrays, {})
    state.save(tmp_path, 2, arrays, {})
    whole = _path(tmp_path, 2).read_bytes()
    positions = range(0, len(whole), max(1, len(whole) // 60))
    noticed = 0
    for position in positions:
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        _path(tmp_path, 2).write_bytes(damaged)
        caplog.clear()
        loaded, meta = state.load_newest(tmp_path)
        # A byte of the container that holds no number may differ; the numbers may not.
        np.testing.assert_array_equal(loaded["a"], arrays["a"])
        if meta["step"] == 1:
            noticed += 1
            assert "state-000000002.npz is damaged" in caplog.text
    assert noticed > len(positions) / 2


def test_any_bit_of_the_archive_s_directory_may_be_wrong(tmp_path, arrays):
    """Such as the one that claims a password, or another compression."""
    state.save(tmp_path, 1, arrays, {})
    state.save(tmp_path, 2, arrays, {})
    whole = _path(tmp_path, 2).read_bytes()
    directory = whole.rindex(b"PK\x01\x02")  # Of the last array.
    for position in range(directory, len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            _path(tmp_path, 2).write_bytes(damaged)
            np.testing.assert_array_equal(state.load_newest(tmp_path)[0]["a"], arrays["a"])


def test_a_compressed_archive_is_not_unpacked(tmp_path, arrays, caplog):
    """Zeros of a gigabyte are a megabyte when they are compressed."""
    state.save(tmp_path, 1, arrays, {})
    with _path(tmp_path, 2).open("wb") as file:
        np.savez_compressed(file, a=np.zeros(10**6))
    assert state.load_newest(tmp_path)[1]["step"] == 1
    assert "it is compressed" in caplog.text


def test_pickled_objects_are_not_loaded(tmp_path, arrays):
    state.save(tmp_path, 1, arrays, {})
    with _path(tmp_path, 2).open("wb") as file:
        np.savez(file, a=np.array([print], dtype=object))
    assert state.load_newest(tmp_path)[1]["step"] == 1


def test_an_archive_of_somebody_else(tmp_path, arrays):
    state.save(tmp_path, 1, arrays, {})
    with _path(tmp_path, 2).open("wb") as file:
        digest = np.frombuffer(bytes.fromhex(state.digest({"a": arrays["a"]})), np.uint8)
        np.savez(file, a=arrays["a"], sha256=digest)
    assert state.load_newest(tmp_path)[1]["step"] == 1


@pytest.mark.parametrize(
    "content",
    [
        *({"meta": meta} for meta in (b"[]", b"{}", b"\xff\xfe", b"7", b"[" * 200_000)),
        {"meta": b"{}", "time": np.array(["2020"], "M8[D]")},
    ],
    ids=lambda content: f"{content['meta'][:5]}{len(content)}",
)
def test_an_archive_of_somebody_else_with_a_right_digest(tmp_path, arrays, content, caplog):
    state.save(tmp_path, 1, arrays, {})
    content = {**content, "meta": np.frombuffer(content["meta"], np.uint8)}
    # A digest of times cannot be computed.
    whole = {key: value for key, value in content.items() if key != "time"}
    digest = np.frombuffer(bytes.fromhex(state.digest(whole)), np.uint8)
    with _path(tmp_path, 2).open("wb") as file:
        np.savez(file, **content, sha256=digest)
    assert state.load_newest(tmp_path)[1]["step"] == 1
    assert "state-000000002.npz is damaged (it is no state" in caplog.text


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_state_is_passed_over(tmp_path, arrays, share):
    state.save(tmp_path, 1, arrays, {})
    state.save(tmp_path, 2, arrays, {})
    whole = _path(tmp_path, 2).read_bytes()
    _path(tmp_path, 2).write_bytes(whole[: int(share * len(whole))])
    assert state.load_newest(tmp_path)[1]["step"] == 1


def test_a_state_that_the_disk_does_not_give_back_is_passed_over(tmp_path, arrays, monkeypatch):
    for step in (1, 2):
        state.save(tmp_path, step, arrays, {})
    read = pathlib.Path.read_bytes

    def broken(path):
        if path == _path(tmp_path, 2):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read(path)

    monkeypatch.setattr(pathlib.Path, "read_bytes", broken)
    assert state.load_newest(tmp_path)[1]["step"] == 1


def test_no_valid_state_is_an_error(tmp_path):
    _path(tmp_path, 1).write_bytes(b"nonsense")
    with pytest.raises(RunError, match="None of the 1 states"):
        state.load_newest(tmp_path)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errno.EACCES, "Permission denied: .*state-000000002"),
        (errno.EIO, "Input/output error: .*state-000000002"),
        (None, "there is not enough memory"),
    ],
)
def test_states_that_cannot_be_read_are_no_reason_to_train_anew(
    tmp_path, arrays, monkeypatch, error, told
):
    for step in (1, 2):
        state.save(tmp_path, step, arrays, {})
    _path(tmp_path, 1).write_bytes(b"nonsense")
    read = pathlib.Path.read_bytes

    def refuse(path):
        if path == _path(tmp_path, 1):
            return read(path)
        raise OSError(error, os.strerror(error), str(path)) if error else MemoryError

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    with pytest.raises(
        RunError, match=rf"None of the 2 states in .* can be read \({told}"
    ) as caught:
        state.load_newest(tmp_path)
    assert "--fresh" not in str(caught.value)


def test_states_that_a_training_replaces_while_they_are_looked_for(
    tmp_path, arrays, monkeypatch, caplog
):
    state.save(tmp_path, 1, arrays, {})
    read, steps = pathlib.Path.read_bytes, iter((2, 3))

    def store_first(path):
        for step in steps:
            state.save(tmp_path, step, arrays, {}, keep=1)
            break
        return read(path)

    monkeypatch.setattr(pathlib.Path, "read_bytes", store_first)
    assert state.load_newest(tmp_path)[1]["step"] == 3
    assert not caplog.records


def test_states_that_are_never_there_when_they_are_read(tmp_path, arrays, monkeypatch):
    state.save(tmp_path, 1, arrays, {})

    def replace_first(path):
        path.rename(_path(tmp_path, int(path.stem[-9:]) + 1))
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    monkeypatch.setattr(pathlib.Path, "read_bytes", replace_first)
    with pytest.raises(RunError, match=r"None of the 1 states .* \(No such file or directory"):
        state.load_newest(tmp_path)


def test_another_format_version_is_refused(tmp_path, arrays, monkeypatch):
    monkeypatch.setattr(state, "FORMAT_VERSION", 99)
    state.save(tmp_path, 1, arrays, {})
    monkeypatch.undo()
    with pytest.raises(RunError, match="format version 99; this genkeras reads 1"):
        state.load_newest(tmp_path)


def test_a_failed_write_leaves_the_old_state(tmp_path, arrays, monkeypatch):
    state.save(tmp_path, 1, arrays, {})

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        state.save(tmp_path, 2, arrays, {})
    assert sorted(tmp_path.iterdir()) == [_path(tmp_path, 1)]
    assert state.load_newest(tmp_path)[1]["step"] == 1


def test_collect_holds_optimizers_and_keys_do_not_depend_on_the_process():
    first, second = (state.collect(registry.build("nsgan", (8, 8, 1), width=2)) for _ in range(2))
    assert first.keys() == second.keys()
    for part in ("model/", "generator_optimizer/", "discriminator_optimizer/"):
        assert any(key.startswith(part) for key in first)
    assert any(key.endswith("velocity") for key in first)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.pop("model/001/kernel"), "it lacks"),
        (lambda a: a.update(more=np.zeros(1)), "beside"),
        (lambda a: a.update({"model/001/kernel": np.zeros((2, 2), "float32")}), "has shape"),
        (
            lambda a: a.update({"model/001/kernel": a["model/001/kernel"].astype("float64")}),
            "is float64",
        ),
    ],
)
def test_a_state_of_another_model_changes_nothing(spoil, message):
    model = registry.build("vae", (8, 8, 1), width=2)
    before = state.digest(state.collect(model))
    arrays = {key: array + 1 for key, array in state.collect(model).items()}
    spoil(arrays)
    with pytest.raises(RunError, match=message):
        state.restore(model, arrays)
    assert state.digest(state.collect(model)) == before


def test_digest_sees_names_types_shapes_and_bytes(arrays):
    digests = {
        state.digest(changed)
        for changed in (
            arrays,
            {**arrays, "b": np.array(8, np.int64)},
            {**arrays, "b": np.array(7, np.int32)},
            {**arrays, "a": arrays["a"].reshape(4, 3)},
            {"c": arrays["a"], "b": arrays["b"]},
        )
    }
    assert len(digests) == 5
    assert state.digest(dict(reversed(arrays.items()))) == state.digest(arrays)
