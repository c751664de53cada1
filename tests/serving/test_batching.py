"""How requests are joined, with samplers that count."""

import asyncio
import threading

import numpy as np
import pytest

from genkeras.serving.batching import Batcher
from genkeras.serving.bodies import FullError


class Doubling:
    """A sampler that notes its batches, waits for `gate` and fails for rows of 13."""

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()

    def run(self, signature, inputs):
        self.gate.wait(10)
        self.batches.append((signature, inputs["x"].tolist()))
        if 13 in inputs["x"]:
            raise ValueError("13")
        return {"y": 2 * inputs["x"]}


def rows(*values):
    return {"x": np.array(values)}


def serve(scenario, **options):
    """Runs the coroutine function `scenario` with a batcher, and returns what it does."""

    async def main():
        sizes = []
        settings = {"max_batch_size": 4, "delay": 0.0, "max_queue": 100, "on_batch": sizes.append}
        batcher = Batcher(**settings | options)
        try:
            return await asyncio.wait_for(scenario(batcher), 20), sizes
        finally:
            await batcher.close()

    return asyncio.run(main())


async def _many(batcher, sampler, *requests, signature="s"):
    """Submits requests while the first one is computed."""
    sampler.gate.clear()
    tasks = [asyncio.create_task(batcher.submit(sampler, signature, r)) for r in requests]
    await asyncio.sleep(0.05)
    sampler.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_requests_that_wait_are_joined_and_each_gets_its_own_rows():
    sampler = Doubling()
    requests = [rows(0), rows(1), rows(2, 3), rows(4), rows(5, 6)]
    answers, sizes = serve(lambda b: _many(b, sampler, *requests))
    assert [a["y"].tolist() for a in answers] == [[0], [2], [4, 6], [8], [10, 12]]
    # Never more than four rows.
    assert [batch for _, batch in sampler.batches] == [[0, 1, 2, 3], [4, 5, 6]]
    assert sizes == [4, 3]


def test_the_delay_lets_a_request_wait_for_others():
    sampler = Doubling()

    async def scenario(batcher):
        first = asyncio.create_task(batcher.submit(sampler, "s", rows(1)))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, batcher.submit(sampler, "s", rows(2)))

    serve(scenario, delay=5.0, max_batch_size=2)  # Full: nobody waits five seconds.
    assert sampler.batches == [("s", [1, 2])]
    sampler.batches.clear()
    serve(scenario, delay=0.0, max_batch_size=2)
    assert sampler.batches == [("s", [1]), ("s", [2])]


def test_only_what_belongs_together_is_joined():
    first, second = Doubling(), Doubling()

    async def scenario(batcher):
        first.gate.clear()
        requests = [(first, "s"), (first, "t"), (second, "s"), (first, "t"), (first, "s")]
        tasks = [
            asyncio.create_task(batcher.submit(sampler, signature, rows(number)))
            for number, (sampler, signature) in enumerate(requests)
        ]
        wide = {"x": np.ones((1, 3))}
        tasks.append(asyncio.create_task(batcher.submit(first, "s", wide)))
        await asyncio.sleep(0.05)
        first.gate.set()
        return [answer["y"].tolist() for answer in await asyncio.gather(*tasks)]

    answers, _ = serve(scenario)
    assert answers == [[0], [2], [4], [6], [8], [[2, 2, 2]]]
    assert first.batches == [("s", [0, 4]), ("t", [1, 3]), ("s", [[1, 1, 1]])]
    assert second.batches == [("s", [2])]


def test_a_large_request_is_computed_in_pieces():
    sampler = Doubling()
    (answer,), sizes = serve(lambda b: _many(b, sampler, rows(*range(10))))
    assert answer["y"].tolist() == list(range(0, 20, 2))
    assert [len(batch) for _, batch in sampler.batches] == [4, 4, 2]
    assert sizes == [10]


def test_a_request_fails_alone():
    sampler = Doubling()
    answers, _ = serve(lambda b: _many(b, sampler, rows(1), rows(13), rows(2)))
    assert isinstance(answers[1], ValueError)
    assert [answers[k]["y"].tolist() for k in (0, 2)] == [[2], [4]]


def test_nobody_computes_for_who_has_gone():
    sampler = Doubling()

    async def scenario(batcher):
        sampler.gate.clear()
        running = asyncio.create_task(batcher.submit(sampler, "s", rows(0)))
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(batcher.submit(sampler, "s", rows(k))) for k in (1, 2)]
        await asyncio.sleep(0.01)
        running.cancel()
        waiting[0].cancel()
        sampler.gate.set()
        return (await waiting[1])["y"].tolist()

    assert serve(scenario)[0] == [4]
    assert sampler.batches == [("s", [0]), ("s", [2])]


def test_places_are_limited_and_given_back():
    async def scenario(batcher):
        with batcher.place(), batcher.place():
            assert batcher.queue_length == 2
            with pytest.raises(FullError), batcher.place():
                pytest.fail("There is a third place.")
        with pytest.raises(RuntimeError), batcher.place():
            raise RuntimeError
        assert batcher.queue_length == 0

    serve(scenario, max_queue=2)


def test_an_output_of_another_number_of_rows_is_an_error_and_nothing_stops():
    class Odd(Doubling):
        def run(self, signature, inputs):
            outputs = {"sum": inputs["x"].sum(), "none": inputs["x"][:0], "s": inputs["x"]}
            return {"y": outputs[signature]}

    sampler = Odd()

    async def scenario(batcher):
        tasks = [batcher.submit(sampler, name, rows(1, 2)) for name in ("sum", "none", "s", "none")]
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers, _ = serve(scenario)
    assert isinstance(answers[0], TypeError)
    assert [str(answers[k]) for k in (1, 3)] == ["the output y has 0 rows for 2"] * 2
    assert answers[2]["y"].tolist() == [1, 2]


def test_what_nobody_has_foreseen_does_not_stop_the_batches(monkeypatch):
    async def scenario(batcher):
        with monkeypatch.context() as patch:
            patch.setattr(batcher, "_answers", lambda batch: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await batcher.submit(Doubling(), "s", rows(1))
        return (await batcher.submit(Doubling(), "s", rows(1)))["y"].tolist()

    assert serve(scenario)[0] == [2]


def test_a_full_batch_does_not_wait_for_the_company_of_another():
    sampler = Doubling()

    async def scenario(batcher):
        alone = asyncio.create_task(batcher.submit(sampler, "alone", rows(0)))
        await asyncio.sleep(0)
        await batcher.submit(sampler, "full", rows(1, 2, 3, 4))
        # The third does not fit: the first two need not wait for more.
        tasks = [asyncio.create_task(batcher.submit(sampler, "s", rows(k, k))) for k in (5, 6)]
        tasks.append(asyncio.create_task(batcher.submit(sampler, "t", rows(7, 7, 7))))
        tasks.append(asyncio.create_task(batcher.submit(sampler, "t", rows(8, 8))))
        await asyncio.gather(*tasks[:3])
        assert not alone.done()

    serve(scenario, delay=1000.0)
    assert [batch for _, batch in sampler.batches] == [[1, 2, 3, 4], [5, 5, 6, 6], [7, 7, 7]]
