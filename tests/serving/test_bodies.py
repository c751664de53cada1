"""How long is waited for bodies, and for clients that take answers."""

import asyncio

import pytest
from starlette.responses import Response

from genkeras.serving import bodies
from genkeras.serving.tensor_json import RequestError


def test_a_body_that_does_not_come_is_not_waited_for():
    async def receive():
        await asyncio.sleep(1000)

    with pytest.raises(RequestError, match="no whole body within") as caught:
        asyncio.run(bodies.read(receive, 10, lambda count: None, seconds=0.01))
    assert caught.value.status == 408


def test_a_client_that_takes_nothing_of_its_answer_is_given_up():
    taken = []

    async def send(message):
        if len(taken) == 2:
            await asyncio.sleep(1000)
        taken.append(message["type"])

    response = Response(b"x" * (3 * bodies.PART))
    asyncio.run(bodies.send_in_parts(response, send, seconds=0.01))
    assert taken == ["http.response.start", "http.response.body"]
