"""Make the pictures of this folder: digits from curves written down here, symbols, a sketch, plans, scenes.

    python examples/make_pictures.py

The drawer never sees these curves, only the pictures: dark ink on paper, 256 pixels wide, the
digits with pens of several widths. The sketch is 512 pixels wide. The scenes of
boxes come from the built-in generator, their three views side by side. The page is the sketch
once more, as someone might have drawn it on ruled paper and photographed it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from drawenv import BezierRenderer, Drawing, Symbols
from drawenv.renderers.base import side_by_side
from drawenv.targets.dirt import soiled
from drawenv.targets.plans import Plan
from drawenv.targets.scenes import Prisms

# Each stroke: start, control point, end, in a box 20 wide and 40 high.
DIGITS = {
    "0": [(10, 0, -2, 2, 0, 20), (0, 20, 0, 40, 10, 40), (10, 40, 22, 40, 20, 20), (20, 20, 20, 0, 10, 0)],
    "1": [(4, 8, 10, 6, 12, 0), (12, 0, 11, 20, 11, 40)],
    "2": [(1, 8, 4, -2, 14, 1), (14, 1, 24, 6, 14, 22), (14, 22, 8, 32, 0, 40), (0, 40, 10, 38, 21, 40)],
    "3": [(2, 4, 20, -6, 19, 9), (19, 9, 18, 18, 8, 19), (8, 19, 22, 20, 20, 31), (20, 31, 17, 43, 0, 37)],
    "4": [(5, 1, 2, 12, 0, 24), (0, 24, 10, 25, 22, 23), (17, 8, 16, 24, 15, 40)],
    "5": [(20, 1, 10, 1, 4, 1), (4, 1, 3, 10, 2, 17), (2, 17, 24, 10, 20, 30), (20, 30, 16, 42, 0, 38)],
    "6": [(15, 0, 2, 10, 1, 28), (1, 28, 2, 44, 14, 39), (14, 39, 24, 32, 16, 23), (16, 23, 6, 18, 2, 30)],
    "7": [(0, 3, 10, 1, 20, 2), (20, 2, 12, 18, 9, 40)],
    "8": [(18, 6, 8, -6, 3, 6), (3, 6, 2, 14, 14, 24), (14, 24, 24, 36, 10, 40), (10, 40, -6, 36, 18, 6)],
    "9": [(18, 8, 8, -6, 2, 10), (2, 10, 3, 24, 18, 14), (19, 6, 20, 24, 14, 40)],
}
# A boat by a lighthouse, in px of a 512-px page, drawn with pens of 2 to 3.5 px.
BOAT = [
    (132, 356, 150, 424, 206, 420), (206, 420, 300, 428, 352, 414), (352, 414, 392, 396, 408, 344),
    (408, 344, 300, 366, 132, 356), (146, 384, 260, 394, 396, 374), (252, 356, 254, 200, 256, 84),
    (264, 100, 356, 190, 384, 322), (384, 322, 320, 334, 264, 330), (264, 330, 274, 210, 264, 100),
    (244, 120, 176, 210, 150, 316), (150, 316, 200, 330, 244, 322), (244, 322, 236, 220, 244, 120),
    (256, 84, 276, 74, 292, 86), (292, 86, 274, 88, 256, 98), (270, 236, 318, 240, 354, 238),
    (270, 286, 330, 292, 374, 288), (186, 250, 214, 254, 240, 250), (176, 378, 182, 372, 188, 378),
    (188, 378, 182, 386, 176, 378), (224, 384, 230, 378, 236, 384), (236, 384, 230, 391, 224, 384),
]  # fmt: skip
LIGHTHOUSE = [
    (430, 330, 440, 240, 442, 170), (498, 330, 490, 240, 484, 170), (436, 170, 464, 176, 490, 170),
    (446, 168, 446, 150, 448, 136), (480, 168, 480, 150, 478, 136), (440, 136, 448, 104, 463, 100),
    (463, 100, 478, 104, 486, 136), (486, 136, 464, 142, 440, 136), (463, 100, 463, 92, 463, 84),
    (439, 216, 464, 224, 488, 216), (436, 262, 464, 270, 492, 262), (456, 330, 456, 300, 464, 298),
    (464, 298, 473, 300, 473, 330), (400, 346, 430, 318, 466, 332), (466, 332, 496, 324, 510, 342),
]  # fmt: skip
SKY = [
    (84, 60, 120, 62, 122, 96), (122, 96, 118, 130, 84, 132), (84, 132, 50, 128, 48, 96),
    (48, 96, 52, 62, 84, 60), (84, 46, 84, 36, 84, 24), (120, 62, 130, 52, 138, 44),
    (136, 96, 148, 96, 160, 96), (120, 130, 130, 140, 138, 148), (84, 146, 84, 156, 84, 168),
    (48, 130, 38, 140, 30, 148), (34, 96, 22, 96, 10, 96), (48, 62, 38, 52, 30, 44),
    (300, 40, 308, 26, 322, 34), (322, 34, 336, 14, 356, 32), (356, 32, 376, 28, 374, 46),
    (374, 46, 340, 54, 300, 40), (180, 60, 192, 48, 200, 60), (200, 60, 208, 48, 220, 58),
    (158, 92, 168, 82, 174, 92), (174, 92, 180, 82, 190, 90),
]  # fmt: skip
# Two apartments in px of a 512-px page: walls and doors (x0 y0 x1 y1), furniture (left top right bottom).
STUDIO = {
    "walls": [
        (140, 30, 372, 30), (140, 30, 140, 482), (372, 30, 372, 482), (140, 482, 372, 482),
        (140, 430, 372, 430), (140, 214, 372, 214), (140, 124, 262, 124), (262, 30, 262, 214),
        (204, 124, 204, 214), (140, 252, 204, 252), (204, 214, 204, 252), (262, 90, 372, 90),
    ],
    "doors": [(180, 430, 330, 430), (290, 214, 350, 214), (262, 50, 262, 80), (262, 140, 262, 190),
        (290, 30, 340, 30)],
    "bathtub": [(146, 36, 196, 118)], "washing_basin": [(218, 36, 256, 66)], "toilet": [(154, 150, 190, 206)],
    "cooking_counter": [(340, 100, 366, 206)], "entrance": [(268, 36, 366, 84)],
    "closet": [(144, 218, 200, 248)],
}  # fmt: skip
FAMILY = {
    "walls": [
        (30, 120, 482, 120), (30, 120, 30, 400), (482, 120, 482, 400), (30, 400, 482, 400),
        (30, 352, 482, 352),
        (190, 120, 190, 352), (190, 236, 340, 236), (340, 120, 340, 352), (340, 190, 482, 190),
        (410, 120, 410, 262), (340, 262, 482, 262), (30, 236, 190, 236), (150, 236, 150, 352),
    ],
    "doors": [
        (60, 352, 130, 352), (220, 352, 310, 352), (370, 352, 450, 352), (190, 160, 190, 210),
        (190, 270, 190, 320),
        (340, 200, 340, 240), (360, 262, 400, 262), (150, 260, 150, 330), (60, 236, 120, 236),
    ],
    "bathtub": [(416, 126, 476, 184)], "washing_basin": [(346, 126, 380, 160)],
    "toilet": [(430, 204, 462, 252)],
    "cooking_counter": [(200, 126, 320, 152)], "closet": [(154, 240, 186, 348)],
}  # fmt: skip
FOLDER = Path(__file__).parent / "pictures"


def digit(strokes: list[tuple], thickness: float, slant: float) -> Drawing:
    """A digit's strokes placed in the middle of the canvas."""
    points = np.array(strokes, np.float32).reshape(-1, 3, 2) + (22, 12)
    points[..., 0] += slant * (32 - points[..., 1])
    renderer = BezierRenderer(thickness)
    return Drawing(renderer.action_spec.to_action(points.reshape(-1, 6)), renderer)


