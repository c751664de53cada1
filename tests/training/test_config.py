import contextlib
import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest
from tensorflow.errors import ResourceExhaustedError

from genkeras import registry
from genkeras.data.dataset import ImageDataset, Split
from genkeras.training import config as configuration
from genkeras.training.config import Request
from genkeras.training.errors import RunError

SIZES = {"input_height": 108, "input_width": 108, "output_height": 28, "output_width": 28}


@pytest.fixture
def dataset():
    split = Split(np.zeros((4, 28, 28, 1), np.uint8), None)
    facts = {"fingerprint": "f", "default_sizes": SIZES}
    return ImageDataset("fashion_mnist", split, split, None, facts)


@pytest.mark.parametrize(
    ("options", "data", "seed", "name"),
    [
        ({}, {}, None, "default"),
        ({"latent_dim": 62, "batch_size": 64}, {"output_height": 28}, 0, "default"),
        ({"epochs": 3}, {"data_dir": "/x", "max_bad_fraction": 0.5}, None, "default"),
        ({"width": 16}, {}, 1, "seed=1,width=16"),
        ({"learning_rate": 2e-4}, {}, None, "learning_rate=0.0002"),
        ({}, {"crop": True, "input_height": 108}, None, "crop"),
        ({}, {"crop": False, "crop_mode": "wae"}, None, "crop_mode=wae"),
        ({}, {"input_fname_pattern": "*/a b.png"}, None, "input_fname_pattern=__a_b.png"),
    ],
)
def test_run_name(dataset, options, data, seed, name):
    request = Request("gan", "fashion_mnist", data, options, seed)
    assert configuration.run_name(request, dataset) == name


def test_the_default_may_depend_on_another_option(dataset):
    def name(**options):
        return configuration.run_name(Request("vae", "fashion_mnist", {}, options), dataset)

    assert name(latent_dim=20) == "default"
    assert name(network="infogan", latent_dim=20) == "latent_dim=20,network=infogan"
    assert name(network="infogan", latent_dim=62) == "network=infogan"


def test_run_directory(dataset):
    request = Request("gan", "fashion-mnist", {}, {"width": 16})
    path = configuration.run_directory(request, dataset, pathlib.Path("checkpoints"))
    assert path == pathlib.Path("checkpoints/gan/fashion_mnist/width=16")


def test_save_and_load(tmp_path, dataset):
    config = configuration.complete(
        Request("gan", "fashion_mnist", {"crop": True}, {"width": 4}, 3), dataset
    )
    assert config.epochs == 40
    assert config.options["batch_size"] == 64
    config.save(tmp_path)
    assert configuration.load(tmp_path) == config
    assert config.build_model().latent_dim == 62


def _config(dataset, **options):
    return configuration.complete(Request("gan", "fashion_mnist", {}, options), dataset)


def _edited(tmp_path, dataset, /, **changes):
    _config(dataset).save(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(content))
    return tmp_path


def test_what_is_no_run_directory(tmp_path, dataset):
    with pytest.raises(RunError, match=r"is not a run directory: it has no config\.json"):
        configuration.load(tmp_path)
    (tmp_path / "config.json").write_text('{"model": ')
    with pytest.raises(RunError, match="is damaged"):
        configuration.load(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(RunError, match="format version None"):
        configuration.load(tmp_path)
    with pytest.raises(RunError, match="format version 7"):
        configuration.load(_edited(tmp_path, dataset, format_version=7))
    with pytest.raises(RunError, match="look at extra"):
        configuration.load(_edited(tmp_path, dataset, extra=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "gann"},
        {"model": ["gan"]},
        {"dataset": 5},
        {"data": {"zzz": 1}},
        {"data": []},
        {"data": {"output_height": "28"}},
        {"data": {"crop": 3}},
        {"data": {"train_size": True}},
        {"image_shape": 5},
        {"image_shape": [28, 28]},
        {"image_shape": [28, 28, 10**9]},
        {"image_shape": [28, 28, True]},
        {"class_names": "ab"},
        {"class_names": []},
        {"options": []},
        {"options": {"batch_size": 0}},
        {"options": {"batch_size": 8, "width": [64]}},
        {"options": {"batch_size": 8, "learning_rate": float("nan")}},
        {"epochs": "9"},
        {"seed": -1},
        {"seed": False},
        {"seed": 2**63},
        {"data_facts": {}},
        {"data_facts": {"fingerprint": "f", "default_sizes": []}},
    ],
    ids=str,
)
def test_values_of_a_wrong_kind_are_named(tmp_path, dataset, changes):
    name = next(iter(changes))
    with pytest.raises(RunError, match=f"has {name}=.*; expected "):
        configuration.load(_edited(tmp_path, dataset, **changes))


