"""The page in the browser, as a browser asks for it; and in one, where there is one."""

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agents import Drawer
from agents.commands import demo
from agents.commands.recipes import ABOUT
from agents.draw import draw_any_size
from agents.recipes import PRETRAINED

DIGITS = Path(__file__).parent.parent / "examples/pictures/digits"
DIGIT = (DIGITS / "3.png").read_bytes()


@pytest.fixture(scope="module")
def server():
    server = demo.Server(0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(server, path="", body=None, **headers):
    """The code and the answer."""
    request = urllib.request.Request(server.url + path, body, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_page_and_recipes(server):
    code, page = ask(server)
    assert code == 200 and page == demo.PAGE.read_text() and "<canvas" in page
    recipes = json.loads(ask(server, "recipes")[1])
    assert next(iter(recipes)) == "lines" and "prism" not in recipes and "plans" not in recipes
    assert recipes["mnist-4"] == {"about": ABOUT["mnist-4"], "pen": 5 / 64}
    assert ask(server, "nothing")[0] == 404


def test_a_picture_becomes_strokes(server):
    code, text = ask(server, "draw?recipe=mnist-4&effort=0", DIGIT)
    answer = json.loads(text)
    assert code == 200 and "of 4 strokes" in answer["note"]
    assert (
        "@keyframes" in answer["svg"] and "<path" in answer["still"] and "@keyframes" not in answer["still"]
    )
    white = BytesIO()
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(white, "PNG")
    assert json.loads(ask(server, "draw?recipe=mnist-4", white.getvalue())[1])["note"] == "nothing to draw"
    plan = (Path(demo.__file__).parent.parent.parent / "examples/pictures/plans").glob("*.png")
    assert "boxes" in json.loads(ask(server, "draw?recipe=floorplan", next(plan).read_bytes())[1])["note"]


@pytest.mark.parametrize(
    ("query", "body", "words"),
    [
        ("recipe=mnist-4", b"no picture", "no picture that can be read"),
        ("recipe=nothing", DIGIT, "no recipe 'nothing' here"),
        ("recipe=mnist-4&effort=99", DIGIT, "effort must be from 0 to 4"),
        ("recipe=mnist-4&effort=x", DIGIT, "invalid literal"),
    ],
)
def test_bad_questions_get_a_line(server, query, body, words):
    code, text = ask(server, f"draw?{query}", body)
    assert code == 400 and words in json.loads(text)["error"]


def test_other_pages_cannot_use_it(server):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert ask(server, "", **headers)[0] == 403
        assert ask(server, "draw?recipe=mnist-4", DIGIT, **headers)[0] == 403
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "draw", b"x", **{"Content-Length": "60000000"})[0] == 413


JOB = """
const fs = require("fs"), drawer = require(process.argv[2]), folder = process.argv[3];
const numbers = JSON.parse(fs.readFileSync(folder + "/numbers.json")), [height, width] = numbers.sides;
const network = new drawer.Network(new Uint8Array(fs.readFileSync(process.argv[4])), numbers);
const ink = new Uint8Array(fs.readFileSync(folder + "/ink")), drawn = {};
(async () => {
  for (const rounds of [[0, 0], [1, 6]]) {
    const draw = windows => drawer.drawWindows(network, windows, ...rounds);
    const curves = await drawer.drawPage(network, ink, width, height, draw);
    const canvas = new Uint8Array(width * height);
    for (const curve of curves) drawer.drawCurve(canvas, width, height, curve);
    drawn[rounds] = { curves, canvas: Array.from(canvas) };
  }
  console.log(JSON.stringify(drawn));
})();
"""


def test_the_page_alone_draws_the_same_strokes(tmp_path):
    """Network, windows, pruning and renderer in JavaScript are those in Python; its redrawing does good."""
    if not (node := shutil.which("node")):
        pytest.skip("needs Node.js")
    drawer = Drawer.from_pretrained("sketch-10").with_recipe(price=2.0)  # as `lines`, with nothing cleaned
    drawer.corrector = None  # which the page lacks
    picture = Image.open(DIGITS.parent / "sketch/harbour.png").convert("L").crop((240, 200, 400, 310))
    ink = 255 - np.asarray(picture)
    (tmp_path / "ink").write_bytes(ink.tobytes())
    (tmp_path / "numbers.json").write_text(json.dumps(demo.numbers(drawer) | {"sides": ink.shape}))
    (tmp_path / "job.js").write_text(JOB)
    weights = PRETRAINED / "lines/drawer.safetensors"
    job = [node, tmp_path / "job.js", demo.DRAWER, tmp_path, weights]
    drawn = json.loads(subprocess.run(job, capture_output=True, check=True).stdout)
    plain, better = (
        (np.array(d["curves"]), np.reshape(d["canvas"], ink.shape).astype(np.uint8)) for d in drawn.values()
    )
    drawing = draw_any_size(drawer, ink, scale=1.0)
    own = drawing.renderer.action_spec.to_physical(drawing.actions)
    assert len(own) > 10
    np.testing.assert_allclose(plain[0], own, atol=0.1)
    assert np.abs(plain[1].astype(int) - drawing.render()).max() <= 8  # a stroke is 0.01 px away

    def error(canvas):
        return np.square((canvas.astype(float) - ink) / 255).sum()

    assert error(better[1]) < 0.8 * error(plain[1])


def test_a_page_alone_is_one_file(tmp_path, capsys):
    demo.main(demo.Arguments(out=tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "window.local = {" in page and "<!--" not in page and len(page) < 3_000_000
    assert "page.html" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"must end in \.html"):
        demo.main(demo.Arguments(out=tmp_path / "page.pdf"))
    in_a_browser((tmp_path / "page.html").as_uri(), "strokes in")


def test_served_in_a_browser(server):
    in_a_browser(server.url, "pen")


def in_a_browser(url, words):
    """Draw a digit with the mouse, get an SVG."""
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(url, wait_until="networkidle")
        if page.locator("#recipe option").count() > 1:
            page.select_option("#recipe", "mnist-4")
            assert page.input_value("#pen") == "40"
        box = page.locator("#pad").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + 300, steps=10)
        page.mouse.up()
        page.wait_for_selector("#shown svg path", state="attached")
        assert words in page.inner_text("#note") and page.is_visible("#save") and not errors
        browser.close()
