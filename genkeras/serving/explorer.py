"""The page at `/`: what a sampler draws, for people. Needs gradio."""

import contextlib
import functools
import os
import tempfile
import types

from genkeras.serving import bodies
from genkeras.serving.exploration import Exploration
from genkeras.serving.explorer_gate import MAX_BODY, ExplorerGate
from genkeras.serving.explorer_handlers import (
    IN_TURN,
    MAX_LIMIT,
    MAX_PICTURES,
    MAX_SEED,
    MAX_STEPS,
    MAX_UPLOAD,
    MIN_LIMIT,
    NUM_SLIDERS,
    Handlers,
)
from genkeras.serving.server import READ

# Pages whose sliders are remembered; the one that was used least lately is forgotten.
_MAX_SESSIONS = 300
_CSS = """
/* Hidden overflow, Gradio's, would keep the picture below from staying in sight. */
.gradio-container {
  width: 100% !important; max-width: 960px !important; margin: 0 auto;
  overflow: clip !important;
}
.sheet img { width: 100%; max-width: 560px; image-rendering: pixelated; display: block; }
.sheet a { display: inline-block; padding: 10px 0; }
@media (max-width: 640px) {
  /* The picture stays in sight while the sliders below it are moved. */
  #point-column {
    position: sticky; top: 0; z-index: 20; background: var(--body-background-fill);
  }
  #point img { max-width: 160px; }
  /* All five tabs fit. */
  .tab-container button { padding: 0 8px !important; }
}
"""
# A picture comes as a value, like a number: Gradio's own uploads are files that requests name.
_UPLOAD = '<label>Choose a picture <input type="file" accept="image/*"></label>'
_SEND_UPLOAD = f"""
element.querySelector('input').addEventListener('change', (event) => {{
  const file = event.target.files[0];
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => {{
    props.value = file.size > {MAX_UPLOAD} ? '' : reader.result;
    trigger('upload');
  }};
  reader.readAsDataURL(file);
}});
"""


@contextlib.contextmanager
def private_folder():
    """Gives Gradio a folder for its files that nobody else can read, removed at the end.

    The page makes none, but Gradio has a folder all the same. To be entered before gradio is
    imported.
    """
    with tempfile.TemporaryDirectory(prefix="genkeras-explorer-") as folder:
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        yield


def mount(app, service):
    """Puts the page into an application whose other addresses are registered.

    Args:
        app: From `server.create_app`.
        service: `server.Service`.

    Returns:
        ASGI application with both.
    """
    import gradio

    handlers = Handlers(gradio, Exploration(service))
    with gradio.Blocks(title="genkeras explorer", analytics_enabled=False) as page:
        parts = _components(gradio, list(service.repository.names))
        _connect(gradio, page, parts, handlers)
    # The latents of each page's sliders are kept here.
    page.state_session_capacity = _MAX_SESSIONS
    gradio.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        # The default theme brings fonts, which a page this small does not need.
        theme=gradio.themes.Default(
            font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
        css=_CSS,
    )
    uploads = {(parts.upload._id, "upload")}
    calls = {
        number: MAX_BODY if uploads & set(function.targets) else bodies.LARGE
        for number, function in page.fns.items()
    }
    return ExplorerGate(app, {"/v1/": None, "/healthz": READ, "/metrics": READ}, calls)


