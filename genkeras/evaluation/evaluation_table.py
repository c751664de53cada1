"""An evaluation as a table for a terminal, and two evaluations compared."""

import json
import pathlib

from genkeras.evaluation import summary
from genkeras.evaluation.evaluate import FORMAT_VERSION
from genkeras.evaluation.report_tables import number
from genkeras.training.errors import RunError


def load(path):
    """Reads the file that an earlier evaluation wrote.

    Args:
        path: Path.

    Returns:
        Dict as by `evaluate.evaluate_run`.

    Raises:
        RunError: If it is not such a file, or of another version.
    """
    told = f"{path} is not the --json file of an evaluation"
    try:
        content = json.loads(pathlib.Path(path).expanduser().read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{told}: {error}.") from error
    if not isinstance(content, dict) or not {"dataset", "scores"} <= content.keys():
        raise RunError(f"{told}: it has no dataset and scores.")
    if content.get("format_version") != FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {content.get('format_version')}; this genkeras reads "
            f"{FORMAT_VERSION}."
        )
    try:
        # What can be compared with itself has everything that a comparison asks for.
        for score in content["scores"].values():
            _against(score | {"higher_is_better": True}, score)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunError(f"{told}: its entries are others ({error!r}).") from error
    return content


def table(result, earlier=None):
    """Returns a table, a row per score.

    Args:
        result: Dict as by `evaluate.evaluate_run`.
        earlier: Another such dict, of the same data set, whose scores of the same names are
            compared, or `None`.

    Returns:
        String of several lines.
    """
    real = {score["title"]: score for score in result["real"].values()}
    rows = [["score", "value", "95 % interval", "real test pictures"]]
    if earlier is not None:
        rows[0] += ["earlier", "verdict"]
    for name, score in result["scores"].items():
        row = [name, _value(score), _interval(score), ""]
        if score["title"] in real:
            row[3] = _value(real[score["title"]])
        if earlier is not None:
            row += _against(score, earlier["scores"].get(name))
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    notes = dict.fromkeys(note for score in result["scores"].values() for note in score["notes"])
    return "\n".join([*lines, *(f"Note: {note}" for note in notes)])


def _value(score):
    std = "" if score["std"] is None else f" ± {number(score['std'])}"
    return number(score["value"]) + std


def _interval(score):
    if score["interval"] is None:
        return ""
    low, high = (number(score["interval"][side]) for side in ("low", "high"))
    corrected = "" if score["corrected"] is None else f"corrected {number(score['corrected'])} "
    return f"{corrected}[{low}, {high}]"


def _against(score, earlier):
    if earlier is None:
        return ["", ""]
    found = None
    if score["higher_is_better"] is not None:
        pair = [summary.over_seeds([{"score": entry}])["score"] for entry in (score, earlier)]
        found = summary.verdict(*pair)
    return [_value(earlier), found[0] if found else ""]
