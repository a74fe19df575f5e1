"""A page in the browser, served to this machine alone or drawing by itself: draw or drop a picture, watch its
strokes appear.
"""

from __future__ import annotations

import base64
import json
import threading
import webbrowser
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import parse_qs, urlsplit

from drawenv.files import write_whole

from .common import prepare
from .recipes import ABOUT

if TYPE_CHECKING:
    from ..agent import Drawer

PAGE = Path(__file__).with_name("demo.html")
DRAWER, ALONE = (Path(__file__).with_name(name) for name in ("drawer.js", "alone.js"))
MOST = 50_000_000  # bytes of a picture
SECONDS = 3.0  # in which the strokes appear
EFFORT = 4  # at most


@dataclass
class Arguments:
    """Serve a page on which one draws, to this machine alone."""

    port: int = 8642
    """Of http://127.0.0.1."""
    browser: bool = True
    """Open it."""
    out: Path | None = None
    """Write a page that needs no server instead: one HTML file that draws clean lines."""
    preset: Literal["full", "debug"] = "full"
    """debug: the same."""


class Server(ThreadingHTTPServer):
    """Draws pictures that are posted to it, one at a time.

    Args:
        port: on 127.0.0.1; 0 takes any.
    """

    daemon_threads = True

    def __init__(self, port: int):
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except OverflowError:
            raise ValueError(f"--port must be from 0 to 65535, got {port}") from None
        self.drawers: dict[str, Drawer] = {}
        self.turn = threading.Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/"

    @cached_property
    def recipes(self) -> dict[str, dict]:
        """Those that have weights and draw one picture: what each is for, and how wide a pen suits it, as a
        share of the picture's side.
        """
        from ..recipes import RECIPES, has_weights

        known = [RECIPES[name] for name in ABOUT if name != "prism"]  # which needs three pictures
        return {
            own.name: {
                "about": ABOUT[own.name],
                "pen": (1.0 if own.stride else own.env_options.get("thickness", 4.5)) / 64,
            }
            for own in known if has_weights(own)
        }  # fmt: skip

    def draw(self, picture: bytes, recipe: str, effort: int) -> dict:
        """The drawing of a picture file: its SVG, and a line that says what it is.

        Raises:
            ValueError: there is no such recipe, the effort is out of range or the picture is broken.
        """
        from PIL import Image

        from ..agent import Drawer

        if recipe not in self.recipes:
            raise ValueError(f"no recipe {recipe!r} here; there are {', '.join(self.recipes)}")
        if not 0 <= effort <= EFFORT:
            raise ValueError(f"effort must be from 0 to {EFFORT}, got {effort}")
        try:
            image = Image.open(BytesIO(picture))
            image.load()
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"this is no picture that can be read ({error})") from None
        with self.turn:
            if recipe not in self.drawers:
                self.drawers[recipe] = Drawer.from_pretrained(recipe)
            drawing = self.drawers[recipe].draw(image, effort)
            if not drawing.renderer.has_paths:
                return {"svg": drawing.to_svg(), "still": drawing.to_svg(), "note": f"{len(drawing)} boxes"}
            pens = len(drawing.pens())
            note = f"{pens} pen{'s' * (pens != 1)} of {len(drawing)} strokes" if pens else "nothing to draw"
            return {"svg": drawing.to_svg(seconds=SECONDS), "still": drawing.to_svg(), "note": note}


class Handler(BaseHTTPRequestHandler):
    """Gives the page, the list of recipes, and drawings."""

    @property
    def _ours(self) -> Server:
        return cast(Server, self.server)

    def log_message(self, format: str, *args) -> None:
        """Nothing: errors are shown on the page."""

    def _answer(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer_json(self, code: int, value: dict) -> None:
        self._answer(code, json.dumps(value).encode(), "application/json")

    def _from_here(self) -> bool:
        """Whether it was asked for by its own address: other pages must not use it by another name."""
        return self.headers.get("Host") == f"127.0.0.1:{self._ours.server_port}" and (
            self.headers.get("Origin") in (None, self._ours.url[:-1])
        )

    def do_GET(self) -> None:
        """The page, and what it can draw."""
        if not self._from_here():
            self._answer_json(403, {"error": f"this page is at {self._ours.url}"})
        elif self.path == "/":
            self._answer(200, PAGE.read_bytes(), "text/html; charset=utf-8")
        elif self.path == "/recipes":
            self._answer_json(200, self._ours.recipes)
        else:
            self._answer_json(404, {"error": "there is nothing here"})

    def do_POST(self) -> None:
        """A picture's drawing: ``/draw?recipe=lines&effort=2``."""
        address, size = urlsplit(self.path), self.headers.get("Content-Length", "")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if not self._from_here() or address.path != "/draw":
            return self._answer_json(403, {"error": f"this page is at {self._ours.url}"})
        if not size.isdigit() or int(size) > MOST:
            return self._answer_json(413, {"error": f"a picture has at most {MOST // 1_000_000} MB"})
        try:
            effort = int(query.get("effort", "2"))
            made = self._ours.draw(self.rfile.read(int(size)), query.get("recipe", "lines"), effort)
        except ValueError as error:
            return self._answer_json(400, {"error": str(error)})
        return self._answer_json(200, made)


def numbers(drawer: Drawer) -> dict:
    """What drawer.js must know of a drawer that slides over pages, beside its weights."""
    network, own, spec = drawer.network, drawer.recipe, drawer.renderer.action_spec
    (_, least), *_ = own.levels
    made = {name: getattr(own, name) for name in ("size", "stride", "strokes", "price")} | {"least": least}
    made |= {name: getattr(own.drawer, name) for name in ("look", "hidden", "side")}
    made |= {"centre": spec.middle.tolist(), "half": spec.half_range.tolist()}
    return made | {
        name: getattr(network, name).tolist() for name in ("scale", "middle", "place", "pull", "shift")
    }


def page_alone() -> str:
    """The page with the drawer of ``lines`` inside, in JavaScript. It draws clean lines: no paper is cleaned,
    and strokes are not joined to pens.
    """
    from ..agent import Drawer
    from ..recipes import PRETRAINED

    weights = base64.b64encode((PRETRAINED / "lines" / "drawer.safetensors").read_bytes()).decode()
    known = {"lines": {"about": "clean lines of any kind and size", "pen": 1 / 64}}
    script = f"""<script>
{DRAWER.read_text()}{ALONE.read_text()}
const bytes = Uint8Array.from(atob("{weights}"), c => c.charCodeAt(0));
const numbers = {json.dumps(numbers(Drawer.from_pretrained("lines")))};
const network = new Network(bytes, numbers);
if (self.document) {{
  const workers = makeWorkers(document.currentScript.textContent);
  window.local = {{ network, workers, recipes: {json.dumps(known)} }};
}} else answerAsWorker(network);
</script>"""
    return PAGE.read_text().replace("<!-- without a server: the drawer -->", script)


def main(arguments: Arguments) -> None:
    prepare("cpu", threads=1)
    if arguments.out:
        if arguments.out.suffix not in (".html", ".htm"):
            raise ValueError(f"--out must end in .html, got {arguments.out}")
        write_whole(arguments.out, page_alone())
        print(f"{arguments.out}: open it in any browser, or put it on any web server")
        return
    server = Server(arguments.port)
    print(f"draw at {server.url} (Ctrl-C ends it)", flush=True)
    if arguments.browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
