"""How well a drawing matches: squared errors, PSNR, IoU, stroke recovery, boxes, colours."""

from __future__ import annotations

import numpy as np

from drawenv.compiled import compiled

_BLOCK = 16_384  # squares of 255 whose sum an int32 holds, which adds twice as fast as an int64


@compiled
def _block_error(a, b):
    total = np.int32(0)
    for j in range(b.shape[0]):
        d = np.int32(a[j]) - np.int32(b[j])
        total = np.int32(total + np.int32(d * d))
    return total


@compiled
def _squared_error(a, b, out):
    for i in range(a.shape[0]):
        total = np.int64(0)
        for j in range(0, b.shape[1], _BLOCK):
            total += _block_error(a[i, j : j + _BLOCK], b[i, j : j + _BLOCK])
        out[i] = total


def squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum of squared differences of each picture, in 1/255 steps, exact.

    Args:
        a: uint8 ``[n, C, ...]``, C-contiguous; if it has more channels than ``b`` they are left out.
        b: uint8 ``[n, c, ...]``, likewise.

    Returns:
        int64 ``[n]``; divided by 255² it is the squared error of values in [0, 1].

    Raises:
        ValueError: there are not as many of ``b``, or they are larger.
    """
    out, a_rows, b_rows = np.empty(len(a), np.int64), a.reshape(len(a), -1), b.reshape(len(b), -1)
    if len(a) != len(b) or a_rows.shape[1] < b_rows.shape[1]:  # compiled code would read beyond them
        raise ValueError(f"pictures to compare must be of one number and size: {a.shape}, {b.shape}")
    _squared_error(a_rows, b_rows, out)
    return out


def mse(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared error per pixel of each picture, values in [0, 1]: float64 ``[n]``."""
    return squared_error(a, b) / (255.0**2 * a[0].size)


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error of values in [0, 1]."""
    return float("inf") if mse <= 0 else float(-10 * np.log10(mse))


def iou(a: np.ndarray, b: np.ndarray, threshold: int = 128) -> np.ndarray:
    """Intersection over union of the ink of each picture, float64 ``[n]``; 1 if both are blank."""
    a, b = (x.reshape(len(x), -1) >= threshold for x in (a, b))
    union = (a | b).sum(1)
    return np.where(union == 0, 1.0, (a & b).sum(1) / np.maximum(union, 1))


def near_iou(a: np.ndarray, b: np.ndarray, threshold: int = 128) -> np.ndarray:
    """Like ``iou``, but ink counts as shared if the other picture has ink at most one pixel off.

    Args:
        a: uint8 ``[n, H, W]``.
        b: like ``a``.
        threshold: from here on a pixel is ink.
    """
    from scipy.ndimage import maximum_filter

    a, b = a >= threshold, b >= threshold
    wide_a, wide_b = (maximum_filter(x, (1, 3, 3)) for x in (a, b))
    shared = ((a & wide_b) | (b & wide_a)).sum((1, 2))
    union = (a | b).sum((1, 2))
    return np.where(union == 0, 1.0, shared / np.maximum(union, 1))


def seam_score(a: np.ndarray, b: np.ndarray, stride: int, reach: int = 2) -> float:
    """Squared error near the borders of windows over that elsewhere, per pixel: 1 without seams.

    Args:
        a: uint8 ``[n, H, W]``.
        b: like ``a``.
        stride: pixels from one border to the next, in both directions (none along the outer edge).
        reach: pixels at most so far from a border are near it.
    """
    error = np.square(a.astype(np.float32) - b).mean(0)
    seams = []
    for side in error.shape:
        at = np.arange(side) + 0.5
        border = np.round(at / stride) * stride
        seams.append((abs(at - border) < reach) & (border > 0) & (border < side))
    near = seams[0][:, None] | seams[1]
    return float(error[near].mean() / error[~near].mean())


def chamfer(drawn: list[np.ndarray], true: list[np.ndarray]) -> float:
    """Mean distance from drawn ink to true ink and back, in the polylines' px; inf if one is empty.

    Args:
        drawn: polylines ``[k, 2]``.
        true: likewise.
    """
    from scipy.spatial import KDTree

    if not drawn or not true:
        return 0.0 if not drawn and not true else float("inf")
    a, b = (np.concatenate([resampled(s) for s in strokes]) for strokes in (drawn, true))
    return float(KDTree(b).query(a)[0].mean() + KDTree(a).query(b)[0].mean()) / 2


def resampled(line: np.ndarray, spacing: float = 0.5) -> np.ndarray:
    """A polyline ``[k, 2]`` as points evenly ``spacing`` px apart (the ends included)."""
    lengths = np.hypot(*np.diff(line, axis=0).T)
    total = lengths.sum()
    if total == 0:
        return line[:1]
    at = np.linspace(0, total, max(int(np.ceil(total / spacing)) + 1, 2))
    along = np.concatenate([[0], np.cumsum(lengths)])
    return np.stack([np.interp(at, along, line[:, 0]), np.interp(at, along, line[:, 1])], 1)


def stroke_recovery(
    drawn: list[np.ndarray], true: list[np.ndarray], tolerance: float = 2.0
) -> dict[str, float]:
    """How much of the true pen strokes a drawing found, and how much of it is true.

    Drawn and true strokes are paired one to one by the Hungarian algorithm on their symmetric
    Chamfer distance, which knows no direction. Only paired strokes count: precision is the
    share of drawn length within ``tolerance`` of the stroke it is paired with, recall the share
    of true length within ``tolerance`` of its partner. ``ink_precision`` and ``ink_recall`` are
    the same with the nearest point of any stroke: right place, whatever the pen lifts.

    Args:
        drawn: polylines ``[k, 2]`` in px of a 64-px canvas.
        true: likewise.
        tolerance: in the same px.

    Returns:
        ``stroke_precision``, ``stroke_recall``, ``ink_precision``, ``ink_recall`` in [0, 1] and
        ``stroke_count_error``, drawn less true.
    """
    from scipy.spatial import KDTree

    count = float(len(drawn) - len(true))
    if not drawn or not true:
        both = float(not drawn and not true)
        names = ("stroke_precision", "stroke_recall", "ink_precision", "ink_recall")
        return dict.fromkeys(names, both) | {"stroke_count_error": count}
    drawn, true = [resampled(s) for s in drawn], [resampled(s) for s in true]
    trees, true_trees = [KDTree(s) for s in drawn], [KDTree(s) for s in true]
    # to_true[i][j]: distance of each point of drawn i to true j; to_drawn likewise backwards.
    to_true = [[tree.query(s)[0] for tree in true_trees] for s in drawn]
    to_drawn = [[tree.query(s)[0] for tree in trees] for s in true]
    cost = [
        [to_true[i][j].mean() + to_drawn[j][i].mean() for j in range(len(true))] for i in range(len(drawn))
    ]
    rows, columns = paired(-np.array(cost))
    hits = sum((to_true[i][j] <= tolerance).sum() for i, j in zip(rows, columns, strict=True))
    found = sum((to_drawn[j][i] <= tolerance).sum() for i, j in zip(rows, columns, strict=True))
    near = sum((np.min(distances, 0) <= tolerance).sum() for distances in to_true)
    near_true = sum((np.min(distances, 0) <= tolerance).sum() for distances in to_drawn)
    drawn_points, true_points = sum(map(len, drawn)), sum(map(len, true))
    return {
        "stroke_precision": float(hits / drawn_points),
        "stroke_recall": float(found / true_points),
        "ink_precision": float(near / drawn_points),
        "ink_recall": float(near_true / true_points),
        "stroke_count_error": count,
    }


def hidden(strokes: list[np.ndarray], tolerance: float = 2.0) -> int:
    """How many strokes lie wholly within ``tolerance`` px of others, the shortest first: where a pen tapped
    on a line, or went the same way twice, a picture shows one stroke less.

    Args:
        strokes: polylines ``[k, 2]``.
        tolerance: in the same px.
    """
    from scipy.spatial import KDTree

    left = sorted(map(resampled, strokes), key=len)
    k = 0
    while k < len(left) > 1:
        others = np.concatenate(left[:k] + left[k + 1 :])
        if KDTree(others).query(left[k])[0].max() <= tolerance:
            del left[k]
        else:
            k += 1
    return len(strokes) - len(left)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes of any dimension d: ``[k, 2 d]`` and ``[m, 2 d]`` to ``[k, m]``.

    A box is its low corner, then its high one.
    """
    a, b = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    d = a.shape[-1] // 2
    shared = np.minimum(a[..., d:], b[..., d:]) - np.maximum(a[..., :d], b[..., :d])
    shared = shared.clip(0).prod(-1)
    volumes = (a[..., d:] - a[..., :d]).prod(-1) + (b[..., d:] - b[..., :d]).prod(-1)
    return shared / np.maximum(volumes - shared, 1e-12)


