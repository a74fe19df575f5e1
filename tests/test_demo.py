"""The page in the browser, as a browser asks for it; and in one, where there is one."""

import json
import shutil
import threading
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agents.commands import demo
from agents.commands.recipes import ABOUT

DIGIT = (Path(__file__).parent.parent / "examples/pictures/digits/3.png").read_bytes()


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


def test_in_a_browser(server):
    """Draw a digit with the mouse, get an SVG."""
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs Chromium")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(server.url, wait_until="networkidle")
        page.select_option("#recipe", "mnist-4")
        assert page.input_value("#pen") == "40"
        box = page.locator("#pad").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + 300, steps=10)
        page.mouse.up()
        page.wait_for_selector("#shown svg path", state="attached")
        assert "pen" in page.inner_text("#note") and page.is_visible("#save") and not errors
        browser.close()