def harbour() -> Drawing:
    """The sketch: a boat, a lighthouse, sun and birds above, rows of waves below."""
    waves = [
        (x, y, x + 22, y - 18 + 8 * (y % 3), x + 44, y)
        for row, y in enumerate((436, 461, 487))
        for x in range(12 + 26 * (row % 2), 460, 58)
    ]
    lines = [
        (line, width)
        for part, width in ((BOAT, 3.0), (LIGHTHOUSE, 2.5), (SKY, 2.0), (waves, 3.5))
        for line in part
    ]
    physical = np.array([(*line, width) for line, width in lines], np.float32)
    renderer = BezierRenderer(None, page=(512, 512))
    return Drawing(renderer.action_spec.to_action(physical), renderer)


def photographed(drawing: Drawing, rng: np.random.Generator) -> np.ndarray:
    """A drawing as a photograph of it on ruled paper: uint8 ``[H, W]``, 1,280 px wide."""
    dirt = {"faint": 0.3, "ruled": 0.8, "stained": 0.7, "bled": 0.3, "shaded": 0.8}
    ink = drawing.render(640)
    page = Image.fromarray(255 - soiled(ink, rng, dirt, ink)).resize((1280, 1280), Image.Resampling.BICUBIC)
    return 255 - soiled(255 - np.asarray(page), rng, {"blurred": 0.8, "noisy": 0.3})


def apartment(parts: dict[str, list[tuple]]) -> Plan:
    """A plan of walls, doors and furniture; what rooms those make is for the drawer to say."""
    boxes = {name: np.array(part, np.float32) for name, part in parts.items()}
    walls, doors = boxes.pop("walls"), boxes.pop("doors")
    icons = [name for name, part in boxes.items() for _ in part]
    return Plan(walls, doors, icons, np.concatenate([*boxes.values()]), np.empty(0, int), np.empty((0, 4)))


def save(ink: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - ink).save(path, optimize=True)


def main() -> None:
    rng = np.random.default_rng(7)
    for name, strokes in DIGITS.items():
        drawing = digit(strokes, rng.uniform(4.0, 6.0), rng.uniform(-0.1, 0.25))
        save(drawing.render(256), FOLDER / "digits" / f"{name}.png")
    save(harbour().render(), FOLDER / "sketch" / "harbour.png")
    (FOLDER / "page").mkdir(exist_ok=True)
    page = Image.fromarray(photographed(harbour(), np.random.default_rng(3)))
    page.save(FOLDER / "page" / "harbour.jpg", quality=60)
    symbols = Symbols(256, max_strokes=4).sample(40, rng)[:, 0]
    richest = sorted(symbols, key=lambda ink: -int(ink.sum(dtype=int)))[:10]
    for i, ink in enumerate(richest):
        save(ink, FOLDER / "symbols" / f"{i}.png")
    for name, parts in (("studio", STUDIO), ("family", FAMILY)):
        save(apartment(parts).hint(256)[0], FOLDER / "plans" / f"{name}.png")
    prisms = Prisms(256, 3)
    for i in range(4):
        scene = side_by_side(prisms.sample(1, rng)[0], 3)
        save(255 - scene, FOLDER / "scenes" / f"{i}.png")


if __name__ == "__main__":
    main()
