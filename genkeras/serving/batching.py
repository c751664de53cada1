"""Requests that arrive together are answered together, and fail alone."""

import asyncio
import collections
import concurrent.futures
import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from genkeras.serving.bodies import Places


@dataclasses.dataclass(frozen=True, eq=False)
class _Job:
    sampler: Any
    signature: str
    inputs: Mapping[str, np.ndarray]
    rows: int
    arrived: float
    answer: asyncio.Future

    @property
    def kind(self):
        """What jobs of one batch share."""
        shapes = ((name, array.shape[1:]) for name, array in sorted(self.inputs.items()))
        return (id(self.sampler), self.signature, *shapes)


class Batcher:
    """Runs samplers in one thread, for the requests of many clients.

    Batches form by themselves while the one before is computed; `delay` lets a first request
    wait for others too. A request with more rows than `max_batch_size` is computed in pieces,
    and never with others. To be made and used within an event loop.

    Args:
        max_batch_size: Integer. Rows of a batch.
        delay: Float. Seconds for which a request waits for others at most.
        max_queue: Integer. Requests that may wait or run.
        on_batch: Function of the number of rows, called after each batch.
    """

    def __init__(self, max_batch_size, delay, max_queue, on_batch):
        self._max_batch_size, self._delay = max_batch_size, delay
        self._places, self._on_batch = Places(max_queue), on_batch
        self._waiting = collections.deque()
        self._arrival = asyncio.Event()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "sampler")
        self._work = asyncio.create_task(self._run_batches())

    @property
    def queue_length(self):
        """Integer. Requests that have a place."""
        return self._places.taken

    def place(self):
        """A place in the queue, a context, for as long as a request waits and is answered.

        Raises:
            FullError: If there is none.
        """
        return self._places.take()

    async def submit(self, sampler, signature, inputs):
        """Answers a request that has a place.

        Args:
            sampler: `Sampler`.
            signature: String.
            inputs: Dict of arrays with one number of rows, checked.

        Returns:
            Dict of arrays.

        Raises:
            Exception: What the sampler raised for these inputs alone.
        """
        answer = asyncio.get_running_loop().create_future()
        rows = len(next(iter(inputs.values())))
        self._waiting.append(_Job(sampler, signature, inputs, rows, time.monotonic(), answer))
        self._arrival.set()
        return await answer

    async def close(self):
        """Stops; what still waits is cancelled."""
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        for job in self._waiting:
            job.answer.cancel()
        self._thread.shutdown()

    async def _run_batches(self):
        loop = asyncio.get_running_loop()
        while True:
            self._arrival.clear()
            # Of those whose client has gone nobody waits for an answer.
            self._waiting = collections.deque(job for job in self._waiting if not job.answer.done())
            if not self._waiting:
                await self._arrival.wait()
                continue
            left = self._waiting[0].arrived + self._delay - time.monotonic()
            batch = self._batch(only_full=left > 0)
            if batch is None:
                await _wait(self._arrival, left)
                continue
            for job in batch:
                self._waiting.remove(job)
            try:
                answers = await loop.run_in_executor(self._thread, self._answers, batch)
            # Nothing is known to lead here, but the next requests are to be answered.
            except Exception as error:
                answers = [error] * len(batch)
            for job, answer in zip(batch, answers, strict=True):
                if job.answer.done():
                    continue
                if isinstance(answer, Exception):
                    job.answer.set_exception(answer)
                else:
                    job.answer.set_result(answer)
            self._on_batch(sum(job.rows for job in batch))

    def _batch(self, only_full):
        """Returns the oldest job and those that fit with it, in the order they came.

        Or, of `only_full`, those of the first kind that can have no more company; `None` if there
        is none.
        """
        batches, full = {}, []
        for job in self._waiting:
            kind = job.kind
            batch = batches.setdefault(kind, [])
            rows = sum(other.rows for other in batch) + job.rows
            if kind in full:
                continue
            if rows <= self._max_batch_size or not batch:
                batch.append(job)
            if rows >= self._max_batch_size:
                full.append(kind)
        if only_full:
            return batches[full[0]] if full else None
        return next(iter(batches.values()))

    def _answers(self, batch):
        """Returns a dict of arrays, or an exception, for each job."""
        try:
            joined = {
                name: np.concatenate([job.inputs[name] for job in batch])
                for name in batch[0].inputs
            }
            outputs = self._run(batch[0], joined)
            parts = _parts(outputs, [job.rows for job in batch])
        # Whatever one request has led to, the others and the server go on.
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [answer for job in batch for answer in self._answers([job])]
        return parts

    def _run(self, job, inputs):
        rows = len(next(iter(inputs.values())))
        pieces = [
            job.sampler.run(
                job.signature,
                {
                    name: array[start : start + self._max_batch_size]
                    for name, array in inputs.items()
                },
            )
            for start in range(0, rows, self._max_batch_size)
        ]
        if len(pieces) == 1:
            return pieces[0]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _parts(outputs, counts):
    """Returns a dict of arrays for each number of rows."""
    for name, array in outputs.items():
        if len(array) != sum(counts):
            raise ValueError(f"the output {name} has {len(array)} rows for {sum(counts)}")
    ends = np.cumsum(counts)[:-1]
    split = {name: np.split(array, ends) for name, array in outputs.items()}
    return [{name: part[row] for name, part in split.items()} for row in range(len(counts))]


async def _wait(event, seconds):
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
