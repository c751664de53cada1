"""What the explorer draws; `test_browser.py` looks at the page."""

import asyncio
import base64
import io
import time
import types

import numpy as np
import pytest
from PIL import Image

from genkeras.serving import exploration, server
from genkeras.serving.exploration import Exploration, ExplorationError
from genkeras.serving.explorer_handlers import IN_TURN, Handlers
from genkeras.serving.repository import Repository
from genkeras.visualization.lines import lerp, slerp


@pytest.fixture(scope="module")
def repository(samplers):
    found = Repository(samplers)
    found.refresh()
    return found


def explore(repository, scenario, **limits):
    async def main():
        service = server.Service(repository, server.Limits(poll=1000.0, **limits))
        async with service.running(None):
            return await scenario(Exploration(service))

    return asyncio.run(main())


def answer(repository, name, signature, **inputs):
    return repository.find(name).run(signature, inputs)["images"]


def test_samples_have_seeds_upwards_and_classes_in_turn(repository):
    sheet = explore(repository, lambda e: e.samples(e.find("shapes"), 5, None, 4))
    right = answer(
        repository, "shapes", "sample", seeds=np.arange(5, 9), labels=np.array([0, 1, 2, 0])
    )
    assert sheet.shape == (30, 30, 1)
    np.testing.assert_array_equal(sheet[2:14, 2:14], right[0])
    np.testing.assert_array_equal(sheet[16:28, 2:14], right[2])
    chosen = explore(repository, lambda e: e.samples(e.find("shapes"), 5, 2, 1))
    right = answer(repository, "shapes", "sample", seeds=np.array([5]), labels=np.array([2]))
    np.testing.assert_array_equal(chosen[2:14, 2:14], right[0])


def test_a_point_starts_at_the_latents_of_its_seed(repository):
    async def scenario(e):
        digits = e.find("digits")
        return await e.point(digits, await e.latents(digits, 9), None)

    right = answer(repository, "digits", "sample", seeds=np.array([9]))
    np.testing.assert_array_equal(explore(repository, scenario), right[0])


def test_a_walk_begins_and_ends_at_its_seeds(repository):
    sheet = explore(repository, lambda e: e.walk(e.find("digits"), 3, 4, None, 4))
    right = answer(repository, "digits", "sample", seeds=np.array([3, 4]))
    assert sheet.shape == (16, 58, 1)
    for place, image in ((2, right[0]), (44, right[1])):
        difference = sheet[2:14, place : place + 12].astype(int) - image
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("name", "line", "other"), [("digits", slerp, lerp), ("shapes", lerp, slerp)]
)
def test_a_walk_is_straight_or_round_as_the_prior(repository, name, line, other):
    sheet = explore(repository, lambda e: e.walk(e.find(name), 3, 4, None, 3))[2:14, 16:28]
    sampler = repository.find(name)
    ends = sampler.run("draw_latents", {"seeds": np.array([3, 4])})["latents"]
    labels = {"labels": np.array([0])} if sampler.conditional else {}
    right, wrong = (
        answer(
            repository,
            name,
            "decode",
            latents=way(ends[:1], ends[1:], 3)[0, 1:2].astype(np.float32),
            **labels,
        )[0].astype(int)
        for way in (line, other)
    )
    assert np.abs(sheet - right).max() <= 1
    assert np.abs(sheet - wrong).max() > 1


def test_the_plane_is_drawn_from_r_to_minus_r(repository):
    rows = exploration.PLANE_ROWS
    sheet = explore(repository, lambda e: e.plane(e.find("digits"), 1.5, None), max_batch_size=64)
    assert sheet.shape == (12 * rows, 12 * rows, 1)
    corners = np.array([[1.5, 1.5], [1.5, -1.5], [-1.5, -1.5]], np.float32)
    right = answer(repository, "digits", "decode", latents=corners).astype(int)
    for image, corner in zip(
        right, (sheet[:12, :12], sheet[:12, -12:], sheet[-12:, -12:]), strict=True
    ):
        assert np.abs(corner - image).max() <= 1


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_a_picture_is_cropped_and_reproduced(repository):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (12, 12), np.uint8)
    # Grey in colour, on a wider white sheet.
    wide = np.full((12, 20, 3), 255, np.uint8)
    wide[:, 4:16] = pixels[..., None]
    content = png(Image.fromarray(wide))
    sheet = explore(repository, lambda e: e.reproduction(e.find("digits"), content))
    np.testing.assert_array_equal(sheet[2:14, 2:14, 0], pixels)
    right = answer(repository, "digits", "reconstruct", images=pixels[None, ..., None])
    np.testing.assert_array_equal(sheet[2:14, 16:28], right[0])


def test_pictures_are_read_one_at_a_time(repository, monkeypatch):
    here, most = [], []

    def read(content, shape):
        here.append(content)
        most.append(len(here))
        time.sleep(0.02)  # So that another one could begin.
        here.remove(content)
        return np.zeros(shape, np.uint8)

    async def scenario(e):
        digits = e.find("digits")
        return await asyncio.gather(*(e.reproduction(digits, b"%d" % k) for k in range(3)))

    monkeypatch.setattr(exploration, "_read", read)
    assert len(explore(repository, scenario)) == 3
    assert most == [1, 1, 1]


