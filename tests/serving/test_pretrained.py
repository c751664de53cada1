"""Samplers that come with the source."""

import numpy as np
import pytest
from PIL import Image

from apps import sample
from genkeras.serving import pretrained
from genkeras.serving.sampler import Sampler
from genkeras.training.errors import RunError

SHIPPED = pretrained.FOLDER


@pytest.fixture(autouse=True)
def _folder(samplers, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", samplers)


def test_every_picture_has_a_seed_of_its_own(monkeypatch):
    monkeypatch.setattr(pretrained, "BLOCK_SIZE", 4)
    sampler = pretrained.load("digits")
    blocks = list(pretrained.sample_blocks(sampler, 10, seed=3))
    assert [len(block) for block in blocks] == [4, 4, 2]
    images = np.concatenate(blocks)
    assert images.dtype == np.uint8
    # The first pictures do not depend on their number, nor on the blocks.
    monkeypatch.setattr(pretrained, "BLOCK_SIZE", 1024)
    np.testing.assert_array_equal(next(pretrained.sample_blocks(sampler, 7, seed=3)), images[:7])
    other = next(pretrained.sample_blocks(sampler, 10, seed=4))
    together = np.concatenate([images, other]).reshape(20, -1)
    assert len(np.unique(together, axis=0)) == 20


def test_labels_choose_the_classes():
    sampler = pretrained.load("shapes")
    labels = pretrained.chosen_labels(sampler, ["star", "0"], 5, seed=0)
    np.testing.assert_array_equal(labels, [2, 0, 2, 0, 2])
    images = next(pretrained.sample_blocks(sampler, 5, 1, labels))
    others = next(pretrained.sample_blocks(sampler, 5, 1, np.zeros(5, np.int64)))
    same = [np.array_equal(a, b) for a, b in zip(images, others, strict=True)]
    assert same == [False, True, False, True, False]
    drawn = pretrained.chosen_labels(sampler, None, 60, seed=1)
    assert sorted(set(drawn.tolist())) == [0, 1, 2]
    np.testing.assert_array_equal(drawn, pretrained.chosen_labels(sampler, None, 60, seed=1))


def test_the_program_writes_a_sheet_and_arrays(tmp_path, capsys):
    sheet, arrays = tmp_path / "x.png", tmp_path / "x.npz"
    assert sample.main(["--pretrained=shapes", "--num_images=9", f"--output={sheet}"]) == 0
    assert capsys.readouterr().out == f"9 pictures in {sheet}\n"
    assert Image.open(sheet).size == (3 * 14 + 2, 3 * 14 + 2)
    command = ["--pretrained=shapes", "--num_images=9", "--labels=1,2", f"--output={arrays}"]
    assert sample.main(command) == 0
    with np.load(arrays) as archive:
        assert archive["images"].shape == (9, 12, 12, 1)
        np.testing.assert_array_equal(archive["labels"], [1, 2, 1, 2, 1, 2, 1, 2, 1])


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--pretrained=dogs"], 1, "--pretrained=dogs: there is digits, shapes in"),
        (["--pretrained=digits", "--labels=1"], 1, "not a conditional sampler"),
        (["--pretrained=shapes", "--labels=ring"], 1, "'ring' names no class"),
        (["--pretrained=digits", "--run_dir=here"], 2, "instead of --run_dir"),
        (["--pretrained=digits", "--best"], 2, "instead of --run_dir and --best"),
        ([], 2, "--run_dir is needed"),
    ],
)
def test_mistakes_are_told(tmp_path, capsys, words, status, told):
    output = tmp_path / "x.png"
    assert sample.main([*words, f"--output={output}"]) == status
    assert told in capsys.readouterr().err
    assert not output.exists()


def test_an_installation_says_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "none")
    with pytest.raises(RunError, match="come with the source of genkeras"):
        pretrained.load("digits")


def test_a_damaged_sampler_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    folder = tmp_path / "digits" / "1"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(RunError, match=r"--pretrained=digits: .* cannot be used"):
        pretrained.load("digits")


def test_what_ships_loads_and_draws():
    paths = sorted(SHIPPED.glob("*/*/saved_model.pb"))
    assert paths
    total = 0
    for path in paths:
        size = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
        assert size < 3_000_000, path
        total += size
        sampler = Sampler(path.parent, path.parents[1].name, 1)
        labels = pretrained.chosen_labels(sampler, None, 16, seed=0)
        images = next(pretrained.sample_blocks(sampler, 16, 0, labels))
        assert images.shape == (16, 28, 28, 1)
        # Pictures, not one and the same grey.
        assert images.std() > 30, path
        assert images.std(axis=0).mean() > 10, path
    assert total <= 20_000_000
