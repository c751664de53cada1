"""The tables of README.md and docs/results are those of the results they are made of."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
REAL = "real test pictures"
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
# Columns that are no scores.
TRAINING, EPOCHS = "Training", "Epochs"
LATENT_DIMS = (2, 5, 10, 20)
SPEED_NAMES = {"nsgan": "NS-GAN", "wgan_gp": "WGAN-GP", "vae": "VAE", "dcgan": "DCGAN"}


def _tables(page):
    """Yields header and rows of every table of a page of Markdown."""
    lines = []
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            yield lines[0], lines[2:]
            lines = []


def _tables_of(page, names, column):
    """Returns the tables with these rows, the real pictures aside, as dicts of rows of cells."""
    return [
        {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}
        for header, rows in _tables(page)
        if {row[0] for row in rows} - {REAL} == set(names) and column in header
    ]


def _check_close(cell, number, where):
    """Checks that a cell shows a number, rounded to the digits it has."""
    digits = len(cell.partition(".")[2])
    shown = float(cell.replace("−", "-"))
    assert abs(shown - number) <= 0.5 * 10**-digits * (1 + 1e-9), (where, cell, number)


def _check_scores(cells, scores, where):
    """Checks a row, a dict of a score's title to its cell, against scores by their names."""
    for title, cell in cells.items():
        found = [score for score in scores.values() if score["title"] == title]
        if cell == "–":
            assert not found, (where, title)
            continue
        (score,) = found
        mean, _, std = cell.partition(" ± ")
        _check_close(mean, score.get("mean", score.get("value")), (where, title))
        if std:
            # Of several seeds the deviation over them; else that of the score's definition.
            over_seeds = score.get("std_over_seeds")
            shown = score["std"] if over_seeds is None else over_seeds
            _check_close(std, shown, (where, title))


def _check_minutes(cell, seconds, where):
    _check_close(re.fullmatch(r"([0-9.]+) min", cell)[1], seconds / 60, where)


@pytest.mark.parametrize(
    ("page", "preset"),
    [
        (ROOT / "README.md", "fashion_mnist_40"),
        (ROOT / "README.md", "reproduction"),
        (RESULTS / "README.md", "fashion_mnist_40"),
        (RESULTS / "README.md", "reproduction"),
        (RESULTS / "README.md", "reproduction_celeba"),
    ],
)
def test_scores_of_a_comparison_are_those_of_its_results(page, preset):
    comparison = json.loads((RESULTS / preset / "results.json").read_text())
    models = comparison["models"]
    tables = _tables_of(page, [NAMES[model] for model in models], TRAINING)
    assert tables
    for table in tables:
        _check_real(table.pop(REAL, {}), comparison["real"])
        for model, entry in models.items():
            row, runs = table[NAMES[model]], entry["runs"]
            mean_seconds = sum(run["train_seconds"] for run in runs) / len(runs)
            _check_minutes(row.pop(TRAINING), mean_seconds, model)
            assert row.pop(EPOCHS, str(runs[0]["epochs"])) == str(runs[0]["epochs"])
            _check_scores(row, entry["scores"], model)


def _check_real(cells, scores):
    # What only a model has is no score of pictures.
    shown = {title: cell for title, cell in cells.items() if cell != "–"}
    _check_scores(shown, scores, REAL)


def test_scores_of_several_seeds_are_those_of_their_file():
    comparison = json.loads((RESULTS / "fashion_mnist_40" / "seeds.json").read_text())
    num_seeds = len(comparison["seeds"])
    tables = _tables_of(
        RESULTS / "README.md", [NAMES[model] for model in comparison["models"]], "seed 0"
    )
    assert len(tables) == 2
    for table, title in zip(
        tables, ("Classifier score", "Fréchet classifier distance"), strict=True
    ):
        for model, entry in comparison["models"].items():
            cells = table[NAMES[model]]
            (score,) = [each for each in entry["scores"].values() if each["title"] == title]
            assert list(cells) == [*(f"seed {n}" for n in range(num_seeds)), "mean ± deviation"]
            mean, _, deviation = cells.pop("mean ± deviation").partition(" ± ")
            _check_close(mean, score["mean"], (model, title))
            _check_close(deviation, score["std_over_seeds"], (model, title))
            for cell, value in zip(cells.values(), score["values"], strict=True):
                _check_close(cell, value, (model, title))


def test_scores_of_vaes_by_their_latent_size_are_those_of_their_files():
    (table,) = _tables_of(RESULTS / "README.md", [f"d = {d}" for d in LATENT_DIMS], TRAINING)
    for d in LATENT_DIMS:
        folder, row = RESULTS / "reproduction" / f"vae_dim_z_{d}", table[f"d = {d}"]
        metrics = json.loads((folder / "metrics.json").read_text())
        _check_minutes(row.pop(TRAINING), metrics["train_seconds"], d)
        _check_scores(row, json.loads((folder / "scores.json").read_text())["scores"], d)


def test_rates_beside_the_peers_are_those_of_their_file():
    speed = json.loads((ROOT / "docs" / "speed" / "results.json").read_text())
    (table,) = [rows for header, rows in _tables(ROOT / "README.md") if "PyTorch" in header]
    assert len(table) == len(speed["results"])
    for row, result in zip(table, speed["results"], strict=True):
        turns = result["turns"]
        assert SPEED_NAMES[result["model"]] in row[0]
        assert row[1] == str(result["width"])
        best = {}
        for name, cell in zip(("genkeras", "torch", "keras"), row[2:5], strict=True):
            rates = [turn[name]["images_per_second_best"] for turn in turns if name in turn]
            if rates:
                best[name] = max(rates)
                _check_close(cell.replace(",", ""), best[name], (row, name))
            else:
                assert cell == "–"
        _check_close(row[5], best.pop("genkeras") / max(best.values()), row)
        ceiling = max(turn["genkeras"]["fraction_of_ceiling"] for turn in turns)
        _check_close(row[6].removesuffix(" %"), 100 * ceiling, row)
