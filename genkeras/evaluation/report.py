"""The report of a comparison: a page that stands alone, a Markdown page, and figures."""

import base64
import html

from genkeras import atomic
from genkeras.evaluation import report_tables
from genkeras.visualization import curves, grid, reproductions

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 78rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .7rem; text-align: right;
  vertical-align: top }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
small { display: block; color: #555; white-space: nowrap }
.sortable th { cursor: pointer } .sortable th[data-order]::after { content: " ▾" }
.sortable th[data-order="1"]::after { content: " ▴" }
.sheets { display: flex; flex-wrap: wrap; gap: 1.5rem }
figure { margin: 0 } .sheets img { image-rendering: pixelated; width: 16rem; max-width: 100% }
.wide { overflow-x: auto } .figure img { max-width: 100% }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)) }
"""
# The first row, that of the real pictures, stays where it is.
_SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const order = head.dataset.order === "1" ? -1 : 1;
    heads.forEach(other => delete other.dataset.order);
    head.dataset.order = order;
    const key = row => row.cells[column].dataset.value;
    const rows = [...body.rows].filter(row => !row.dataset.fixed);
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === undefined && y === undefined)
        return order * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
      if (x === undefined) return 1;
      if (y === undefined) return -1;
      return order * (Number(x) - Number(y));
    });
    body.append(...rows);
  }));
}
"""
_READING = (
    "Scores are those of their papers; the name under the pointer carries the protocol. Of several "
    "training seeds ± is the deviation over seeds; of one, and of the real pictures, that of a "
    "score's definition (over splits or subsets). Numbers in brackets are 95 % intervals over the "
    "pictures; where a score is biased by the limited number of pictures they belong to the "
    "corrected value before them."
)


def write(results, outcomes, output_dir):
    """Writes `report.html`, `report.md` and the figures they show.

    Args:
        results: Dict, the content of `results.json`.
        outcomes: Dict of `real` and each model's name to its `Outcome` of the first
            seed, for the pictures.
        output_dir: Path.
    """
    figures = _figures(results, outcomes)
    for name, png in figures.items():
        atomic.write_bytes(output_dir / "figures" / f"{name}.png", png)
    atomic.write_text(output_dir / "report.html", _html(results, figures))
    atomic.write_text(output_dir / "report.md", _markdown(results, figures))


def _figures(results, outcomes):
    """Returns a dict of a figure's file name, without its ending, to bytes of a PNG."""
    models = list(results["models"])
    samples = {name: outcome.pictures["samples"] for name, outcome in outcomes.items()}
    figures = {"samples": grid.to_png(grid.side_by_side(samples))}
    for name, images in samples.items():
        figures[f"samples_{name}"] = grid.to_png(grid.make_grid(images))
    figures["reproductions"] = grid.to_png(
        reproductions.reproduction_figure(
            outcomes[models[0]].pictures["originals"],
            {model: outcomes[model].pictures["reproductions"] for model in models},
        )
    )
    neighbours = {model: outcomes[model].pictures["neighbours"] for model in models}
    figures["neighbours"] = grid.to_png(grid.side_by_side(neighbours, columns=2))
    figures |= _curves(results)
    for model in models:
        figures[f"networks_{model}"] = outcomes[model].pictures["networks"].tobytes()
    return figures


def _curves(results):
    """Returns the curves of every score that was taken during training."""
    figures = {}
    titles = {
        name: score["title"]
        for entry in results["models"].values()
        for name, score in entry["scores"].items()
    }
    for score, title in titles.items():
        by_epoch, by_seconds = {}, {}
        for model, entry in results["models"].items():
            points = [report_tables.points(run["history"], score) for run in entry["runs"]]
            if all(points):
                by_epoch[model] = [([p[0] for p in seed], [p[2] for p in seed]) for seed in points]
                by_seconds[model] = [
                    ([p[1] for p in seed], [p[2] for p in seed]) for seed in points
                ]
        if by_epoch:
            figures[f"{score}_by_epoch"] = curves.curves(by_epoch, "epoch", title)
            figures[f"{score}_by_seconds"] = curves.curves(by_seconds, "training seconds", title)
    return figures


