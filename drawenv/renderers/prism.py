"""Coloured boxes in space, seen from three sides, where the nearest surface hides the others."""

from __future__ import annotations

import numpy as np
from numba import njit

from drawenv.actions import ActionSpec, Parameter
from drawenv.renderers.color import LAB, hexadecimal, lab_to_rgb
from drawenv.renderers.protocol import Compose
from drawenv.renderers.rectangle import UNIT, cover

# Of each view the axes that run across and down its picture, and the one that it looks along.
VIEWS = np.array([[0, 1, 2], [2, 1, 0], [0, 2, 1]])  # front, side, top


@njit(cache=True, nogil=True)
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
            nearness = np.float32(255) * (1 - box[deep] / np.float32(size))
            level = np.uint8(nearness + half)
            x0, x1 = int(np.floor(box[a])), min(int(np.ceil(box[a + 3])), size)
            y0, y1 = int(np.floor(box[d])), min(int(np.ceil(box[d + 3])), size)
            cover(box[a], box[a + 3], x0, across[: x1 - x0])
            cover(box[d], box[d + 3], y0, down[: y1 - y0])
            for y in range(y0, y1):
                for x in range(x0, x1):
                    if level <= canvas[i, 9 + view, y, x]:
                        continue  # something is nearer
                    share = down[y - y0] * across[x - x0]
                    for c in range(4):
                        channel = 9 + view if c == 3 else 3 * view + c
                        new = nearness if c == 3 else colors[i, c]
                        old = np.float32(canvas[i, channel, y, x])
                        canvas[i, channel, y, x] = np.uint8(np.int32(old + (new - old) * share + half))


class PrismRenderer:
    """Boxes with sides along the axes, each of one colour, in a cube of 64 px.

    x runs to the right, y down and z away from who looks at the front. The side is seen from
    where x is 0, the top from where y is 0. The canvas has twelve channels: RGB of the front, the
    side and the top view, which make up the picture, then how near the surface in each view is, 255
    at the cube's face and 0 where there is none.
    """

    compose: Compose = None
    channels = 12
    shown = 9
    views = 3

    def __init__(self):
        corners = (Parameter(n, 0.0, float(UNIT), axis=n[0]) for n in ("x0", "y0", "z0", "x1", "y1", "z1"))
        self.action_spec = ActionSpec(*corners, *LAB)

    def config(self) -> dict:
        return {}

    def blank(self, n: int, size: int) -> np.ndarray:
        return np.zeros((n, 12, size, size), np.uint8)

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
            # Where two are equally near the first one drawn stays: it is painted last.
            for i in solid[np.lexsort((-solid, -boxes[solid, deep]))]:
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
