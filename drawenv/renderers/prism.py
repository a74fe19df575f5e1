"""Coloured boxes in space, seen from three sides, where the nearest surface hides the others."""

from __future__ import annotations

import numpy as np

from drawenv.actions import ActionSpec, Parameter
from drawenv.compiled import compiled
from drawenv.renderers.base import UNIT, Renderer
from drawenv.renderers.color import LAB, hexadecimal, lab_to_rgb
from drawenv.renderers.rectangle import cover

# Of each view the axes that run across and down its picture, and the one that it looks along.
VIEWS = np.array([[0, 1, 2], [2, 1, 0], [0, 2, 1]])  # front, side, top


@compiled
def _draw_prisms(canvas, boxes, colors):
    """Put boxes[i] into scene canvas[i].

    Args:
        canvas: uint8 [n, 12, H, H].
        boxes: float32 [n, 6], the low corner and the high one in canvas pixels.
        colors: float32 [n, 3] in [0, 255].
    """
    size = canvas.shape[2]
    half = np.float32(0.5)
    across, down = np.empty(size, np.float32), np.empty(size, np.float32)
    for i in range(canvas.shape[0]):
        box = boxes[i]
        if box[3] <= box[0] or box[4] <= box[1] or box[5] <= box[2]:
            continue
        for view in range(3):
            a, d, deep = VIEWS[view]
            nearness = np.float32(255) * (1 - max(box[deep], np.float32(0)) / np.float32(size))
            x0, x1 = max(int(np.floor(box[a])), 0), min(int(np.ceil(box[a + 3])), size)
            y0, y1 = max(int(np.floor(box[d])), 0), min(int(np.ceil(box[d + 3])), size)
            if x0 >= x1 or y0 >= y1:
                continue
            cover(box[a], box[a + 3], x0, across[: x1 - x0])
            cover(box[d], box[d + 3], y0, down[: y1 - y0])
            for y in range(y0, y1):
                for x in range(x0, x1):
                    # A pixel shows the largest of (how near, red, green, blue), colours by the share of
                    # it that the box covers: a maximum does not depend on the order. Nearness counts by
                    # the share's fourth power, so that a sliver in front makes no dark rim.
                    share = down[y - y0] * across[x - x0]
                    near = np.uint8(nearness * share * share * share * share + half)
                    new = near
                    old = canvas[i, 9 + view, y, x]
                    c = 0
                    while new == old and c < 3:
                        new = np.uint8(colors[i, c] * share + half)
                        old = canvas[i, 3 * view + c, y, x]
                        c += 1
                    if new > old:
                        canvas[i, 9 + view, y, x] = near
                        for c in range(3):
                            canvas[i, 3 * view + c, y, x] = np.uint8(colors[i, c] * share + half)


class PrismRenderer(Renderer):
    """Boxes of one colour each in a cube of 64 px, seen from three sides; the nearest surface shows.

    x runs to the right, y down and z away from who looks at the front. Any two opposite corners name the same
    box; one without volume draws nothing. Colours are CIELAB under D65, clipped to sRGB's gamut.

    The canvas has twelve channels. RGB of the front view (x to the right, y down), of the side view from
    where x is 0 (z to the right, y down) and of the top view from where y is 0 (x to the right, z down) make
    up the picture, and they alone are compared with targets. Then, for each view, how near the surface is,
    255 at the cube's face, 0 where there is none. Edges are antialiased. The order of drawing does not
    matter.
    """

    name = "prism"
    channels = 12
    views = (("x", "y"), ("z", "y"), ("x", "z"))  # front, side, top

    def __init__(self):
        corners = (Parameter(n, 0.0, float(UNIT), axis=n[0]) for n in ("x0", "y0", "z0", "x1", "y1", "z1"))
        self.action_spec = ActionSpec(*corners, *LAB)

    @property
    def shown(self) -> int:
        return 9

    def boxes(self, actions: np.ndarray) -> np.ndarray:
        """Actions ``[n, 9]`` as low and high corners ``[n, 6]`` in px of 64."""
        corners = self.action_spec.to_physical(actions)[:, :6].reshape(-1, 2, 3)
        return np.concatenate([corners.min(1), corners.max(1)], 1)

    def colors(self, actions: np.ndarray) -> np.ndarray:
        """The colour of each action, sRGB float32 ``[n, 3]`` in [0, 255]."""
        return lab_to_rgb(self.action_spec.to_physical(actions)[:, -3:])

    def draw(self, canvas: np.ndarray, actions: np.ndarray) -> None:
        scale = np.float32(canvas.shape[-1] / UNIT)
        _draw_prisms(canvas, self.boxes(actions) * scale, self.colors(actions))

    def to_svg(self, actions: np.ndarray) -> str:
        """The three views side by side; in each, what is nearer is painted later."""
        boxes, colors, parts = self.boxes(actions), self.colors(actions), []
        solid = np.flatnonzero((boxes[:, 3:] > boxes[:, :3]).all(1))
        for k, (a, d, deep) in enumerate(VIEWS):
            # Where two are equally near the one of the larger colour shows: it is painted last.
            for i in solid[np.lexsort((*colors[solid].T[::-1], -boxes[solid, deep]))]:
                low, high = boxes[i, :3], boxes[i, 3:]
                parts.append(
                    f'<rect x="{k * UNIT + low[a]:.3f}" y="{low[d]:.3f}" width="{high[a] - low[a]:.3f}" '
                    f'height="{high[d] - low[d]:.3f}" fill="{hexadecimal(colors[i])}"/>'
                )
        return "\n".join(parts)

    def to_obj(self, actions: np.ndarray) -> str:
        """The boxes as a Wavefront OBJ file, with colours, y upwards; the cube's side is 1."""
        try:
            import trimesh
            from trimesh.exchange.obj import export_obj
        except ModuleNotFoundError:
            raise ValueError("a .obj file needs trimesh: pip install 'drawenv[obj]'") from None

        meshes = []
        for box, color in zip(self.boxes(actions), self.colors(actions), strict=True):
            if (box[3:] > box[:3]).all():
                corners = box.reshape(2, 3) / UNIT * (1, -1, -1) + (0, 1, 1)
                mesh = trimesh.creation.box(bounds=np.sort(corners, 0))
                mesh.visual.vertex_colors = np.append(color, 255).astype(np.uint8)
                meshes.append(mesh)
        if not meshes:
            raise ValueError("there is no box with a volume to save")
        return export_obj(trimesh.util.concatenate(meshes))
