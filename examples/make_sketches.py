"""Make a folder of sketches like the one that sketch-10 was trained on, from the same public packages.

    apt-get download wesnoth-1.16-data openclipart-svg renpy-thequestion renpy-demo
    for package in *.deb; do dpkg -x $package sources; done
    git clone https://github.com/GITenberg/Nonsense-Books_13650 sources/Nonsense-Books_13650
    python examples/make_sketches.py sources data/sketches

docs/sketches.csv says which file of which package each picture is. They come out alike, not equal: some of
the originals were cropped by hand. Files that are absent are left out, so one package is enough to begin.
"""

from __future__ import annotations

import csv
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track
from scipy.ndimage import gaussian_filter, label

SIDE = 512
LINES = ("wn", "rp", "od")  # paintings and coloured clip art, whose lines are extracted; the others are lines


def page(path: Path, side: int) -> Image.Image:
    """A picture on a white page of ``side`` pixels, as large as fits."""
    if path.suffix == ".svg":
        import resvg_py

        image = Image.open(BytesIO(bytes(resvg_py.svg_to_bytes(svg_path=str(path), width=side))))
    else:
        image = Image.open(path)
    image = image.convert("RGBA")
    scale = side / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    white = Image.new("RGBA", (side, side), "white")
    white.alpha_composite(image, ((side - image.width) // 2, (side - image.height) // 2))
    return white.convert("RGB")


def extracted(picture: Image.Image) -> np.ndarray:
    """Where a picture is darker than its surroundings, in any channel: float32 ``[H, W]`` in [0, 1]."""
    strongest = np.zeros(picture.size[::-1], np.float32)
    for channel in (*picture.split(), picture.convert("L")):
        light = np.asarray(channel, np.float32) / 255
        np.maximum(strongest, gaussian_filter(light, 2.52) - gaussian_filter(light, 1.4), out=strongest)
    return np.clip((strongest - 0.03) / 0.04, 0, 1)


def sketch(path: Path, extract: bool) -> Image.Image:
    """White lines on black, 512x512, in 16 grey levels, without specks under 20 pixels."""
    picture = page(path, 2 * SIDE)
    ink = extracted(picture) if extract else 1 - np.asarray(picture.convert("L"), np.float32) / 255
    ink = ink.reshape(SIDE, 2, SIDE, 2).mean((1, 3))
    parts, _ = label(ink > 0.1, np.ones((3, 3)))
    ink[(np.bincount(parts.ravel()) < 20)[parts]] = 0
    return Image.fromarray((ink * 15 + 0.5).astype(np.uint8) * np.uint8(17))


def main(sources: Path, out: Path) -> None:
    table = Path(__file__).parent.parent / "docs" / "sketches.csv"
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    made = []
    for row in track(rows, "sketches"):
        found = [sources / row["path"], *sources.glob(f"*/{row['path']}")]
        path = next((p for p in found if p.is_file()), None)
        if path is None:
            continue
        target = out / row["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            sketch(path, target.name.startswith(LINES)).save(target)
        except ValueError as error:  # an SVG without a size
            print(f"left out {path}: {error}", file=sys.stderr)
            continue
        made.append({"file": row["file"]})
    if not made:
        sys.exit(f"error: none of the files of docs/sketches.csv is in {sources}")
    with open(out / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["file"])
        writer.writeheader()
        writer.writerows(made)
    print(f"{len(made)} of {len(rows)} sketches -> {out}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/make_sketches.py SOURCES OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