def _facts(results):
    height, width, channels = results["image_shape"]
    seeds = results["seeds"]
    return (
        f"{results['num_train_images']:,} training pictures of {results['dataset']} "
        f"({height}×{width}×{channels}), training seeds {', '.join(map(str, seeds))}. "
        f"{results['num_images']:,} samples of each model are scored against "
        f"{results['num_reference_images']:,} test pictures"
        + (f", with the features of {results['features']}. " if results["features"] else ". ")
        + "The row of real pictures holds these test pictures against training pictures, at most "
        "as many as there are samples. Sheets are drawn from the same latents after the last "
        f"epoch of seed {seeds[0]}, not selected. "
        f"Made {results['date']} by genkeras {results['genkeras_version']} ({results['machine']})."
    )


def _caption(name, results):
    return "Real test pictures" if name == "real" else results["models"][name]["title"]


def _equal_time(results):
    """Returns `(text, header, rows)` of the table at equal training time, or `None`."""
    table = report_tables.equal_time_table(results)
    if table is None:
        return None
    seconds, header, rows = table
    epochs = {run["epochs"] for entry in results["models"].values() for run in entry["runs"]}
    text = (
        "The table above compares models that have "
        + (
            "seen the same number of training pictures. "
            if len(epochs) == 1
            else "done their epochs. "
        )
        + f"Here they have trained for the same time, {seconds:.0f} s, that of the quickest model: "
        "each has the scores of its last scored epoch until then."
    )
    return text, header, rows


def _verdict_text(results):
    pairs = len(results["verdicts"])
    if any(entry["basis"] == "training seeds" for entry in results["verdicts"]):
        return (
            "How the model of a row compares with that of a column, at 95 %, by Welch's t-test "
            f"over training seeds. Of the {pairs} comparisons about one in twenty says better or "
            "worse where there is no difference."
        )
    return (
        "Whether two runs differ, at 95 %, judged by the pictures alone. With fewer than three "
        "training seeds nothing can be said about the models: another seed may turn the order."
    )


def _differences(results):
    """Returns a dict per model's name: what the models of the comparison do not share."""
    return {
        name: {
            "Value function": entry["value_function"],
            "Networks": entry["networks"],
            "Optimizers": "; ".join(
                f"{network}: {settings}" for network, settings in entry["optimizers"].items()
            ),
            "Settings": ", ".join(f"{key}={value}" for key, value in entry["options"].items()),
            "Reproductions by": entry["runs"][0]["reproduced_by"],
            "Paper": entry["paper"],
        }
        for name, entry in results["models"].items()
    }


def _sections(results, figures):
    """Returns `(title, text, names of figures)` of the sections with one figure each."""
    curve_names = [name for name in figures if name.endswith(("_by_epoch", "_by_seconds"))]
    sections = [
        (
            "Reproductions",
            "Test pictures, and what each model makes of them: autoencoders by their encoder, the "
            "others by the latents that give the nearest picture. That search optimises on "
            "the very picture, which an encoder cannot.",
            ["reproductions"],
        ),
        (
            "Nearest training pictures",
            "Samples, each with the training picture that is nearest pixel by pixel to its right: "
            "a model that only remembers would show pairs of twins.",
            ["neighbours"],
        ),
    ]
    if curve_names:
        sections.append(("Scores during training", "", curve_names))
    return sections


def _markdown(results, figures):
    header, rows = report_tables.scores_table(results)
    lines = ["# Comparison of generative models", "", _facts(results), "", _READING, ""]
    lines += _markdown_table(header, rows)
    lines += [f"- {note}" for note in report_tables.notes(results)]
    if equal_time := _equal_time(results):
        text, head, cells = equal_time
        lines += ["", "## At the same training time", "", text, "", *_markdown_table(head, cells)]
    lines += ["", "## Samples", "", "![](figures/samples.png)", ""]
    for title, text, names in _sections(results, figures):
        lines += [f"## {title}", "", *([text, ""] if text else [])]
        lines += [f"![](figures/{name}.png)" for name in names] + [""]
    lines += ["## Which differences are real", "", _verdict_text(results), ""]
    for title, (head, matrix) in report_tables.verdict_tables(results).items():
        lines += [f"### {title}", "", *_markdown_table(head, matrix), ""]
    lines += ["## Models", ""]
    for name, facts in _differences(results).items():
        lines += [f"### {_caption(name, results)}", ""]
        lines += [f"- {what}: {text}" for what, text in facts.items()]
        lines += ["", f"![](figures/networks_{name}.png)", ""]
    lines += ["## Names of the scores", ""]
    for title, names in report_tables.protocols(results).items():
        lines += [f"- {title}: " + ", ".join(f"`{name}`" for name in names)]
    return "\n".join(lines) + "\n"