@pytest.mark.parametrize(
    ("model", "name", "value", "expected"),
    [
        ("gan", "width", "x", "a whole number from 1"),
        ("gan", "width", 1e308, "a whole number from 1"),
        ("gan", "latent_dim", -5, "a whole number from 1"),
        ("gan", "latent_dim", None, "a whole number from 1"),
        ("gan", "learning_rate", "fast", "a number that 32 bits can hold"),
        ("gan", "learning_rate", 1e308, "a number that 32 bits can hold"),
        ("gan", "ema_decay", "x", "a number or null"),
        ("gan", "precision", 5, "a word"),
        ("vae", "add_noise", 1, "true or false"),
        ("vae", "latent_dim", "many", "a whole number from 1"),
        ("wae_mmd", "wae_lambda", "x", "a number that 32 bits can hold"),
        ("wae_gan", "cost", 2, "a word"),
        ("vae", "learning_rate", -1e-3, "a number above 0"),
        ("wgan", "clip_value", 0, "a number above 0"),
        ("wgan_gp", "gradient_penalty_weight", -10.0, "a number from 0"),
        ("gan", "beta_1", 1.5, "a number from 0, below 1"),
        ("gan", "ema_decay", -0.5, "a number from 0, below 1"),
    ],
)
def test_an_option_of_a_wrong_kind_is_named(tmp_path, dataset, model, name, value, expected):
    config = configuration.complete(Request(model, "fashion_mnist", {}, {}), dataset)
    wrong = dataclasses.replace(config, options=config.options | {name: value})
    told = re.escape(f" has {name}={value!r}; expected {expected}.")
    with pytest.raises(RunError, match=model + told):
        wrong.build_model()
    wrong.save(tmp_path)
    with pytest.raises(RunError, match=r"config\.json" + told):
        configuration.load(tmp_path)


@pytest.mark.parametrize("model", registry.MODELS)
def test_all_defaults_are_of_the_kinds_that_are_expected(tmp_path, dataset, model):
    variants = registry.recipe(model).variants
    selector, table = variants or ("width", [4])
    for choice in table:
        request = Request(model, "fashion_mnist", {}, {selector: choice, "learning_rate": 1})
        config = configuration.complete(request, dataset)
        config.save(tmp_path)
        assert configuration.load(tmp_path) == config