DATA = "data:image/png;base64," + base64.b64encode(png(Image.new("L", (12, 12)))).decode()


@pytest.mark.parametrize(
    "action",
    [
        lambda handlers: handlers.samples("shapes", "star", 0, 3),
        lambda handlers: handlers.start("shapes", "star", 0, 0),
        lambda handlers: handlers.move(1, "digits", IN_TURN, [0.5, -0.5], 0, 0.25),
        lambda handlers: handlers.walk("shapes", "star", 0, 1, 3),
        lambda handlers: handlers.plane("digits", IN_TURN, 1.5),
        lambda handlers: handlers.reproduce("digits", DATA),
    ],
    ids=["samples", "start", "move", "walk", "plane", "reproduce"],
)
def test_all_of_an_action_is_of_one_version(repository, monkeypatch, action):
    """Between two of its steps a new version may be loaded."""
    find, found = repository.find, []

    def note(name, version=None):
        found.append(name)
        return find(name, version)

    monkeypatch.setattr(repository, "find", note)
    gradio = types.SimpleNamespace(update=dict, Error=None)
    assert explore(repository, lambda e: action(Handlers(gradio, e)))
    assert len(found) == 1


def test_what_cannot_be_shown_is_told(repository):
    # A small file of many pixels.
    large = png(Image.new("1", (4001, 4000)))
    for scenario, message, limits in (
        (lambda e: e.samples(e.find("nope"), 0, None, 1), "nope is not served any more", {}),
        (
            lambda e: e.reproduction(e.find("digits"), b"GIF89a"),
            "This picture cannot be used: ",
            {},
        ),
        (lambda e: e.reproduction(e.find("digits"), large), "4001x4000 is 16,004,000 pixels", {}),
        (lambda e: e.samples(e.find("digits"), 0, None, 1), "busy: try again", {"max_queue": 0}),
    ):
        with pytest.raises(ExplorationError, match=message):
            explore(repository, scenario, **limits)


class ToldError(Exception):
    """In place of Gradio's error."""

    def __init__(self, message, print_exception):
        super().__init__(message)
        assert not print_exception


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda handlers: handlers.move(1, "digits", IN_TURN, [], 0, 0.25),
            "This page has been forgotten: load it again",
        ),
        (lambda handlers: handlers.look("digits", [], 0), "This page has been forgotten"),
        (
            lambda handlers: handlers.move(2, "digits", IN_TURN, [0.5, -0.5], 0, 0.25),
            "digits has no coordinate 2: load the page again",
        ),
        (
            lambda handlers: handlers.move(0, "digits", IN_TURN, [0.5, -0.5], -1, 0.25),
            "First coordinate is -1: expected a number from 0 to 1",
        ),
        (
            lambda handlers: handlers.move(1, "digits", IN_TURN, [0.5, -0.5], 0, 60),
            "z1 is 60: expected a number from -9.0 to 9.0",
        ),
        (
            lambda handlers: handlers.move(1, "digits", IN_TURN, [0.5, -0.5], 0, "0.25"),
            "z1 is '0.25': expected a number",
        ),
        (
            lambda handlers: handlers.samples("digits", IN_TURN, 0, -5),
            "Pictures is -5: expected a number from 1 to 64",
        ),
        (
            lambda handlers: handlers.samples("digits", IN_TURN, -1, 5),
            "Seed is -1: expected a number from 0",
        ),
        (lambda handlers: handlers.samples("digits", IN_TURN, True, 5), "Seed is True"),
        (
            lambda handlers: handlers.start("digits", IN_TURN, 2**60, 0),
            "Seed is 1152921504606846976: expected",
        ),
        (
            lambda handlers: handlers.walk("digits", IN_TURN, 0, None, 21),
            "Pictures is 21: expected a number from 2 to 20",
        ),
        (
            lambda handlers: handlers.plane("digits", IN_TURN, 0),
            "r is 0: expected a number from 0.1 to 5",
        ),
    ],
)
def test_values_that_no_page_sends_are_told(repository, action, message):
    gradio = types.SimpleNamespace(update=dict, Error=ToldError)

    async def scenario(explore):
        found = action(Handlers(gradio, explore))
        return await found if asyncio.iscoroutine(found) else found

    with pytest.raises(ToldError, match=message):
        explore(repository, scenario)


def test_a_field_that_was_emptied_is_zero(repository):
    handlers = [
        explore(
            repository,
            lambda e, seed=seed: Handlers(None, e).walk("digits", IN_TURN, seed, 1, 3),
        )
        for seed in (None, 0)
    ]
    assert handlers[0] == handlers[1]


def test_coordinates_have_the_range_of_the_prior():
    for name, right in (
        ("normal", (-6, 6)),
        ("uniform_signed", (-2, 2)),
        ("uniform_unsigned", (0, 2)),
        ("sphere", (-2, 2)),
    ):
        assert exploration.coordinate_range({"name": name, "scale": 2.0}) == right