def _markdown_table(header, rows):
    def line(words):
        return "| " + " | ".join(words) + " |"

    cells = [[" ".join(filter(None, (cell.text, cell.detail))) for cell in row] for row in rows]
    return [line(header), "|" + "---|" * len(header), *map(line, cells)]


def _html(results, figures):
    header, rows = report_tables.scores_table(results)
    sheets = "".join(
        f"<figure>{_image(figures['samples_' + name], _caption(name, results))}"
        f"<figcaption>{html.escape(_caption(name, results))}</figcaption></figure>"
        for name in ("real", *results["models"])
    )
    sections = "".join(
        f"<h2>{html.escape(title)}</h2><p>{html.escape(text)}</p>"
        + f'<div class="figure{" pairs" if len(names) > 1 else ""}">'
        + "".join(_image(figures[name], f"{title}: {name}") for name in names)
        + "</div>"
        for title, text, names in _sections(results, figures)
    )
    verdicts = "".join(
        f"<h3>{html.escape(title)}</h3>{_html_table(head, matrix)}"
        for title, (head, matrix) in report_tables.verdict_tables(results).items()
    )
    models = "".join(
        f"<h3>{html.escape(_caption(name, results))}</h3><ul>"
        + "".join(f"<li>{what}: {html.escape(text)}</li>" for what, text in facts.items())
        + '</ul><div class="figure">'
        + _image(figures[f"networks_{name}"], f"networks of {name}")
        + "</div>"
        for name, facts in _differences(results).items()
    )
    names = "".join(
        f"<li>{html.escape(title)}: "
        + ", ".join(f"<code>{html.escape(name)}</code>" for name in found)
        + "</li>"
        for title, found in report_tables.protocols(results).items()
    )
    equal_time = ""
    if found := _equal_time(results):
        text, head, cells = found
        equal_time = f"<h2>At the same training time</h2><p>{html.escape(text)}</p>"
        equal_time += _html_table(head, cells, sortable=True)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in report_tables.notes(results))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Comparison of generative models</title><style>{_STYLE}</style></head><body>"
        f"<h1>Comparison of generative models</h1><p>{html.escape(_facts(results))}</p>"
        f"<p>{html.escape(_READING)} A click on a column's title sorts by it.</p>"
        + _html_table(header, rows, sortable=True, fixed=bool(results["real"]))
        + (f"<ul>{notes}</ul>" if notes else "")
        + equal_time
        + f'<h2>Samples</h2><div class="sheets">{sheets}</div>{sections}'
        f"<h2>Which differences are real</h2><p>{html.escape(_verdict_text(results))}</p>"
        f"{verdicts}<h2>Models</h2>{models}<h2>Names of the scores</h2><ul>{names}</ul>"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _html_table(header, rows, sortable=False, fixed=False):
    """Returns a table; with `fixed` its first row stays first when it is sorted."""
    head = "".join(f"<th>{html.escape(title)}</th>" for title in header)
    body = "".join(
        ('<tr data-fixed="1">' if fixed and index == 0 else "<tr>")
        + "".join(map(_html_cell, row))
        + "</tr>"
        for index, row in enumerate(rows)
    )
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _html_cell(cell):
    value = "" if cell.value is None else f' data-value="{cell.value!r}"'
    tooltip = f' title="{html.escape(cell.tooltip)}"' if cell.tooltip else ""
    detail = f"<small>{html.escape(cell.detail)}</small>" if cell.detail else ""
    return f"<td{value}{tooltip}>{html.escape(cell.text)}{detail}</td>"


def _image(png, text):
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'
