import http.server
import os
import shutil
import socket
import threading
import types

import numpy as np
import pytest
import tensorflow_datasets

from genkeras.data import idx, registry, tfds
from genkeras.data.dataset import DataError
from genkeras.data.folder import is_held_out

SIZES = ((20, 30), (16, 16))


class GenkerasTiny(tensorflow_datasets.core.GeneratorBasedBuilder):
    """Drawn pictures of different sizes, some with a test part, some without."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    BUILDER_CONFIGS = tuple(
        tensorflow_datasets.core.BuilderConfig(name=name)
        for name in ("both", "train_only", "unlabelled", "broken", "no_image")
    )

    def _info(self):
        features = tensorflow_datasets.features
        kind = self.builder_config.name
        described = {"image": features.Image(shape=(None, None, 3))}
        if kind == "no_image":
            described = {"text": features.Text()}
        if kind != "unlabelled":
            described["label"] = features.ClassLabel(names=["cat", "dog"])
        described["night"] = np.bool_
        return self.dataset_info_from_configs(features=features.FeaturesDict(described))

    def _split_generators(self, dl_manager):
        if self.builder_config.name == "broken":
            raise ConnectionError("all 5 attempts failed\nand more")
        splits = {"train": self._generate_examples(60)}
        if self.builder_config.name != "train_only":
            splits["test"] = self._generate_examples(5)
        return splits

    first_value = 0

    def _generate_examples(self, number):
        for index in range(number):
            image = np.full((*SIZES[index % 2], 3), index + self.first_value, np.uint8)
            example = {"image": image, "label": index % 2, "night": index % 3 == 0}
            if self.builder_config.name == "unlabelled":
                del example["label"]
            if self.builder_config.name == "no_image":
                example = {"text": "x", "label": 0, "night": False}
            yield index, example


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """TFDS keeps its files in the test's folder."""
    builder = tensorflow_datasets.builder

    def inside(name, data_dir=None):
        return builder(name, data_dir=data_dir or str(tmp_path / "tfds"))

    monkeypatch.setattr(tensorflow_datasets, "builder", inside)


def numbers(images):
    return sorted(images[:, 8, 8, 0].tolist())


def test_train_and_test_with_labels_and_sizes(options):
    dataset = registry.load("tfds:genkeras_tiny/both", options(output_height=16))
    assert dataset.name == "tfds_genkeras_tiny_both"
    assert dataset.image_shape == (16, 16, 3)
    assert numbers(dataset.train.images) == list(range(60))
    assert numbers(dataset.test.images) == list(range(5))
    assert dataset.class_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.train.images[:, 8, 8, 0] % 2, dataset.train.labels)
    np.testing.assert_array_equal(dataset.test.images[:, 8, 8, 0] % 2, dataset.test.labels)


def test_the_second_start_reads_no_examples(options, monkeypatch):
    first = registry.load("tfds:genkeras_tiny/both", options())
    monkeypatch.setattr(tfds, "_examples", lambda *_: pytest.fail("read again"))
    second = registry.load("tfds:genkeras_tiny/both", options())
    assert first.facts == second.facts
    np.testing.assert_array_equal(first.test.labels, second.test.labels)


def test_without_a_test_split_a_tenth_is_held_out(options):
    dataset = registry.load("tfds:genkeras_tiny/train_only", options())
    held_out = sum(is_held_out(f"train/{index}") for index in range(60))
    assert len(dataset.test.images) == held_out > 0
    everything = numbers(dataset.train.images) + numbers(dataset.test.images)
    assert sorted(everything) == list(range(60))


def test_train_size(options):
    dataset = registry.load("tfds:genkeras_tiny/both", options(train_size=7))
    whole = registry.load("tfds:genkeras_tiny/both", options())
    assert len(dataset.test.images) == 5
    np.testing.assert_array_equal(dataset.train.images, whole.train.images[:7])
    np.testing.assert_array_equal(dataset.train.labels, whole.train.labels[:7])


def test_another_feature_as_label(options):
    dataset = registry.load("tfds:genkeras_tiny/both", options(label="night"))
    expected = dataset.train.images[:, 8, 8, 0] % 3 == 0
    np.testing.assert_array_equal(dataset.train.labels, expected)
    assert dataset.num_classes == 2
    with pytest.raises(DataError, match=r"--label=day"):
        registry.load("tfds:genkeras_tiny/both", options(label="day"))


def test_a_set_without_labels(options):
    dataset = registry.load("tfds:genkeras_tiny/unlabelled", options())
    assert dataset.class_names is None
    assert dataset.train.labels is None


def test_a_set_without_pictures(options):
    with pytest.raises(DataError, match=r"no pictures in a feature 'image'.*text"):
        registry.load("tfds:genkeras_tiny/no_image", options())


@pytest.mark.parametrize("name", ["no_such_set_anywhere", "a b", "genkeras_tiny/no_such_config"])
def test_unknown_sets(options, name):
    with pytest.raises(DataError, match=r"has no set"):
        registry.load(f"tfds:{name}", options())


def test_a_failed_preparation_says_what_to_do(options):
    with pytest.raises(DataError) as caught:
        registry.load("tfds:genkeras_tiny/broken", options())
    text = str(caught.value)
    assert "all 5 attempts failed" in text
    assert "and more" not in text
    assert "--dataset=fashion_mnist_sample" in text


