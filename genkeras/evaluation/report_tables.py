"""The tables of a comparison as cells, for a page, for Markdown and for a terminal."""

import dataclasses

_MEASURES = (
    ("parameters", "Parameters"),
    ("epochs", "Epochs"),
    ("train_seconds", "Training seconds"),
    ("images_per_second", "Images per second"),
)
# Too many columns for a terminal or a Markdown page.
_SHORT_COLUMNS = 6


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: String, what stands there.
        detail: String, what stands below in small letters.
        value: Float to sort by, or `None`.
        tooltip: String: the protocol, or what a number means.
    """

    text: str
    detail: str = ""
    value: float | None = None
    tooltip: str = ""


EMPTY = Cell("–")


def scores_table(results):
    """Returns header and rows of the main table; the real pictures come first.

    Args:
        results: Dict, the content of `results.json`.

    Returns:
        Pair of a list of strings and a list of lists of `Cell`.
    """
    titles = _titles(results)
    header = ["Model", *titles, *(title for _, title in _MEASURES)]
    rows = []
    if results["real"]:
        real = {score["title"]: (name, score) for name, score in results["real"].items()}
        rows.append([Cell("Real test pictures"), *_score_cells(real, titles)])
        rows[-1] += [EMPTY] * len(_MEASURES)
    for model, entry in results["models"].items():
        found = {score["title"]: (name, score) for name, score in entry["scores"].items()}
        rows.append(
            [Cell(f"{model}: {entry['title']}"), *_score_cells(found, titles), *_measures(entry)]
        )
    return header, rows


def equal_time_table(results):
    """Returns the scores that models had when the quickest of them had been trained.

    Args:
        results: Dict, the content of `results.json`.

    Returns:
        Triple `(seconds, header, rows)`: the mean training time of the quickest model, and
        a table as from `scores_table`, with each model's last scores until then, means
        over seeds. `None` if none was scored during training.
    """
    seconds = min(_mean(entry, "train_seconds") for entry in results["models"].values())
    titles = {
        name: score["title"]
        for entry in results["models"].values()
        for name, score in entry["scores"].items()
        if all(points(run["history"], name) for run in entry["runs"])
    }
    if not titles:
        return None
    rows = []
    for model, entry in results["models"].items():
        cells = []
        for score in titles:
            # Rounded up: the quickest model's own last score is among them.
            last = [
                [point for point in points(run["history"], score) if point[1] <= seconds + 1e-3]
                for run in entry["runs"]
            ]
            if not all(last):
                cells.append(EMPTY)
                continue
            epoch, _, value = (sum(p[-1][i] for p in last) / len(last) for i in range(3))
            cells.append(Cell(number(value), f"epoch {number(epoch)}", value, score))
        rows.append([Cell(f"{model}: {entry['title']}"), *cells])
    return seconds, ["Model", *titles.values()], rows


def points(history, score):
    """Returns `(epoch, training seconds until then, value)` of each epoch that was scored.

    Args:
        history: List of dicts, rows of a run's history.
        score: String. A score's name.
    """
    found, seconds = [], 0.0
    for row in history:
        seconds += row["seconds"]
        if row.get(score) is not None:
            found.append((row["epoch"], seconds, row[score]))
    return found


def verdict_tables(results):
    """Returns a matrix of verdicts for every score.

    Args:
        results: Dict, the content of `results.json`.

    Returns:
        Dict of a score's title to a pair of header and rows, as from `scores_table`: a row
        says how its model compares with the model of the column.
    """
    models = list(results["models"])
    by_title = {}
    for entry in results["verdicts"]:
        by_title.setdefault(entry["title"], {})[entry["model"], entry["other"]] = entry
    return {
        title: (
            ["", *models],
            [
                [Cell(model), *(_verdict_cell(found, model, other) for other in models)]
                for model in models
            ],
        )
        for title, found in by_title.items()
    }


def protocols(results):
    """Returns a dict of each score's title to the names it has, which carry the protocol."""
    names = {}
    everything = [results["real"], *(entry["scores"] for entry in results["models"].values())]
    for scores in everything:
        for name, score in scores.items():
            names.setdefault(score["title"], {})[name] = None
    return {title: list(found) for title, found in names.items()}


def notes(results):
    """Returns the warnings about scores, each once, with the models that it is about."""
    found = {}
    for model, entry in {"real": {"scores": results["real"]}, **results["models"]}.items():
        for score in entry["scores"].values():
            for note in score["notes"]:
                found.setdefault(f"{score['title']}: {note}", []).append(model)
    return [f"{note} ({', '.join(dict.fromkeys(models))})" for note, models in found.items()]


def plain_table(results):
    """Returns the main table for a terminal: the first scores, parameters and time."""
    header, rows = _shortened(*scores_table(results))
    lines = [header, *([cell.text for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _shortened(header, rows):
    """Keeps model, the first scores, and training seconds."""
    scores = len(header) - 1 - len(_MEASURES)
    kept = [0, *range(1, 1 + min(scores, _SHORT_COLUMNS)), len(header) - 2]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def _titles(results):
    titles = {}
    for entry in results["models"].values():
        titles |= {score["title"]: None for score in entry["scores"].values()}
    return list(titles)


def _score_cells(found, titles):
    return [_score_cell(*found[title]) if title in found else EMPTY for title in titles]


def _score_cell(name, score):
    # Of a single run (the real row) or of several.
    value = score.get("mean", score.get("value"))
    std_over_seeds, std = score.get("std_over_seeds"), score["std"]
    text = number(value)
    if std_over_seeds is not None:
        text += f" ± {number(std_over_seeds)}"
    elif std is not None:
        text += f" ± {number(std)}"
    detail = ""
    if score["interval"] is not None:
        low, high = _bounds(score["interval"])
        centre = "" if score["corrected"] is None else f"corrected {number(score['corrected'])} "
        detail = f"{centre}[{number(low)}, {number(high)}]"
    return Cell(text, detail, value, name)


def _bounds(interval):
    return interval if isinstance(interval, list) else (interval["low"], interval["high"])


def _measures(entry):
    runs = entry["runs"]
    mean_seconds = _mean(entry, "train_seconds")
    mean_rate = _mean(entry, "images_per_second")
    return [
        Cell(f"{entry['parameters']:,}", value=entry["parameters"]),
        Cell(str(runs[0]["epochs"]), value=runs[0]["epochs"]),
        Cell(f"{mean_seconds:.1f}", value=mean_seconds),
        Cell(f"{mean_rate:,.0f}", value=mean_rate),
    ]


def _mean(entry, name):
    return sum(run[name] for run in entry["runs"]) / len(entry["runs"])


def _verdict_cell(found, model, other):
    if model == other:
        return EMPTY
    if (model, other) in found:
        entry = found[model, other]
        return Cell(entry["verdict"], tooltip=f"decided by {entry['basis']}")
    if (other, model) in found:
        entry = found[other, model]
        turned = {"better": "worse", "worse": "better"}
        word = turned.get(entry["verdict"], entry["verdict"])
        return Cell(word, tooltip=f"decided by {entry['basis']}")
    return EMPTY


def number(value):
    """Returns a number with four significant digits, without an exponent where it is short."""
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e5:
        digits = f"{value:.4g}"
        return digits if "e" not in digits else f"{value:.0f}"
    return f"{value:.2e}"
