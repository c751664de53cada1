import concurrent.futures
import threading

import numpy as np
import pytest

from genkeras.models.inference import alone, in_chunks, shared

ROWS = np.arange(23.0)[:, None] * [1.0, 10.0]


def test_chunks_are_put_together_in_order():
    np.testing.assert_array_equal(in_chunks(lambda x: 2.0 * x, ROWS, chunk_size=5), 2.0 * ROWS)


@pytest.mark.parametrize(("count", "divided"), [(1, False), (2, True), (5, True), (6, False)])
def test_workers_divide_the_chunks_of_one_and_all_get_every_row(count, divided):
    everybody, brought = threading.Barrier(count), [None] * count

    def work(index):
        seen = []

        def double(rows):
            seen.append(rows[:, 0].tolist())
            return 2.0 * rows

        def exchange(rows):
            brought[index] = rows
            everybody.wait(10)
            return np.concatenate(brought)

        with shared(index, count, exchange):
            result = in_chunks(double, ROWS, chunk_size=5)
        np.testing.assert_array_equal(result, 2.0 * ROWS)
        # Outside of the block nothing is shared any more.
        np.testing.assert_array_equal(in_chunks(lambda x: x, ROWS), ROWS)
        return seen

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        seen = list(pool.map(work, range(count)))
    chunks = [ROWS[start : start + 5, 0].tolist() for start in range(0, 23, 5)]
    if divided:
        assert [chunk for own in seen for chunk in own] == chunks
        assert all(seen)
    else:
        # Not enough chunks for all: each does everything.
        assert seen == [chunks] * count


def test_what_a_worker_does_alone_is_not_divided():
    def never(rows):
        pytest.fail("exchanged")

    with shared(0, 2, never), alone():
        np.testing.assert_array_equal(in_chunks(lambda x: x, ROWS, chunk_size=5), ROWS)
