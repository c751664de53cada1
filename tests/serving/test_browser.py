"""The explorer in a real browser: a headless Chromium that is installed on this machine."""

import base64
import io
import shutil
import types

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="needs gradio: pip install '.[explorer]'")
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install playwright"
)

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"
)
MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # Root, and what Chromium would ask the internet for.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def server(server_process, samplers):
    return server_process(f"--model_dir={samplers}", "--explorer")


@pytest.fixture
def open_page(browser, server):
    """Function of a width that opens the explorer; what the browser complains of is noted."""
    noted = types.SimpleNamespace(complaints=[], foreign=[])
    contexts = []

    def open_it(width):
        contexts.append(browser.new_context(viewport={"width": width, "height": 844}))
        page = contexts[-1].new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on(
            "console",
            lambda m: noted.complaints.append(m.text) if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: noted.complaints.append(str(error)))

        def note(request):
            if not request.url.startswith((server.address, "data:", "blob:")):
                noted.foreign.append(request.url)

        page.on("request", note)
        page.goto(server.address)
        page.wait_for_selector("#samples img")
        return page

    yield types.SimpleNamespace(open=open_it, noted=noted)
    for context in contexts:
        context.close()


def picture(page, selector):
    """Returns the pixels that a sheet shows."""
    data = page.locator(f"{selector} img").get_attribute("src")
    content = base64.b64decode(data.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


def wait_for_another(page, selector, before):
    data = "data:image/png;base64," + before
    page.wait_for_function(
        "([s, d]) => document.querySelector(s)?.src && document.querySelector(s).src !== d",
        arg=[f"{selector} img", data],
    )


def source(page, selector):
    data = page.locator(f"{selector} img").get_attribute("src")
    return data.removeprefix("data:image/png;base64,")


def choose(page, element, option):
    before = source(page, "#samples")
    page.locator(f"{element} input").click()
    page.get_by_role("option", name=option, exact=True).click()
    wait_for_another(page, "#samples", before)


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def test_an_autoencoder_is_explored_on_a_phone(open_page, tmp_path):
    page = open_page.open(390)
    # The first of the samplers, a VAE on a plane.
    assert picture(page, "#samples").shape == (4 * 14 + 2, 4 * 14 + 2)
    before = source(page, "#samples")
    page.locator("#samples-seed input").fill("77")
    wait_for_another(page, "#samples", before)

    tab(page, "Sliders")
    before = source(page, "#point")
    assert picture(page, "#point").shape == (12, 12)
    slider = page.locator("#slider-1 input[type=range]")
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    wait_for_another(page, "#point", before)
    assert page.locator("#slider-2").count() == 0

    tab(page, "Walk")
    before = source(page, "#walk")
    page.locator("#walk-end input").fill("5")
    wait_for_another(page, "#walk", before)

    tab(page, "Plane")
    assert picture(page, "#plane").shape == (15 * 12, 15 * 12)

    tab(page, "Upload")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    page.set_input_files("#upload input[type=file]", tmp_path / "mine.png")
    page.wait_for_selector("#reproduction img")
    shown = picture(page, "#reproduction")
    np.testing.assert_array_equal(shown[2:14, 2:14], pixels)
    assert shown[2:14, 16:28].std() > 0

    # Nothing sticks out at the side, and what is seen can be taken along.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    with page.expect_download() as download:
        page.locator("#reproduction a").click()
    assert download.value.suggested_filename == "digits_reproduction.png"
    np.testing.assert_array_equal(np.asarray(Image.open(download.value.path())), shown)
    assert (open_page.noted.complaints, open_page.noted.foreign) == ([], [])


def test_classes_are_chosen(open_page):
    page = open_page.open(600)
    assert not page.locator("#class").is_visible()
    choose(page, "#sampler", "shapes")
    assert page.locator("#facts").inner_text().startswith("CGAN on shapes, version 1")
    choose(page, "#class", "star")
    sheet = picture(page, "#samples")
    assert sheet[2:14, 2:14].std() > 0
    # 62 latent coordinates, of which eight are shown at a time.
    tab(page, "Sliders")
    assert [page.locator(f"#slider-{k}").is_visible() for k in (0, 7)] == [True, True]
    # The picture stays in sight of the last one.
    page.locator("#slider-7").scroll_into_view_if_needed()
    assert page.evaluate("window.scrollY") > 300
    assert page.locator("#point img").bounding_box()["y"] >= 0
    for name in ("Plane", "Upload"):
        assert page.get_by_role("tab", name=name, exact=True).count() == 0
    assert (open_page.noted.complaints, open_page.noted.foreign) == ([], [])
