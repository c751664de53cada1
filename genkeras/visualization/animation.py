"""Moving pictures."""

import io

import numpy as np
from PIL import Image

# A GIF counts time in hundredths of a second.
_TICKS_PER_SECOND = 100


def forth_and_back(num_frames):
    """Returns the indices 0, 1, ..., `num_frames - 1`, ..., 1, 0 of a loop without a jump."""
    forth = list(range(num_frames))
    return forth + forth[-2::-1]


def to_gif(frames, seconds):
    """Encodes frames as a GIF that repeats without end.

    Colour frames are reduced to 256 colours, each to its own; grey ones are kept exactly.
    Equal neighbours are stored as one frame that stays longer.

    Args:
        frames: List of uint8 arrays `(height, width, channels)` with 1 or 3 channels.
        seconds: Float. Duration of one round.

    Returns:
        Bytes of a GIF file.
    """
    pictures = [
        Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in frames
    ]
    # Rounding the times at which frames end, not their durations, keeps the whole exact.
    ends = np.rint(np.linspace(0, seconds * _TICKS_PER_SECOND, len(pictures) + 1))
    milliseconds = (np.diff(ends) * 1000 / _TICKS_PER_SECOND).astype(int).tolist()
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0
    )
    return buffer.getvalue()
