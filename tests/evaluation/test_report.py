import html.parser
import pathlib

import numpy as np
import pytest
from PIL import Image

from genkeras.evaluation import report, report_tables, summary
from genkeras.evaluation.outcome import Outcome
from genkeras.visualization import grid


def _score(value, title="Fréchet distance", corrected=None, notes=()):
    centre = value if corrected is None else corrected
    return {
        "metric": "frechet",
        "title": title,
        "value": value,
        "higher_is_better": False,
        "std": None,
        "corrected": corrected,
        "interval": {"low": centre - 1, "high": centre + 1, "standard_error": 0.5},
        "notes": list(notes),
    }


def _run(seed, value, name="frechet_test"):
    rows = [
        {"epoch": epoch, "seconds": 2.0, "images": 64} | ({name: 10.0 / epoch} if epoch % 2 else {})
        for epoch in (1, 2, 3)
    ]
    return {
        "seed": seed,
        "run_dir": f"runs/{seed}",
        "epochs": 3,
        "train_seconds": 6.0,
        "images_per_second": 1234.5,
        "final_losses": {"loss": 1.0},
        "history": rows,
        "scores": {name: _score(value, corrected=value - 2)},
        "reproduced_by": "encoder",
    }


def _results(values_of_models):
    models = {}
    for model, values in values_of_models.items():
        runs = [_run(seed, value) for seed, value in enumerate(values)]
        models[model] = {
            "title": f"{model} <b>title</b>",
            "paper": "A paper",
            "value_function": "min x & y",
            "networks": "small",
            "optimizers": {"generator": "Adam"},
            "options": {"batch_size": 64},
            "parameters": 1000 * len(model),
            "scores": summary.over_seeds([run["scores"] for run in runs]),
            "runs": runs,
        }
    scores = {model: entry["scores"] for model, entry in models.items()}
    return {
        "genkeras_version": "1",
        "date": "2020-01-01",
        "machine": "one",
        "dataset": "squares",
        "seeds": list(range(len(values))),
        "image_shape": [8, 8, 1],
        "num_train_images": 1000,
        "num_images": 100,
        "num_reference_images": 100,
        "features": "classifier_squares",
        "real": {"frechet_train": _score(1.0, notes=["few pictures"])},
        "models": models,
        "verdicts": summary.verdicts(scores),
    }


def _outcomes(results):
    def images(value, count=64):
        return np.full((count, 8, 8, 1), value, np.uint8)

    network = np.frombuffer(grid.to_png(np.zeros((4, 4, 1), np.uint8)), np.uint8)
    outcomes = {"real": Outcome({}, {"samples": images(10)})}
    for index, model in enumerate(results["models"]):
        pictures = {
            "samples": images(50 + index),
            "neighbours": images(60, 16),
            "originals": images(70),
            "reproductions": images(80 + index),
            "networks": network,
        }
        outcomes[model] = Outcome({}, pictures)
    return outcomes


class _Page(html.parser.HTMLParser):
    """Collects tags, and that each one that is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_everything(tmp_path):
    results = _results({"gan": [9.0], "vae": [20.0]})
    report.write(results, _outcomes(results), tmp_path)
    text = (tmp_path / "report.html").read_text()
    page = _Page(text)
    assert page.open == []
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    # Three sheets, reproductions, neighbours, two curves, two networks.
    assert len(sources) == 9
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not any("href" in attributes for _, attributes in page.tags)
    assert "gan &lt;b&gt;title" in text
    assert "<b>title" not in text
    assert "few pictures (real)" in text
    # The real row does not move, and cells sort by their numbers.
    assert sum(attributes.get("data-fixed") == "1" for _, attributes in page.tags) == 1
    numbers = [attributes.get("data-value") for tag, attributes in page.tags if tag == "td"]
    assert "9.0" in numbers
    assert "1234.5" in numbers
    assert "these two runs differ" in text
    assert "nothing can be said about the models" in text
    markdown = (tmp_path / "report.md").read_text()
    assert "| gan: gan <b>title</b> | 9 corrected 7 [6, 8] | 3,000 | 3 | 6.0 |" in markdown
    for line in markdown.splitlines():
        if line.startswith("![]("):
            assert Image.open(tmp_path / line[4:-1]).size > (1, 1)


def test_three_seeds_are_summarised_and_judged(tmp_path):
    results = _results({"gan": [9.0, 9.1, 8.9], "vae": [20.0, 21.0, 19.0]})
    report.write(results, _outcomes(results), tmp_path)
    text = pathlib.Path(tmp_path / "report.html").read_text()
    assert "Welch" in text
    header, rows = report_tables.scores_table(results)
    assert header[:2] == ["Model", "Fréchet distance"]
    assert [row[1].text for row in rows] == ["1", "9 ± 0.1", "20 ± 1"]
    ((head, matrix),) = report_tables.verdict_tables(results).values()
    assert head == ["", "gan", "vae"]
    assert [[cell.text for cell in row] for row in matrix] == [
        ["gan", "–", "better"],
        ["vae", "worse", "–"],
    ]


def test_curves_only_of_what_was_scored_in_training(tmp_path):
    results = _results({"gan": [9.0], "vae": [20.0]})
    report.write(results, _outcomes(results), tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"frechet_test_by_epoch.png", "frechet_test_by_seconds.png"} <= names
    for entry in results["models"].values():
        for row in entry["runs"][0]["history"]:
            row.pop("frechet_test", None)
    report.write(results, _outcomes(results), tmp_path / "second")
    names = {path.name for path in (tmp_path / "second/figures").iterdir()}
    assert not any("_by_" in name for name in names)


def test_models_at_the_same_training_time(tmp_path):
    results = _results({"gan": [20.0, 22.0], "vae": [10.0, 11.0]})
    for run in results["models"]["gan"]["runs"]:
        # Scored after 4 and 12 s; the VAE after 2 and 6 s, which it takes in all.
        run["train_seconds"] = 12.0
        for row in run["history"]:
            row["seconds"] = 4.0
    seconds, header, rows = report_tables.equal_time_table(results)
    assert seconds == 6.0
    assert header == ["Model", "Fréchet distance"]
    assert [(row[1].value, row[1].detail) for row in rows] == [
        (10.0, "epoch 1"),
        (pytest.approx(10 / 3), "epoch 3"),
    ]
    report.write(results, _outcomes(results), tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "At the same training time" in text
        assert "the same time, 6 s" in text
    # A model that was not scored by then has no number.
    results["models"]["gan"]["runs"][0]["history"][0]["seconds"] = 6.1
    assert report_tables.equal_time_table(results)[2][0][1] is report_tables.EMPTY
    for entry in results["models"].values():
        for run in entry["runs"]:
            run["history"] = []
    assert report_tables.equal_time_table(results) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12.3456, "12.35"), (0.00123, "0.00123"), (98765.4, "98765"), (1e-7, "1.00e-07")],
)
def test_numbers_are_short(value, text):
    assert report_tables.number(value) == text


def test_the_terminal_table_is_aligned():
    lines = report_tables.plain_table(_results({"gan": [9.0], "vae": [20.0]})).splitlines()
    assert lines[0].startswith("Model")
    assert lines[0].index("Fréchet") == lines[2].index("9") == lines[3].index("20")
