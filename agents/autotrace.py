"""AutoTrace's centre lines as pens: a rival to measure against.

It is free software under the GPL, this project is not: it runs in a process of its own, if someone installed
it (``pip install pyautotrace``).
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from drawenv.pens import Pen

_CHILD = """
import json, sys
import autotrace, numpy as np
for ink in np.load(sys.argv[1]):
    vector = autotrace.Bitmap(np.repeat(ink[..., None], 3, 2)).trace(centerline=True)
    print(json.dumps([[[[p.x, vector.height - p.y] for p in s.points] for s in path.splines]
                      for path in vector.paths]))
"""


def pens_of_autotrace(inks: np.ndarray) -> list[list[Pen]]:
    """The pens that AutoTrace makes of pictures uint8 ``[n, H, W]``, light on black, in black and white; as
    wide as the ink along them.

    Raises:
        ValueError: it is not installed.
    """
    if importlib.util.find_spec("autotrace") is None:
        raise ValueError("AutoTrace is not installed: pip install pyautotrace")
    masks = inks >= 128
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inks.npy"
        np.save(file, np.where(masks, 0, 255).astype(np.uint8))
        command = [sys.executable, "-c", _CHILD, str(file)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    pens = []
    for mask, paths in zip(masks, map(json.loads, lines), strict=True):
        depth = distance_transform_edt(mask)
        pens.append([_pen(np.array(path, np.float32), depth) for path in paths])
    return pens


def _pen(curves: np.ndarray, depth: np.ndarray) -> Pen:
    pen = Pen(curves, 1.0, bool(np.allclose(curves[0, 0], curves[-1, 3])))
    x, y = pen.points().astype(int).clip(0, np.array(depth.shape[::-1]) - 1).T
    return Pen(curves, max(2 * float(np.median(depth[y, x])) - 1, 1.0), pen.closed)