def paired(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a score ``[k, m]`` paired one to one for the largest sum (Hungarian)."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(-score)


def ciede2000(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How different colours look: CIEDE2000 of CIELAB ``[..., 3]`` and ``[..., 3]``; 1 is just visible.

    After Sharma, Wu & Dalal 2005, with weights of 1.
    """
    (la, aa, ba), (lb, ab, bb) = (np.moveaxis(np.asarray(x, np.float64), -1, 0) for x in (a, b))
    mean_chroma = (np.hypot(aa, ba) + np.hypot(ab, bb)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    ca, cb = np.hypot(stretch * aa, ba), np.hypot(stretch * ab, bb)
    ha, hb = (np.degrees(np.arctan2(y, stretch * x)) % 360 for x, y in ((aa, ba), (ab, bb)))
    gray = ca * cb == 0
    turn = np.where(gray, 0.0, (hb - ha + 180) % 360 - 180)
    hue = np.where(gray, ha + hb, (ha + turn / 2) % 360)
    light, chroma = (la + lb) / 2, (ca + cb) / 2
    t = (
        1 - 0.17 * np.cos(np.radians(hue - 30)) + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6)) - 0.20 * np.cos(np.radians(4 * hue - 63))
    )  # fmt: skip
    d_light = (lb - la) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    d_chroma = (cb - ca) / (1 + 0.045 * chroma)
    d_hue = 2 * np.sqrt(ca * cb) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    bend = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(bend))
    return np.sqrt(d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue)
