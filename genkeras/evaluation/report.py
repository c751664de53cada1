"""The report of a comparison: a page that stands alone, a Markdown page, and figures."""

import base64
import html

from genkeras import atomic
from genkeras.visualization import grid

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .8rem; text-align: right }
th:first-child, td:first-child { text-align: left }
.sheets { display: flex; flex-wrap: wrap; gap: 1.5rem }
figure { margin: 0 } figure img { image-rendering: pixelated; width: 20rem; max-width: 100% }
.wide { overflow-x: auto }
"""
_HEADER = ("model", "parameters", "epochs", "training seconds", "images per second", "final losses")


def write(results, sheets, output_dir):
    """Writes `report.html`, `report.md` and `figures/samples_<name>.png`.

    Args:
        results: Dict, the content of `results.json`.
        sheets: Dict of `real` and each model's name to uint8 images
            `(num_images, height, width, channels)`.
        output_dir: Path.
    """
    figures = {name: grid.to_png(grid.make_grid(images)) for name, images in sheets.items()}
    for name, png in figures.items():
        atomic.write_bytes(output_dir / "figures" / f"samples_{name}.png", png)
    together = grid.to_png(grid.side_by_side(sheets))
    atomic.write_bytes(output_dir / "figures" / "samples.png", together)
    atomic.write_text(output_dir / "report.html", _html(results, figures))
    atomic.write_text(output_dir / "report.md", _markdown(results, figures))


def table(results):
    """Returns the rows of the comparison as text, one list per model.

    Args:
        results: Dict, the content of `results.json`.
    """
    return [
        [
            f"{model}: {entry['title']}",
            f"{entry['parameters']:,}",
            str(entry["epochs"]),
            f"{entry['train_seconds']:.1f}",
            f"{entry['images_per_second']:,.0f}",
            ", ".join(f"{name} {value:.3f}" for name, value in entry["final_losses"].items()),
        ]
        for model, entry in results["models"].items()
    ]


def plain_table(results):
    """Returns the table for a terminal."""
    rows = [list(_HEADER), *table(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _facts(results):
    entry = next(iter(results["models"].values()))
    height, width, channels = entry["image_shape"]
    return (
        f"{entry['num_train_images']:,} training pictures of {results['dataset']} "
        f"({height}×{width}×{channels}), seed {results['seed']}. Samples are drawn from the "
        "same latents after the last epoch, not selected; the real pictures are from the test "
        f"split. Made {results['date']} by genkeras {results['genkeras_version']} "
        f"({results['machine']})."
    )


def _caption(name, results):
    return "real test pictures" if name == "real" else results["models"][name]["title"]


def _differences(results):
    """Returns `(title, value function, settings, paper)` of each model."""
    return [
        (
            entry["title"],
            entry["value_function"],
            ", ".join(f"{name}={value}" for name, value in entry["options"].items()),
            entry["paper"],
        )
        for entry in results["models"].values()
    ]


def _markdown(results, figures):
    lines = ["# Comparison of generative models", "", _facts(results), ""]
    lines += [" | ".join(("", *_HEADER, "")).strip(), "|" + "---|" * len(_HEADER)]
    lines += [" | ".join(("", *row, "")).strip() for row in table(results)]
    lines += ["", "## Samples", ""]
    for name in figures:
        lines += [f"### {_caption(name, results)}", "", f"![](figures/samples_{name}.png)", ""]
    lines += ["## Models", ""]
    for title, value_function, settings, paper in _differences(results):
        lines += [f"- **{title}**: `{value_function}`. {settings}. {paper}"]
    return "\n".join(lines) + "\n"


def _html(results, figures):
    def escaped_row(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    sheets = "".join(
        '<figure><img alt="{0}" src="data:image/png;base64,{1}"><figcaption>{0}</figcaption>'
        "</figure>".format(
            html.escape(_caption(name, results)), base64.b64encode(png).decode("ascii")
        )
        for name, png in figures.items()
    )
    models = "".join(
        f"<li><b>{html.escape(title)}</b>: <code>{html.escape(value_function)}</code><br>"
        f"{html.escape(settings)}<br>{html.escape(paper)}</li>"
        for title, value_function, settings, paper in _differences(results)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Comparison of generative models</title><style>{_STYLE}</style></head><body>"
        f"<h1>Comparison of generative models</h1><p>{html.escape(_facts(results))}</p>"
        f'<div class="wide"><table><thead>{escaped_row(_HEADER, "th")}</thead><tbody>'
        + "".join(escaped_row(row, "td") for row in table(results))
        + f'</tbody></table></div><h2>Samples</h2><div class="sheets">{sheets}</div>'
        f"<h2>Models</h2><ul>{models}</ul></body></html>\n"
    )