def test_data_that_no_flag_could_ask_for(tmp_path, dataset):
    with pytest.raises(RunError, match=r"config\.json has in its data .*--max_pixels=-1: expected"):
        configuration.load(_edited(tmp_path, dataset, data={"max_pixels": -1}))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_json_that_python_cannot_hold(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config\.json is damaged: "):
        configuration.load(tmp_path)


def test_a_folder_in_the_place_of_the_configuration(tmp_path):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(RunError, match=r"config\.json cannot be read: Is a directory"):
        configuration.load(tmp_path)


@pytest.mark.parametrize("name", ["width", "latent_dim"])
def test_an_absurd_size_is_refused_before_anything_is_allocated(tmp_path, dataset, name):
    options = _config(dataset).options | {name: 10**12}
    with pytest.raises(RunError, match=f"{name}=1000000000000 is too large: at most 65,536"):
        configuration.load(_edited(tmp_path, dataset, options=options)).build_model()
    with pytest.raises(RunError, match="is too large"):
        _config(dataset, **{name: 10**12}).build_model()


@pytest.mark.parametrize("error", [MemoryError(), ResourceExhaustedError(None, None, "OOM")])
def test_a_model_larger_than_the_memory(dataset, monkeypatch, error):
    def build(*_, **__):
        raise error

    monkeypatch.setattr("genkeras.registry.build", build)
    with pytest.raises(RunError, match=r"gan of this size does not fit into memory: .*--width"):
        _config(dataset).build_model()


@pytest.mark.parametrize("tenth", range(10))
def test_a_config_that_is_cut_short_or_has_a_wrong_bit_is_an_error_or_a_config(
    tmp_path, dataset, tenth
):
    """A wrong bit may make another number; it never makes another kind of error."""
    _config(dataset).save(tmp_path)
    path = tmp_path / "config.json"
    whole = path.read_bytes()
    position = tenth * len(whole) // 10
    path.write_bytes(whole[:position])
    with pytest.raises(RunError, match=r"config\.json"):
        configuration.load(tmp_path)
    for bit in range(8):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        with contextlib.suppress(RunError):
            assert isinstance(configuration.load(tmp_path), configuration.Config)


@pytest.mark.parametrize("model", ["gan", "wae_mmd"])
def test_too_small_a_batch(dataset, model):
    with pytest.raises(RunError, match=f"--batch_size=1: {model} needs at least 2"):
        configuration.complete(Request(model, "mnist", {}, {"batch_size": 1}), dataset)


def test_an_unknown_option_cannot_be_built(tmp_path, dataset):
    with pytest.raises(RunError, match="has no option 'depth'"):
        configuration.load(
            _edited(tmp_path, dataset, options={"depth": 3, "batch_size": 2})
        ).build_model()
    with pytest.raises(RunError, match="has no option 'widht'; did you mean 'width'"):
        _config(dataset, widht=3)


def test_adopt_takes_what_is_left_open(dataset):
    stored = configuration.complete(
        Request("gan", "fashion_mnist", {"crop": True, "data_dir": "/old"}, {"width": 4}, 2),
        dataset,
    )
    request = configuration.adopt(Request("gan", "celeba", {"data_dir": "/new"}), False, stored)
    assert request.dataset == "fashion_mnist"
    assert request.data == {"crop": True, "data_dir": "/new"}
    assert request.options["width"] == 4
    assert request.options["epochs"] == 40
    assert request.seed == 2
    assert configuration.complete(request, dataset).options == stored.options
    more = configuration.adopt(Request("gan", "", {}, {"epochs": 50}), False, stored)
    assert more.options["epochs"] == 50


@pytest.mark.parametrize(
    ("request_", "given_dataset", "flag"),
    [
        (Request("nsgan", "", {}, {}), False, "--model=nsgan"),
        (Request("gan", "mnist", {}, {}), True, "--dataset=mnist"),
        (Request("gan", "", {}, {"width": 8}), False, "--width=8"),
        (Request("gan", "", {"crop": True}, {}), False, "--crop=True"),
        (Request("gan", "", {"output_height": 32}, {}), False, "--output_height=32"),
        (Request("gan", "", {}, {}, seed=1), False, "--seed=1"),
    ],
)
def test_adopt_names_the_flag_that_contradicts(dataset, request_, given_dataset, flag):
    stored = _config(dataset, width=4)
    with pytest.raises(RunError, match=f"{flag} contradicts the run directory"):
        configuration.adopt(request_, given_dataset, stored)
    same = Request("gan", "Fashion-MNIST", {"output_height": 28}, {"width": 4}, 0)
    assert configuration.adopt(same, True, stored).options["width"] == 4


def test_check_same_run(dataset):
    config = _config(dataset)
    configuration.check_same_run(config, dataclasses.replace(config, epochs=99))
    for field, value in (("seed", 1), ("options", {}), ("image_shape", (32, 32, 1))):
        with pytest.raises(RunError, match=f"made with {field}="):
            configuration.check_same_run(config, dataclasses.replace(config, **{field: value}))
    other = dataclasses.replace(config, data_facts={"fingerprint": "g"})
    with pytest.raises(RunError, match="pictures or labels are not those"):
        configuration.check_same_run(config, other)


def test_classes_by_number_and_name(dataset):
    def numbers(words, class_names):
        named = dataclasses.replace(_config(dataset), class_names=class_names)
        return named.class_numbers(words)

    assert numbers(["2", "cat", "0"], ("cat", "dog", "eel")) == [2, 0, 0]
    assert numbers(["1"], ("1", "0")) == [0]  # A name comes before a number.
    with pytest.raises(RunError, match="'cow', '3' names no class; expected numbers from 0 to 2"):
        numbers(["cow", "dog", "3"], ("cat", "dog", "eel"))
    with pytest.raises(RunError, match="An empty list names no class"):
        numbers([], ("cat", "dog"))
