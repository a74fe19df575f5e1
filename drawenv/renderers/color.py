"""Colours: CIELAB under D65, as actions have them, and sRGB, as canvases do."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from drawenv.actions import Parameter

# L from black to white; a from green to red, b from blue to yellow: the box around sRGB's gamut.
LAB = (
    Parameter("L", 0.0, 100.0, unit="lightness"),
    Parameter("a", -90.0, 100.0, unit="green-red"),
    Parameter("b", -110.0, 100.0, unit="blue-yellow"),
)

_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)  # D65
_TO_RGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ],
    np.float32,
)
_TO_XYZ = np.linalg.inv(_TO_RGB.astype(np.float64))
_EDGE = 6 / 29


def lab_to_rgb(lab: ArrayLike) -> np.ndarray:
    """CIELAB ``[..., 3]`` to sRGB float32 ``[..., 3]`` in [0, 255], clipped channel by channel."""
    lab = np.asarray(lab, np.float32)
    middle = (lab[..., 0] + 16) / 116
    f = np.stack([middle + lab[..., 1] / 500, middle, middle - lab[..., 2] / 200], -1)
    xyz = np.where(f > _EDGE, f**3, 3 * _EDGE**2 * (f - 4 / 29)) * _WHITE
    # A matrix product rounds otherwise for one colour than for many.
    linear = sum(xyz[..., k, None] * _TO_RGB[:, k] for k in range(3)).clip(0, 1)
    curved = 1.055 * np.maximum(linear, 1e-8) ** (1 / 2.4) - 0.055
    return (255 * np.where(linear > 0.0031308, curved, 12.92 * linear)).astype(np.float32)


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """SRGB ``[..., 3]`` in [0, 255] to CIELAB float64 ``[..., 3]``."""
    rgb = np.asarray(rgb, np.float64) / 255
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _EDGE**3, np.cbrt(xyz), xyz / (3 * _EDGE**2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def hexadecimal(rgb: np.ndarray) -> str:
    """A colour ``[3]``, or a gray ``[1]``, in [0, 255] as SVG writes it, ``#rrggbb``."""
    return "#" + "".join(f"{int(v + 0.5):02x}" for v in np.broadcast_to(rgb, 3))
