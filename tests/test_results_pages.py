"""The tables of README.md and docs/results are those of the results they are made of."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
NAMES = {
    "gan": "GAN",
    "nsgan": "improved GAN",
    "cgan": "CGAN",
    "wgan": "WGAN",
    "wgan_gp": "WGAN-GP",
    "dcgan": "DCGAN",
    "vae": "VAE",
    "wae_mmd": "WAE-MMD",
    "wae_gan": "WAE-GAN",
}


def _tables(page):
    """Yields header and rows of every table of a page of Markdown."""
    lines = []
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            yield lines[0], lines[2:]
            lines = []


def _scores_tables(page, comparison):
    """Returns those tables that have a row for each model of a comparison and a score's column."""
    names = {NAMES[model] for model in comparison["models"]}
    return [
        (header, rows)
        for header, rows in _tables(page)
        if {row[0] for row in rows} >= names and "Training" in header
    ]


def _value(scores, title):
    (score,) = (score for score in scores.values() if score["title"] == title)
    return score.get("mean", score.get("value")), score["std"]


def _close(cell, number):
    """Whether a cell shows a number, rounded to the digits it has."""
    digits = len(cell.partition(".")[2])
    return abs(float(cell) - number) <= 0.5 * 10**-digits * (1 + 1e-9)


@pytest.mark.parametrize(
    ("page", "preset"),
    [
        (ROOT / "README.md", "fashion_mnist_40"),
        (RESULTS / "README.md", "fashion_mnist_40"),
    ],
)
def test_scores_are_those_of_the_results(page, preset):
    comparison = json.loads((RESULTS / preset / "results.json").read_text())
    tables = _scores_tables(page, comparison)
    assert tables
    for header, rows in tables:
        cells = {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}
        of_real = cells.pop("real test pictures")
        titles = [title for title in of_real if title != "Training"]
        for title in titles:
            if of_real[title] != "–":
                mean, _, std = of_real[title].partition(" ± ")
                value, deviation = _value(comparison["real"], title)
                assert _close(mean, value), title
                assert not std or _close(std, deviation), title
        for model, entry in comparison["models"].items():
            row = cells[NAMES[model]]
            for title in titles:
                mean, _, std = row[title].partition(" ± ")
                value, deviation = _value(entry["scores"], title)
                assert _close(mean, value), (model, title)
                assert not std or _close(std, deviation), (model, title)
            seconds = [run["train_seconds"] for run in entry["runs"]]
            minutes = re.fullmatch(r"([0-9.]+) min", row["Training"])[1]
            assert _close(minutes, sum(seconds) / len(seconds) / 60), model
