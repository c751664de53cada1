"""What a process of a comparison hands back, and keeps for the next time."""

import dataclasses
import io
import json
import logging

import numpy as np

from genkeras import atomic
from genkeras.training.state import UNREADABLE

_log = logging.getLogger("genkeras")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a process hands back.

    Args:
        facts: JSON-able dict of numbers and words.
        pictures: Dict of a name to a uint8 array: `samples`, `neighbours` (samples, each
            followed by its nearest training picture), `originals` and `reproductions`, and
            `networks`, the bytes of a PNG.
    """

    facts: dict
    pictures: dict

    def save(self, path):
        """Writes the outcome as an `.npz` of plain arrays."""
        buffer = io.BytesIO()
        facts = np.frombuffer(json.dumps(self.facts).encode(), np.uint8)
        np.savez_compressed(buffer, facts=facts, **self.pictures)
        atomic.write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path):
        """Reads an outcome; `None` if there is none that can be read."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            facts = json.loads(arrays.pop("facts").tobytes())
            if not isinstance(facts["key"], str):
                raise ValueError("its key is no word")
            return cls(facts, arrays)
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            _log.warning("%s cannot be read (%s): it is made anew.", path, error)
            return None
