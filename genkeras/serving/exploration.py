"""What the explorer shows, as pictures: samples, points, walks, planes, reproductions."""

import asyncio
import tempfile

import numpy as np

from genkeras.data import scan
from genkeras.data.dataset import DataError
from genkeras.data.preprocessing import Geometry, transform
from genkeras.serving.bodies import FullError
from genkeras.visualization.grid import make_grid
from genkeras.visualization.lines import SPHERICAL_PRIORS, lerp, slerp
from genkeras.visualization.manifold import latent_plane, manifold_sheet

PLANE_ROWS = 15
# On its way to 8 bits, a pixel of 16 is several float64 numbers.
MAX_UPLOADED_PIXELS = 16_000_000
# A normal coordinate is within it 997 times of 1,000.
NORMAL_RANGE = 3.0


class ExplorationError(Exception):
    """It cannot be shown; the message is for who looks at the page."""


class Exploration:
    """Draws through a server's queue, as any other client does.

    Labels are integers; `None` takes the classes in turn, and is all that an unconditional
    sampler takes. Samplers are from `find`: once for an action, all of which is then of one
    version.

    Args:
        service: `server.Service`.
    """

    def __init__(self, service):
        self._service = service
        # A small file can be a large picture: one at a time.
        self._reading = asyncio.Lock()

    @property
    def names(self):
        """Tuple of the samplers that are ready."""
        return self._service.repository.names

    def find(self, name):
        """Returns the newest `Sampler` of a name.

        Raises:
            ExplorationError: If there is none.
        """
        sampler = self._service.repository.find(name)
        if sampler is None:
            raise ExplorationError(f"{name} is not served any more: load the page again.")
        return sampler

    async def samples(self, sampler, seed, label, count):
        """Returns a sheet; its pictures have the seeds from `seed` upwards."""
        seeds = np.arange(seed, seed + count, dtype=np.int64)
        return make_grid(await self._images(sampler, "sample", label, seeds=seeds))

    async def latents(self, sampler, seed):
        """Returns the latents `(latent_dim,)` of a seed, as a list of floats."""
        outputs = await self._run(sampler, "draw_latents", seeds=np.array([seed], np.int64))
        return outputs["latents"][0].tolist()

    async def point(self, sampler, latents, label):
        """Returns the picture of latents `(latent_dim,)`."""
        latents = np.array([latents], np.float32)
        return (await self._images(sampler, "decode", label, latents=latents))[0]

    async def walk(self, sampler, first, last, label, steps):
        """Returns a sheet of the pictures between those of two seeds, both included."""
        seeds = np.array([first, last], np.int64)
        ends = (await self._run(sampler, "draw_latents", seeds=seeds))["latents"]
        line = slerp if sampler.facts["prior"]["name"] in SPHERICAL_PRIORS else lerp
        latents = line(ends[:1], ends[1:], steps)[0].astype(np.float32)
        images = await self._images(sampler, "decode", label or 0, latents=latents)
        return make_grid(images, columns=min(steps, 5))

    async def plane(self, sampler, limit, label):
        """Returns the pictures of a square of the latent plane, from `-limit` to `limit`."""
        latents = latent_plane(PLANE_ROWS, PLANE_ROWS, limit)
        return manifold_sheet(
            await self._images(sampler, "decode", label or 0, latents=latents), PLANE_ROWS
        )

    async def reproduction(self, sampler, content):
        """Returns a picture, bytes of a file, as the model sees it beside its reproduction."""
        async with self._reading:
            image = await asyncio.to_thread(_read, content, sampler.facts["image_shape"])
        images = image[np.newaxis]
        outputs = await self._run(sampler, "reconstruct", images=images)
        return make_grid(np.concatenate([images, outputs["images"]]), columns=2)

    async def _images(self, sampler, signature, label, **inputs):
        classes = sampler.facts["classes"]
        if classes is not None:
            rows = len(next(iter(inputs.values())))
            turns = np.arange(rows, dtype=np.int64) % len(classes)
            inputs["labels"] = turns if label is None else np.full_like(turns, label)
        return (await self._run(sampler, signature, **inputs))["images"]

    async def _run(self, sampler, signature, **inputs):
        try:
            with self._service.batcher.place():
                return await self._service.batcher.submit(sampler, signature, inputs)
        except FullError as error:
            raise ExplorationError("The server is busy: try again.") from error


def coordinate_range(prior):
    """Returns the pair of lowest and highest value of a latent coordinate.

    Args:
        prior: Dict from a sampler's metadata.
    """
    scale = prior["scale"]
    if prior["name"] == "normal":
        return -NORMAL_RANGE * scale, NORMAL_RANGE * scale
    return (0.0 if prior["name"] == "uniform_unsigned" else -scale), scale


def _read(content, image_shape):
    height, width, channels = image_shape
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            picture = scan.read_picture(file.name, MAX_UPLOADED_PIXELS)
        picture = transform(
            picture.convert("L" if channels == 1 else "RGB"),
            Geometry("center", output_height=height, output_width=width),
        )
    except (scan.PictureError, DataError) as error:
        raise ExplorationError(f"This picture cannot be used: {error}.") from error
    return np.asarray(picture).reshape(image_shape)
