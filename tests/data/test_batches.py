import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from genkeras.data.batches import Batches, Shares
from genkeras.data.dataset import DataError


def numbered(number=23, **kwargs):
    """Pictures that show their own number, so that a batch can be read."""
    images = np.zeros((number, 4, 3, 1), np.uint8)
    images[:] = np.arange(number, dtype=np.uint8)[:, None, None, None]
    settings = {"labels": np.arange(number), "batch_size": 5, "seed": 7, **kwargs}
    return Batches(images, **settings)


def test_an_epoch_shows_every_picture_at_most_once_and_drops_the_rest():
    batches = numbered()
    assert batches.steps_per_epoch == 4
    seen = np.concatenate([batches.batch(3, step)[1] for step in range(4)])
    assert len(set(seen)) == 20
    assert sorted(batches.order(3)) == list(range(23))


def test_images_and_labels_stay_together():
    images, labels = numbered().batch(1, 2)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
    assert numbered(labels=None).batch(1, 2)[1] is None


def test_order_depends_on_seed_and_epoch_alone():
    first, second = numbered(), numbered()
    second.order(9)
    np.testing.assert_array_equal(first.order(4), second.order(4))
    assert not np.array_equal(first.order(4), first.order(5))
    assert not np.array_equal(first.order(4), numbered(seed=8).order(4))


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_neighbouring_epochs_and_seeds_do_not_correlate(seed):
    images = np.zeros((60_000, 1, 1, 1), np.uint8)
    here, there = (Batches(images, None, 64, seed + offset) for offset in (0, 1))
    for epoch in range(3):
        for other in (here.order(epoch + 1), there.order(epoch)):
            assert abs(np.corrcoef(here.order(epoch), other)[0, 1]) < 0.02


def test_dataset_from_a_step_on_is_the_tail_of_the_whole():
    batches = numbered()
    whole = [labels.numpy() for _, labels in batches.dataset((0.0, 1.0), num_steps=11)]
    tail = [labels.numpy() for _, labels in numbered().dataset((0.0, 1.0), 5, 6)]
    np.testing.assert_array_equal(whole[5:], tail)
    expected = [batches.batch(*divmod(step, 4))[1] for step in range(11)]
    np.testing.assert_array_equal(whole, expected)


def test_dataset_has_static_shapes_and_the_range_of_the_network():
    dataset = numbered().dataset((-1.0, 1.0), num_steps=1)
    assert dataset.element_spec == (
        tf.TensorSpec((5, 4, 3, 1), tf.float32),
        tf.TensorSpec((5,), tf.int64),
    )
    images, labels = next(iter(dataset))
    np.testing.assert_allclose(images[:, 0, 0, 0], labels.numpy() / 127.5 - 1, atol=1e-6)


def test_dataset_without_labels_gives_images_alone():
    spec = numbered(labels=None).dataset((0.0, 1.0)).element_spec
    assert spec == tf.TensorSpec((5, 4, 3, 1), tf.float32)


def test_memory_maps_are_read_row_by_row(tmp_path):
    path = tmp_path / "rows.u8"
    np.arange(40, dtype=np.uint8).tofile(path)
    rows = np.memmap(path, np.uint8, "r", shape=(10, 2, 2, 1))
    batches = Batches(rows, None, 5, 0)
    assert np.shares_memory(batches.images, rows)
    images, _ = batches.batch(0, 0)
    assert type(images) is np.ndarray
    np.testing.assert_array_equal(images, np.asarray(rows)[batches.order(0)[:5]])


def test_threads_that_ask_for_many_epochs_get_the_right_ones():
    batches, reference = numbered(), {epoch: numbered().order(epoch) for epoch in range(6)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        epochs = [step % 6 for step in range(300)]
        for epoch, order in zip(epochs, pool.map(batches.order, epochs), strict=True):
            np.testing.assert_array_equal(order, reference[epoch])
    assert len(batches._orders) == 2


def test_an_order_cannot_be_spoilt():
    with pytest.raises(ValueError, match=r"read-only"):
        numbered().order(0)[0] = 1


def test_too_few_pictures_say_what_to_do():
    with pytest.raises(DataError, match=r"4 training .* batch of 5.*--batch_size"):
        numbered(4)
    assert numbered(5).steps_per_epoch == 1


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"seed": -1}, {"labels": np.arange(3)}])
def test_wrong_arguments(wrong):
    with pytest.raises(DataError):
        numbered(**wrong)


def test_a_step_beyond_the_epoch():
    with pytest.raises(IndexError):
        numbered().batch(0, 4)


def test_replicas_share_each_minibatch_of_a_batch():
    batches = numbered(batch_size=12)
    rows = batches.batch(2, 0)[1]
    of_replicas = [batches.batch(2, 0, Shares(3, first, 1, updates=2))[1] for first in range(3)]
    # Two minibatches of 6: a replica has 2 of each, in the order of the batch.
    for replica, share in enumerate(of_replicas):
        low = 2 * replica
        np.testing.assert_array_equal(share, [*rows[low : low + 2], *rows[6 + low : 6 + low + 2]])


def test_a_process_reads_the_shares_of_its_own_replicas_and_nothing_else():
    batches, read = numbered(batch_size=12), []

    class Watched:
        shape = batches.images.shape

        def __len__(self):
            return len(images)

        def __getitem__(self, rows):
            read.extend(rows)
            return images[rows]

    images, batches.images = batches.images, Watched()
    shares = Shares(num_replicas=4, first=2, count=2)
    elements = list(batches.dataset((0.0, 255.0), start_step=1, num_steps=2, shares=shares))
    # Step 1 is the first of the second epoch.
    expected = []
    for epoch in (1, 2):
        rows = batches.order(epoch)[:12]
        expected += [rows[6:9], rows[9:12]]
    np.testing.assert_array_equal([labels for _, labels in elements], expected)
    for pictures, labels in elements:
        np.testing.assert_array_equal(pictures[:, 0, 0, 0], labels)
    assert sorted(read) == sorted(np.concatenate(expected))