def test_the_user_s_folder_is_used_when_it_holds_the_set(tmp_path, options, monkeypatch):
    tensorflow_datasets.builder("genkeras_tiny/both").download_and_prepare()
    (tmp_path / "tfds").rename(tmp_path / "mine")
    monkeypatch.setattr(tfds, "_probe", lambda *_: pytest.fail("wanted to download"))
    dataset = registry.load("tfds:genkeras_tiny/both", options(data_dir=str(tmp_path / "mine")))
    assert len(dataset.train.images) == 60


def test_two_folders_with_one_set_but_other_pixels(tmp_path, options, monkeypatch):
    datasets = []
    for value in (0, 100):
        monkeypatch.setattr(GenkerasTiny, "first_value", value)
        folder = str(tmp_path / f"from_{value}")
        tensorflow_datasets.builder("genkeras_tiny/both", folder).download_and_prepare()
        datasets.append(registry.load("tfds:genkeras_tiny/both", options(data_dir=folder)))
    assert numbers(datasets[0].test.images) == [0, 1, 2, 3, 4]
    assert numbers(datasets[1].test.images) == [100, 101, 102, 103, 104]
    assert datasets[0].facts["fingerprint"] != datasets[1].facts["fingerprint"]


def test_another_folder_is_read_even_if_its_files_look_the_same(tmp_path, options, monkeypatch):
    registry.load("tfds:genkeras_tiny/both", options())
    shutil.copytree(tmp_path / "tfds", tmp_path / "copy")
    monkeypatch.setattr(tfds, "_examples", lambda *_: iter([]))
    with pytest.raises(DataError, match=r"gives 0 training"):
        registry.load("tfds:genkeras_tiny/both", options(data_dir=str(tmp_path / "copy")))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("change", ["size", "time"])
def test_a_file_changed_since_is_read_anew(tmp_path, options, monkeypatch, split, change):
    registry.load("tfds:genkeras_tiny/both", options())
    (path,) = (tmp_path / "tfds").glob(f"**/*-{split}.tfrecord*")
    found = path.stat()
    if change == "size":
        path.write_bytes(path.read_bytes() + b"0")
    os.utime(path, ns=(0, found.st_mtime_ns + (change == "time")))
    monkeypatch.setattr(tfds, "_examples", lambda *_: iter([]))
    with pytest.raises(DataError, match=r"gives 0 training"):
        registry.load("tfds:genkeras_tiny/both", options())


def test_a_file_that_is_gone_is_named(tmp_path, options):
    registry.load("tfds:genkeras_tiny/both", options())
    (path,) = (tmp_path / "tfds").glob("**/*-test.tfrecord*")
    path.unlink()
    with pytest.raises(DataError, match=r"-test\.tfrecord.* cannot be read: No such file"):
        registry.load("tfds:genkeras_tiny/both", options())


class FakeBuilder:
    """What we use of a TFDS builder, with pictures like MNIST's."""

    def __init__(self, folder, failure=None):
        self.data_path, self.failure, self.url_infos = folder, failure, None
        self.info = types.SimpleNamespace(full_name="mnist/3.0.1")

    def download_and_prepare(self):
        if self.failure:
            raise self.failure

    def as_dataset(self, split, shuffle_files):
        assert not shuffle_files
        number = {"train": 6, "test": 3}[split]
        return [
            {"image": np.full((28, 28, 1), index, np.uint8), "label": index}
            for index in range(number)
        ]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Puts a fake builder in the place of all others; no files lie on this machine."""

    def put(failure=None):
        monkeypatch.setattr(idx, "SYSTEM_FOLDERS", {})
        monkeypatch.setattr(tensorflow_datasets, "as_numpy", lambda examples: examples)
        builder = FakeBuilder(tmp_path / "nowhere", failure)
        monkeypatch.setattr(tensorflow_datasets, "builder", lambda *_, **__: builder)

    return put


def test_mnist_is_downloaded_when_no_files_are_there(fake, tmp_path, options):
    fake()
    dataset = registry.load("mnist", options(data_dir=str(tmp_path)))
    assert dataset.train.images.shape == (6, 28, 28, 1)
    assert dataset.train.labels.tolist() == list(range(6))
    assert dataset.test.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert dataset.facts["source"] == "tfds:mnist/3.0.1"


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "celeba", "tfds:cifar10"])
@pytest.mark.parametrize("failure", [ConnectionError("no route"), ImportError("No module x")])
def test_a_failed_download_never_falls_back(fake, options, name, failure):
    fake(failure)
    with pytest.raises(DataError) as caught:
        registry.load(name, options())
    text = str(caught.value)
    assert str(failure) in text
    assert "--data_dir" in text
    assert "--dataset=fashion_mnist_sample" in text
    if "mnist" in name:
        assert "train-images-idx3-ubyte.gz" in text
        assert f"DIR/{name}/" in text


def with_url(url):
    return types.SimpleNamespace(url_infos={url: None})


def test_a_host_that_does_not_answer_is_found_at_once():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectionError, match=r"127.0.0.1 cannot be reached"):
            tfds._probe(with_url(f"http://127.0.0.1:{port}/x"))


def test_a_host_that_is_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(tfds, "PROBE_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ConnectionError):
            tfds._probe(with_url(f"http://127.0.0.1:{silent.getsockname()[1]}/x"))


def test_a_host_that_refuses_is_there():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        tfds._probe(with_url(f"http://127.0.0.1:{server.server_address[1]}/x"))