def _components(gr, names):
    """Lays the page out for samplers of these names; returns its components by name."""

    def seed(label, value, elem_id):
        return gr.Number(
            value, label=label, precision=0, minimum=0, maximum=MAX_SEED, elem_id=elem_id
        )

    def sheet(elem_id):
        return gr.HTML(elem_id=elem_id, elem_classes="sheet")

    parts = types.SimpleNamespace()
    gr.Markdown("# Sampler explorer")
    parts.name = gr.Dropdown(names, label="Sampler", elem_id="sampler")
    parts.facts = gr.Markdown(elem_id="facts")
    parts.label = gr.Dropdown(
        [IN_TURN],
        label="Class",
        info="A single picture, a walk and a plane have one: the first, unless chosen.",
        visible=False,
        elem_id="class",
    )
    with gr.Tab("Samples"):
        with gr.Row():
            parts.seed = seed("Seed of the first", 0, "samples-seed")
            parts.count = gr.Slider(1, MAX_PICTURES, 16, step=1, label="Pictures")
        parts.samples = sheet("samples")
    with gr.Tab("Sliders"):
        parts.point_seed = seed("Start at the latents of seed", 0, "point-seed")
        with gr.Row():
            with gr.Column(elem_id="point-column"):
                parts.point = sheet("point")
            with gr.Column():
                parts.first = gr.Slider(0, 1, 0, step=1, label="First coordinate below")
                parts.sliders = [
                    gr.Slider(-1, 1, 0, step=0.01, label=f"z{k}", elem_id=f"slider-{k}")
                    for k in range(NUM_SLIDERS)
                ]
        parts.latents = gr.State([])
    with gr.Tab("Walk"):
        with gr.Row():
            parts.start = seed("From seed", 0, "walk-start")
            parts.end = seed("To seed", 1, "walk-end")
            parts.steps = gr.Slider(2, MAX_STEPS, 10, step=1, label="Pictures")
        parts.walk = sheet("walk")
    with gr.Tab("Plane", visible=False) as parts.plane_tab:
        parts.limit = gr.Slider(
            MIN_LIMIT, MAX_LIMIT, 2, step=0.1, label="Both coordinates from r to −r: r"
        )
        parts.plane = sheet("plane")
    with gr.Tab("Upload", visible=False) as parts.reproduce_tab:
        gr.Markdown(
            "Your picture, cropped to the model's shape, beside what the model makes of its code. "
            "It is not kept."
        )
        parts.upload = gr.HTML(
            html_template=_UPLOAD, js_on_load=_SEND_UPLOAD, elem_id="upload", container=True
        )
        parts.reproduction = sheet("reproduction")
    return parts


def _connect(gr, page, parts, handlers):
    """Says what happens when."""
    # The handlers check values themselves: Gradio would log a traceback for each wrong one, and it
    # forgets the ranges of the sliders with the session.
    common = {"queue": False, "api_visibility": "private", "preprocess": False}
    name, label = parts.name, parts.label
    # Handler -> what it reads and writes, and the events beside a choice of sampler or class.
    drawing = {
        handlers.samples: (
            [name, label, parts.seed, parts.count],
            [parts.samples],
            [parts.seed.change, parts.count.release],
        ),
        handlers.start: (
            [name, label, parts.point_seed, parts.first],
            [parts.latents, parts.point, *parts.sliders],
            [parts.point_seed.change],
        ),
        handlers.walk: (
            [name, label, parts.start, parts.end, parts.steps],
            [parts.walk],
            [parts.start.change, parts.end.change, parts.steps.release],
        ),
        handlers.plane: ([name, label, parts.limit], [parts.plane], [parts.limit.release]),
    }
    described = [
        parts.facts,
        label,
        parts.first,
        parts.limit,
        parts.plane_tab,
        parts.reproduce_tab,
        parts.reproduction,
    ]
    for chosen in (
        page.load(handlers.names, [name], [name], **common).success(
            handlers.describe, [name], described, **common
        ),
        name.input(handlers.describe, [name], described, **common),
    ):
        for function, (inputs, outputs, _) in drawing.items():
            chosen.success(function, inputs, outputs, **common)
    for function, (inputs, outputs, events) in drawing.items():
        gr.on([*events, label.input], function, inputs, outputs, **common)
    parts.first.release(handlers.look, [name, parts.latents, parts.first], parts.sliders, **common)
    for index, slider in enumerate(parts.sliders):
        slider.input(
            functools.partial(handlers.move, index),
            [name, label, parts.latents, parts.first, slider],
            [parts.latents, parts.point],
            # While a slider moves, only its last place is worth drawing.
            trigger_mode="always_last",
            show_progress="hidden",
            **common,
        )
    parts.upload.upload(handlers.reproduce, [name, parts.upload], [parts.reproduction], **common)
