"""The table of docs/scaling.md is what its formula gives."""

import pathlib

import pytest

from genkeras import registry

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "scaling.md"
FLOPS = 10e12
# GPUs, bytes per second, seconds of a hop: columns of e and of the efficiency.
LINKS = {8: (300e9, 5e-6, 7, 8), 32: (12.5e9, 20e-6, 9, 10)}


def rows():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("|") and "GFLOP" not in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [row for row in cells if len(row) == 11 and not row[0].startswith("---")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_efficiencies_are_computed_as_the_page_says(row):
    seconds, size, messages = float(row[2]) * 1e9 / FLOPS, float(row[4]) * 1e6, int(row[5])
    assert float(row[6]) == pytest.approx(1e3 * seconds, abs=0.006)
    for count, (rate, latency, column, efficiency_column) in LINKS.items():
        exchange = 2 * (count - 1) / count * size / rate + messages * 2 * (count - 1) * latency
        assert float(row[column]) == pytest.approx(1e3 * exchange, abs=0.02)
        efficiency = 100.0 * seconds / (seconds + exchange)
        assert float(row[efficiency_column].strip("%")) == pytest.approx(efficiency, abs=1.0)


@pytest.mark.parametrize(
    ("title", "name", "shape"),
    [
        ("NS-GAN", "nsgan", (28, 28, 1)),
        ("WGAN-GP", "wgan_gp", (28, 28, 1)),
        ("VAE (perceptrons)", "vae", (28, 28, 1)),
        ("DCGAN", "dcgan", (64, 64, 3)),
    ],
)
def test_gradients_have_the_size_that_is_told(title, name, shape):
    model = registry.build(name, shape)
    updates = {
        "generator": getattr(model, "generator_steps", 1),
        "discriminator": getattr(model, "discriminator_steps", 1),
        "autoencoder": 1,
    }
    weights = {"autoencoder": model.trainable_variables}
    if name != "vae":
        weights = {key: getattr(model, key).trainable_variables for key in model.optimizers}
    size = sum(
        4 * updates[key] * variable.value.shape.num_elements()
        for key, variables in weights.items()
        for variable in variables
    )
    (row,) = (row for row in rows() if row[0] == title)
    assert float(row[4]) == pytest.approx(size / 1e6, abs=0.06)
