import io

import numpy as np
import pytest
from PIL import Image

from genkeras.visualization import animation


def _frames(num_frames, channels=1):
    return [np.full((3, 5, channels), 30 * index, np.uint8) for index in range(num_frames)]


def _read(data):
    """Returns all frames of a GIF, as RGB, and their durations in milliseconds."""
    picture = Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(picture.n_frames):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("RGB")))
        durations.append(picture.info["duration"])
    return frames, durations, picture.info


def test_forth_and_back():
    assert animation.forth_and_back(4) == [0, 1, 2, 3, 2, 1, 0]
    assert animation.forth_and_back(1) == [0]
    assert len(animation.forth_and_back(64)) == 127


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_holds_every_frame(channels):
    originals = _frames(6, channels)
    frames, _, info = _read(animation.to_gif(originals, seconds=1.0))
    assert len(frames) == 6
    for original, frame in zip(originals, frames, strict=True):
        np.testing.assert_array_equal(frame, np.broadcast_to(original, (3, 5, 3)))
    assert info["loop"] == 0  # without end


@pytest.mark.parametrize(("num_frames", "seconds"), [(8, 2.0), (7, 2.0)])
def test_duration_of_a_round_is_exact(num_frames, seconds):
    data = animation.to_gif(_frames(num_frames), seconds)
    _, durations, _ = _read(data)
    assert sum(durations) == 1000 * seconds
    assert max(durations) - min(durations) <= 10


def test_equal_neighbours_stay_longer():
    frame = _frames(2)
    _, durations, _ = _read(animation.to_gif([frame[0], frame[1], frame[1], frame[0]], 2.0))
    assert durations == [500, 1000, 500]


def test_colours_are_those_of_the_frame():
    random = np.random.default_rng(0)
    originals = [random.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(2)]
    frames, _, _ = _read(animation.to_gif(originals, 1.0))
    # 64 colours fit into a palette of 256; each frame has its own.
    for original, frame in zip(originals, frames, strict=True):
        np.testing.assert_array_equal(frame, original)
