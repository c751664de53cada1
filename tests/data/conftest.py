"""Files of the kinds the data room reads, drawn by the tests."""

import gzip
import pathlib
import struct

import numpy as np
import pytest
from PIL import Image

from genkeras.data.dataset import DataOptions

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture
def options(tmp_path):
    """Makes `DataOptions` whose cache lies in the test's folder."""

    def make(**kwargs):
        return DataOptions(**{"cache_dir": str(tmp_path / "cache"), **kwargs})

    return make


@pytest.fixture
def idx_bytes():
    """The bytes of an IDX file that holds a uint8 array."""

    def make(array):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        return header + array.astype(np.uint8).tobytes()

    return make


@pytest.fixture
def write_idx_set(idx_bytes):
    """Writes the four files of an MNIST-like set and returns its arrays."""

    def write(folder, num_train=30, num_test=10, size=(28, 28), packed=True):
        rng = np.random.default_rng(1)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = []
        for number in (num_train, num_test):
            arrays.append(rng.integers(0, 256, (number, *size), dtype=np.uint8))
            arrays.append(np.arange(number, dtype=np.uint8) % 10)
        for name, array in zip(IDX_FILES, arrays, strict=True):
            data = idx_bytes(array)
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data, 1))
            else:
                (folder / name).write_bytes(data)
        return arrays

    return write


@pytest.fixture
def draw():
    """Draws a smooth picture of its own for every seed, and saves it."""

    def make(path, size=(24, 20), mode="RGB", seed=0, **kwargs):
        rng = np.random.default_rng(seed)
        channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
        values = rng.integers(0, 256, (4, 4, channels), dtype=np.uint8)
        small = Image.fromarray(values[..., 0] if channels == 1 else values)
        if mode == "CMYK":
            small = Image.frombytes("CMYK", (4, 4), values.tobytes())
        picture = small.resize(size, Image.Resampling.BICUBIC)
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, **kwargs)
        return picture

    return make


@pytest.fixture
def picture_folder(tmp_path, draw):
    """A folder with classes `cat` and `dog`, split into `train/` and `test/`."""

    def make(num_train=8, num_test=4, root=None, **kwargs):
        root = root or tmp_path / "pictures"
        for part, number in (("train", num_train), ("test", num_test)):
            for index in range(number):
                name = f"{('cat', 'dog')[index % 2]}/{index:03d}.png"
                draw(root / part / name, seed=index + 1000 * (part == "test"), **kwargs)
        return root

    return make
