"""The files of the visualize options, for models that draw their latents as brightness."""

import numpy as np
import pytest
from PIL import Image

from genkeras import registry
from genkeras.training.sheets.latent_traversal import LatentTraversal

SIZE = 4
NUM_PICTURES = 6
LATENT_DIM = 3


class Brightness:
    """Three rows of a picture are as bright as the three latents; the fourth as the class."""

    value_range = (-1.0, 1.0)
    latent_dim = LATENT_DIM

    def __init__(self, num_classes=None):
        self.num_classes = num_classes
        self.latents, self.labels = [], []

    def generate(self, latents, labels=None):
        self.latents.append(np.asarray(latents))
        self.labels.append(labels)
        rows = np.zeros((len(latents), SIZE))
        rows[:, :3] = latents
        rows[:, 3] = 0 if labels is None else np.asarray(labels) / self.num_classes
        return np.repeat(rows[:, :, None, None], SIZE, axis=2)


class Decoder(Brightness):
    """The same as an autoencoder's decoder, which takes no labels."""

    def decode(self, latents):
        return Brightness.generate(self, latents)

    generate = None


def _frames(path):
    picture = Image.open(path)
    frames = []
    for index in range(picture.n_frames):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("L")))
    picture.seek(0)
    return frames


def _milliseconds(path):
    picture, total = Image.open(path), 0
    for index in range(picture.n_frames):
        picture.seek(index)
        total += picture.info["duration"]
    return total


def _write(tmp_path, option, model=None, **options):
    model = model or Brightness()
    paths = LatentTraversal(tmp_path / "visualize", option, NUM_PICTURES, **options).write(model)
    assert sorted(paths) == sorted((tmp_path / "visualize").iterdir())
    return model, [path.name for path in paths], paths


def _names(option, extension):
    return [f"option{option}_dimension_{index}.{extension}" for index in range(LATENT_DIM)]


RUN = np.linspace(0, 1, NUM_PICTURES, dtype=np.float32)


def test_option_0_is_one_sheet(tmp_path):
    model, names, paths = _write(tmp_path, 0)
    assert names == ["option0.png"]
    (latents,) = model.latents
    assert latents.shape == (NUM_PICTURES, LATENT_DIM)
    assert abs(latents).max() <= 0.5
    assert len(np.unique(latents)) == latents.size
    # ⌈√6⌉ = 3 columns, two rows; 2 pixels between the pictures.
    assert Image.open(paths[0]).size == (3 * 6 + 2, 2 * 6 + 2)


def test_option_1_is_a_sheet_per_dimension(tmp_path):
    model, names, paths = _write(tmp_path, 1)
    assert names == _names(1, "png")
    for dimension, latents in enumerate(model.latents):
        np.testing.assert_array_equal(latents[:, dimension], RUN)
        others = np.delete(latents, dimension, axis=1)
        assert others.min() < 0 < others.max()
        assert abs(others).max() <= 1
        assert len(np.unique(others)) == others.size
    assert max(abs(latents).max() for latents in model.latents) > 0.5
    sheet = np.asarray(Image.open(paths[1]))
    assert sheet.shape == (2 * 6 + 2, 3 * 6 + 2)
    assert sheet[2 + 1, 2] == 128  # The first picture's second latent is 0,
    assert sheet[8 + 1, 14] == 255  # the last one's is 1.


def test_option_2_is_a_gif_of_one_vector(tmp_path):
    model, names, paths = _write(tmp_path, 2)
    (latents,) = model.latents
    running = [k for k in range(LATENT_DIM) if np.ptp(latents[:, k]) > 0]
    assert len(running) == 1
    assert names == [f"option2_dimension_{running[0]}.gif"]
    np.testing.assert_array_equal(latents[:, running[0]], RUN)
    start = np.delete(latents[0], running[0])
    assert abs(start).min() > 0
    assert abs(start).max() <= 0.2
    assert len(_frames(paths[0])) == NUM_PICTURES
    assert _milliseconds(paths[0]) == 2000


