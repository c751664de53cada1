import numpy as np
import pytest

from genkeras import registry
from genkeras.data.preprocessing import to_uint8
from genkeras.evaluation import sampling


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(sampling, "BLOCK_SIZE", 4)


def test_blocks_make_up_the_number(small_blocks):
    model = registry.build("nsgan", (8, 8, 1), width=2)
    blocks = list(sampling.sample_blocks(model, 10, seed=3))
    assert [len(block) for block in blocks] == [4, 4, 2]
    images = np.concatenate(blocks)
    assert images.dtype == np.uint8
    again = np.concatenate(list(sampling.sample_blocks(model, 10, seed=3)))
    np.testing.assert_array_equal(images, again)
    # No picture comes twice, within a seed or in the next one.
    other = np.concatenate(list(sampling.sample_blocks(model, 10, seed=4)))
    together = np.concatenate([images, other]).reshape(20, -1)
    assert len(np.unique(together, axis=0)) == 20
    np.testing.assert_array_equal(blocks[0], to_uint8(model.sample(4, seed=3), (-1, 1)))


def test_every_block_has_its_labels(small_blocks):
    model = registry.build("cgan", (8, 8, 1), num_classes=3, width=2)
    seen = []
    original = model.sample

    def sample(num_images, labels, seed):
        seen.extend(labels)
        return original(num_images, labels=labels, seed=seed)

    model.sample = sample
    list(sampling.sample_blocks(model, 6, seed=0, labels=np.array([0, 1, 2, 0, 1, 2])))
    assert seen == [0, 1, 2, 0, 1, 2]
