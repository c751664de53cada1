"""What the explorer's components call: their values in, their values out."""

import base64
import contextlib
import html

from genkeras.serving import exploration
from genkeras.serving.exploration import ExplorationError
from genkeras.visualization.grid import to_png

NUM_SLIDERS = 8
MAX_PICTURES = 64
# Pictures of a walk.
MAX_STEPS = 20
# Half the side of a plane.
MIN_LIMIT, MAX_LIMIT = 0.1, 5
# Numbers of a browser are exact up to here.
MAX_SEED = 2**53 - 1 - MAX_PICTURES
MAX_UPLOAD = 10 << 20
IN_TURN = "each in turn"


class Handlers:
    """What the page's components call: their values in, their values out.

    Args:
        gr: The module gradio.
        explore: `Exploration`.
    """

    def __init__(self, gr, explore):
        self._gr, self._explore = gr, explore

    def names(self, name):
        names = list(self._explore.names)
        value = name if name in names else next(iter(names), None)
        return self._gr.update(choices=names, value=value)

    def describe(self, name):
        """Shows what a sampler has: classes, a plane, an encoder."""
        with self._told():
            sampler = self._explore.find(name)
        facts, update = sampler.facts, self._gr.update
        last = max(0, facts["latent_dim"] - NUM_SLIDERS)
        low, high = exploration.coordinate_range(facts["prior"])
        return (
            _describe(sampler),
            update(
                choices=[IN_TURN, *(facts["classes"] or ())],
                value=IN_TURN,
                visible=sampler.conditional,
            ),
            update(maximum=max(1, last), value=0, visible=last > 0),
            update(value=_within_plane(round(2 / 3 * high if low < 0 else high, 1))),
            update(visible=facts["latent_dim"] == 2),
            update(visible="reconstruct" in sampler.signatures),
            "",
        )

    async def samples(self, name, label, seed, count):
        with self._told():
            sampler, seed = self._explore.find(name), _seed(seed)
            count = int(_number("Pictures", count, 1, MAX_PICTURES))
            label = _label(sampler, label)
            sheet = await self._explore.samples(sampler, seed, label, count)
        return _html(sheet, f"{name}_samples_{seed}", f"{count} samples of {name}")

    async def start(self, name, label, seed, first):
        with self._told():
            sampler = self._explore.find(name)
            latents = await self._explore.latents(sampler, _seed(seed))
            point = await self._point(sampler, label, latents)
            return latents, point, *self._sliders(sampler, latents, first)

    def look(self, name, latents, first):
        """Puts the sliders where the latents are."""
        with self._told():
            sampler = self._explore.find(name)
            _check_known(sampler, latents)
            return self._sliders(sampler, latents, first)

    async def move(self, index, name, label, latents, first, value):
        with self._told():
            sampler = self._explore.find(name)
            _check_known(sampler, latents)
            low, high = exploration.coordinate_range(sampler.facts["prior"])
            place, moved = _first(sampler, first) + index, list(latents)
            if place >= len(moved):
                raise ExplorationError(f"{name} has no coordinate {place}: load the page again.")
            # No sample lies so far beyond.
            moved[place] = _number(f"z{place}", value, 2 * low - high, 2 * high - low)
            return moved, await self._point(sampler, label, moved)

    async def walk(self, name, label, start, end, steps):
        with self._told():
            start, end = _seed(start), _seed(end)
            steps = int(_number("Pictures", steps, 2, MAX_STEPS))
            sampler = self._explore.find(name)
            label = _label(sampler, label)
            sheet = await self._explore.walk(sampler, start, end, label, steps)
        return _html(sheet, f"{name}_walk_{start}_{end}", f"From seed {start} to seed {end}")

    async def plane(self, name, label, limit):
        with self._told():
            sampler = self._explore.find(name)
            if sampler.facts["latent_dim"] != 2:
                return ""
            limit = _number("r", limit, MIN_LIMIT, MAX_LIMIT)
            sheet = await self._explore.plane(sampler, limit, _label(sampler, label))
        return _html(sheet, f"{name}_plane", f"The latent plane of {name}")

    async def reproduce(self, name, data):
        with self._told():
            sheet = await self._explore.reproduction(self._explore.find(name), _content(data))
        return _html(sheet, f"{name}_reproduction", "Your picture and its reproduction")

    async def _point(self, sampler, label, latents):
        picture = await self._explore.point(sampler, latents, _label(sampler, label) or 0)
        return _html(picture, f"{sampler.name}_point", "The picture of these coordinates")

    def _sliders(self, sampler, latents, first):
        low, high = exploration.coordinate_range(sampler.facts["prior"])
        updates = []
        first = _first(sampler, first)
        for index in range(first, first + NUM_SLIDERS):
            there = index < len(latents)
            value = latents[index] if there else 0.0
            updates.append(
                self._gr.update(
                    # A rare sample lies beyond.
                    minimum=min(low, value),
                    maximum=max(high, value),
                    value=round(value, 2),
                    label=f"z{index}",
                    visible=there,
                )
            )
        return updates

    @contextlib.contextmanager
    def _told(self):
        try:
            yield
        except ExplorationError as error:
            raise self._gr.Error(str(error), print_exception=False) from error


def _number(what, value, low, high):
    """Returns a number that a page has sent; it may be of any page, or of none."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise ExplorationError(f"{what} is {value!r:.40}: expected a number from {low} to {high}.")
    return value


def _within_plane(limit):
    return max(MIN_LIMIT, min(MAX_LIMIT, limit))


def _seed(value):
    """Returns a seed; a field that was emptied is 0."""
    return 0 if value is None else int(_number("Seed", value, 0, MAX_SEED))


def _first(sampler, value):
    """Returns the number of the first coordinate that is shown."""
    last = max(1, sampler.facts["latent_dim"] - NUM_SLIDERS)
    return int(_number("First coordinate", value, 0, last))


def _check_known(sampler, latents):
    """Refuses a page that was opened before the server was started again, or long ago."""
    if len(latents) != sampler.facts["latent_dim"]:
        raise ExplorationError("This page has been forgotten: load it again.")


def _label(sampler, label):
    """Returns the number of a class; `None` for each in turn."""
    classes = sampler.facts["classes"] or ()
    return classes.index(label) if label in classes else None


def _describe(sampler):
    facts = sampler.facts
    height, width, channels = facts["image_shape"]
    return (
        f"**{facts['title']}** on {facts['dataset']}, version {sampler.version}: "
        f"trained for {facts['epochs']} epoch{'s' * (facts['epochs'] != 1)}, "
        f"{height} × {width} × {channels} pixels, {facts['latent_dim']} latent coordinates."
    )


def _content(data):
    """Returns the bytes of what a browser sends as `data:image/png;base64,...`."""
    if not data:
        raise ExplorationError(f"The picture has more than {MAX_UPLOAD >> 20} MB.")
    try:
        return base64.b64decode(data.partition(";base64,")[2], validate=True)
    except (AttributeError, ValueError) as error:
        raise ExplorationError("This is no picture.") from error


def _html(picture, file_name, text):
    """Returns a picture and its download, within the page: no file on the server is made."""
    data = f"data:image/png;base64,{base64.b64encode(to_png(picture)).decode()}"
    return (
        f'<img src="{data}" alt="{html.escape(text)}">'
        f'<a href="{data}" download="{html.escape(file_name)}.png">Download PNG</a>'
    )
