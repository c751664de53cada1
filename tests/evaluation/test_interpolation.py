import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from genkeras.data.dataset import Split
from genkeras.evaluation import interpolation
from genkeras.models import noise
from genkeras.training.config import Config
from genkeras.training.errors import RunError

CONFIG = Config(
    model="telling",
    dataset="none",
    data={},
    image_shape=(1, 1, 1),
    class_names=("zero", "one", "two"),
    options={},
    epochs=1,
    seed=0,
    data_facts={},
)


class Generator:
    """Its pictures are 1×1: the first latent, and 100 for every class."""

    value_range = (0.0, 255.0)
    prior = "uniform_signed"
    num_classes = None

    def draw_latents(self, batch_size, seed):
        return np.array([[10.0, 0.0], [0.0, 10.0]] * (batch_size // 2))

    def generate(self, latents, labels=None):
        labels = np.zeros(len(latents)) if labels is None else labels
        return (np.asarray(latents)[:, 0] + 100 * labels).reshape(-1, 1, 1, 1)

    def sample_labels(self, num_images, seed):
        return np.full(num_images, 2)


class Autoencoder(Generator):
    """The code of a picture holds it twice."""

    prior = "normal"

    def encode(self, images):
        return np.tile(images.reshape(-1, 1), 2) * [1, 0.5]

    def decode(self, latents):
        return self.generate(latents)

    def reconstruct(self, images):
        return self.decode(self.encode(images))


def _draw(monkeypatch, tmp_path, model, **options):
    monkeypatch.setattr(interpolation.experiment, "load", lambda run_dir, best: (CONFIG, model))
    path = tmp_path / "lines.png"
    kind = interpolation.interpolate("run", path, **options)
    return kind, np.asarray(Image.open(path))[2::3, 2::3].astype(int)


def test_line_is_straight_for_a_uniform_prior(monkeypatch, tmp_path):
    kind, cells = _draw(monkeypatch, tmp_path, Generator(), num_lines=3, num_steps=5)
    assert kind == "linear"
    np.testing.assert_array_equal(cells, [np.rint([10, 7.5, 5, 2.5, 0])] * 3)


@pytest.mark.parametrize("prior", ["normal", "sphere"])
def test_line_is_round_for_a_spherical_prior(monkeypatch, tmp_path, prior):
    class Prior:
        name = prior
        draw = staticmethod(lambda count, seed: Generator().draw_latents(count, seed))

    model = Generator()
    model.prior = Prior() if prior == "sphere" else prior
    kind, cells = _draw(monkeypatch, tmp_path, model, num_lines=1, num_steps=3)
    assert kind == "spherical"
    np.testing.assert_array_equal(cells, [[10, 7, 0]])


def test_label_is_the_same_along_a_line(monkeypatch, tmp_path):
    model = Generator()
    model.num_classes = 3
    options = {"num_lines": 3, "num_steps": 2}
    _, cells = _draw(monkeypatch, tmp_path, model, **options)
    np.testing.assert_array_equal(cells, [[210, 200]] * 3)
    _, cells = _draw(monkeypatch, tmp_path, model, labels=["one", "0"], **options)
    np.testing.assert_array_equal(cells, [[110, 100], [10, 0], [110, 100]])
    with pytest.raises(RunError, match="'three' names no class"):
        _draw(monkeypatch, tmp_path, model, labels=["three"], **options)


def test_labels_of_an_unconditional_model_are_refused(monkeypatch, tmp_path):
    with pytest.raises(RunError, match="not a conditional model"):
        _draw(monkeypatch, tmp_path, Generator(), labels=["0"])


@pytest.fixture
def _test_pictures(monkeypatch):
    class Dataset:
        test = Split(np.arange(0, 80, 10, dtype=np.uint8).reshape(8, 1, 1, 1), None)

    monkeypatch.setattr(interpolation, "load_run_data", lambda config, **locations: Dataset())


@pytest.mark.usefixtures("_test_pictures")
def test_test_pictures_stand_at_the_ends(monkeypatch, tmp_path):
    options = {"num_lines": 4, "num_steps": 3, "from_test": True}
    _, cells = _draw(monkeypatch, tmp_path, Autoencoder(), **options)
    assert cells.shape == (4, 5)
    # All eight are used once, in no order; codes of one direction lie on a straight line.
    assert sorted(cells[:, [0, 4]].ravel()) == list(range(0, 80, 10))
    assert (np.diff(cells[:, [0, 4]].ravel()) < 0).any()
    np.testing.assert_array_equal(cells[:, 1], cells[:, 0])
    np.testing.assert_array_equal(cells[:, 3], cells[:, 4])
    np.testing.assert_array_equal(cells[:, 2], (cells[:, 0] + cells[:, 4]) // 2)


class Tensors(Generator):
    """As `Generator`, on tensors: its latents can be searched for."""

    value_range = (0.0, 255.0)
    prior = "normal"

    def draw_latents(self, batch_size, seed):
        return noise.normal((batch_size, 2), seed)

    def generate(self, latents, labels=0):
        latents = tf.convert_to_tensor(latents)
        shades = 50.0 * (latents[:, 0] + 1.0) + 100.0 * tf.cast(labels, tf.float32)
        return tf.reshape(shades, (-1, 1, 1, 1))


@pytest.mark.usefixtures("_test_pictures")
def test_latents_of_test_pictures_are_searched_for_without_an_encoder(monkeypatch, tmp_path):
    options = {"num_lines": 4, "num_steps": 3, "from_test": True}
    _, cells = _draw(monkeypatch, tmp_path, Tensors(), **options)
    assert sorted(cells[:, [0, 4]].ravel()) == list(range(0, 80, 10))
    np.testing.assert_allclose(cells[:, [1, 3]], cells[:, [0, 4]], atol=1)


def test_test_pictures_at_the_ends_are_of_the_class_of_the_line(monkeypatch, tmp_path):
    class Dataset:
        # Shades 0 to 70 in class 0, 100 to 170 in class 1, 200 and 210 in class 2.
        test = Split(
            np.array([*range(0, 80, 10), *range(100, 180, 10), 200, 210], np.uint8).reshape(
                18, 1, 1, 1
            ),
            np.array([0] * 8 + [1] * 8 + [2] * 2),
        )

    monkeypatch.setattr(interpolation, "load_run_data", lambda config, **locations: Dataset())
    model = Tensors()
    model.num_classes = 3
    options = {"num_steps": 2, "from_test": True, "labels": ["1", "0", "2"]}
    _, cells = _draw(monkeypatch, tmp_path, model, num_lines=5, **options)
    ends = cells[:, [0, 3]]
    np.testing.assert_array_equal(ends // 100, np.array([1, 0, 2, 1, 0])[:, None].repeat(2, 1))
    assert len(np.unique(ends)) == 10
    np.testing.assert_allclose(cells[:, [1, 2]], ends, atol=1)
    with pytest.raises(RunError, match="two test pictures each of their class"):
        _draw(monkeypatch, tmp_path, model, num_lines=6, **options)


@pytest.mark.usefixtures("_test_pictures")
def test_too_few_test_pictures(monkeypatch, tmp_path):
    with pytest.raises(RunError, match="5 lines need 10 test pictures, and there are 8"):
        _draw(monkeypatch, tmp_path, Autoencoder(), num_lines=5, from_test=True)


def test_lines_depend_on_the_seed(monkeypatch, tmp_path):
    seeds = []
    model = Generator()
    draw = model.draw_latents
    monkeypatch.setattr(
        model, "draw_latents", lambda count, seed: seeds.append(seed.numpy().tolist()) or draw(2, 0)
    )
    for seed in (1, 1, 2):
        _draw(monkeypatch, tmp_path, model, num_lines=1, seed=seed)
    assert seeds[0] == seeds[1] != seeds[2]
