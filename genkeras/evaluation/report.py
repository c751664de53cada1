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
figure { margin: 0 } figure img { image-rendering: pixelated; width: 16rem; max-width: 100% }
.networks img { max-width: 100% }
.wide { overflow-x: auto }
"""
_HEADER = ("model", "parameters", "epochs", "training seconds", "images per second", "final losses")


def write(results, sheets, networks, output_dir):
    """Writes `report.html`, `report.md` and the figures they show.

    Args:
        results: Dict, the content of `results.json`.
        sheets: Dict of `real` and each model's name to uint8 images
            `(num_images, height, width, channels)`.
        networks: Dict of each model's name to a figure of its networks, bytes of a PNG.
        output_dir: Path.
    """
    figures = {name: grid.to_png(grid.make_grid(images)) for name, images in sheets.items()}
    for name, png in figures.items():
        atomic.write_bytes(output_dir / "figures" / f"samples_{name}.png", png)
    for name, png in networks.items():
        atomic.write_bytes(output_dir / "figures" / f"networks_{name}.png", png)
    together = grid.to_png(grid.side_by_side(sheets))
    atomic.write_bytes(output_dir / "figures" / "samples.png", together)
    atomic.write_text(output_dir / "report.html", _html(results, figures, networks))
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
    """Returns a dict per model's name: what the models of the comparison do not share."""
    return {
        name: {
            "Value function": entry["value_function"],
            "Networks": entry["networks"],
            "Optimizers": "; ".join(
                f"{network}: {settings}" for network, settings in entry["optimizers"].items()
            ),
            "Settings": ", ".join(f"{key}={value}" for key, value in entry["options"].items()),
            "Paper": entry["paper"],
        }
        for name, entry in results["models"].items()
    }


def _markdown(results, figures):
    lines = ["# Comparison of generative models", "", _facts(results), ""]
    lines += [" | ".join(("", *_HEADER, "")).strip(), "|" + "---|" * len(_HEADER)]
    lines += [" | ".join(("", *row, "")).strip() for row in table(results)]
    lines += ["", "## Samples", ""]
    for name in figures:
        lines += [f"### {_caption(name, results)}", "", f"![](figures/samples_{name}.png)", ""]
    lines += ["## Models", ""]
    for name, facts in _differences(results).items():
        lines += [f"### {_caption(name, results)}", ""]
        lines += [f"- {what}: {text}" for what, text in facts.items()]
        lines += ["", f"![](figures/networks_{name}.png)", ""]
    return "\n".join(lines) + "\n"


def _html(results, figures, networks):
    def escaped_row(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    sheets = "".join(
        f"<figure>{_image(png, _caption(name, results))}"
        f"<figcaption>{html.escape(_caption(name, results))}</figcaption></figure>"
        for name, png in figures.items()
    )
    models = "".join(
        f"<h3>{html.escape(_caption(name, results))}</h3><ul>"
        + "".join(f"<li>{what}: {html.escape(text)}</li>" for what, text in facts.items())
        + f'</ul><div class="networks">{_image(networks[name], f"networks of {name}")}</div>'
        for name, facts in _differences(results).items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Comparison of generative models</title><style>{_STYLE}</style></head><body>"
        f"<h1>Comparison of generative models</h1><p>{html.escape(_facts(results))}</p>"
        f'<div class="wide"><table><thead>{escaped_row(_HEADER, "th")}</thead><tbody>'
        + "".join(escaped_row(row, "td") for row in table(results))
        + f'</tbody></table></div><h2>Samples</h2><div class="sheets">{sheets}</div>'
        f"<h2>Models</h2>{models}</body></html>\n"
    )


def _image(png, text):
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'