def test_option_3_is_a_gif_per_dimension(tmp_path):
    model, names, paths = _write(tmp_path, 3)
    assert names == _names(3, "gif")
    for dimension, (latents, path) in enumerate(zip(model.latents, paths, strict=True)):
        expected = np.zeros((NUM_PICTURES, LATENT_DIM))
        expected[:, dimension] = RUN
        np.testing.assert_array_equal(latents, expected)
        frames = _frames(path)
        assert len(frames) == NUM_PICTURES
        assert frames[0].shape == (SIZE, SIZE)
        assert [frame[dimension, 0] for frame in frames] == [128, 153, 178, 204, 230, 255]
        assert _milliseconds(path) == 2000


def test_option_4_merges_all_forth_and_back(tmp_path):
    _, names, paths = _write(tmp_path, 4)
    assert names == [*_names(4, "gif"), "option4_merged.gif"]
    frames = _frames(paths[-1])
    assert len(frames) == 2 * NUM_PICTURES - 1
    assert _milliseconds(paths[-1]) == 8000
    for first, last in zip(frames, reversed(frames), strict=True):
        np.testing.assert_array_equal(first, last)
    # ⌈√3⌉ = 2 columns; each cell shows its own dimension.
    assert frames[0].shape == (2 * 6 + 2, 2 * 6 + 2)
    last = frames[NUM_PICTURES - 1]
    assert [last[2 + 0, 2], last[2 + 1, 2]] == [255, 128]
    assert [last[2 + 0, 8], last[2 + 1, 8]] == [128, 255]
    assert [last[8 + 1, 2], last[8 + 2, 2]] == [128, 255]


@pytest.mark.parametrize("option", range(5))
def test_autoencoders_are_drawn_by_their_decoder(tmp_path, option):
    model, names, _ = _write(tmp_path, option, Decoder())
    assert names
    assert len(model.latents) == (1 if option in (0, 2) else LATENT_DIM)


@pytest.mark.parametrize("option", [0, 1])
def test_given_labels_are_repeated_over_a_sheet(tmp_path, option):
    model, _, _ = _write(tmp_path, option, Brightness(5), labels=[3, 1, 4, 0])
    for labels in model.labels:
        assert list(labels) == [3, 1, 4, 0, 3, 1]


@pytest.mark.parametrize("option", [2, 3, 4])
def test_a_gif_has_one_class(tmp_path, option):
    model, _, _ = _write(tmp_path, option, Brightness(5), labels=[3, 1])
    expected = [3] if option == 2 else [3, 1, 3]
    assert [set(labels) for labels in model.labels] == [{label} for label in expected]


@pytest.mark.parametrize("option", range(5))
def test_labels_are_drawn_if_none_are_given(tmp_path, option):
    model, _, _ = _write(tmp_path, option, Brightness(5))
    labels = np.concatenate(model.labels)
    assert set(labels) <= set(range(5))
    if option == 1:
        assert set(labels) == set(range(5))


def test_same_seed_same_files(tmp_path):
    contents = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        (path,) = LatentTraversal(tmp_path / folder, 0, NUM_PICTURES, seed=seed).write(Brightness())
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_unknown_option(tmp_path):
    with pytest.raises(ValueError, match="option=5; expected 0, 1, 2, 3 or 4"):
        LatentTraversal(tmp_path, 5)


def test_numbers_have_leading_zeros(tmp_path):
    model = registry.build("vae", (8, 8, 1), latent_dim=11, width=2)
    paths = LatentTraversal(tmp_path, 1, 2).write(model)
    assert [paths[0].name, paths[10].name] == [
        "option1_dimension_00.png",
        "option1_dimension_10.png",
    ]


@pytest.mark.parametrize("name", ["cgan", "nsgan", "dcgan"])
def test_real_models(tmp_path, name):
    options = {"conditional": True} if name == "dcgan" else {}
    model = registry.build(name, (8, 8, 3), 4, latent_dim=2, width=2, **options)
    labels = [1] if model.num_classes else None
    paths = LatentTraversal(tmp_path, 4, 3, labels).write(model)
    assert [path.name for path in paths] == [
        "option4_dimension_0.gif",
        "option4_dimension_1.gif",
        "option4_merged.gif",
    ]
    assert Image.open(paths[0]).size == (8, 8)
