"""Pictures from files: read as ink on paper, padded to a square, resized."""

from __future__ import annotations

import logging
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from drawenv.targets.base import check_split

ENDINGS = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
# What is wrong with a picture we say ourselves; who sets up logging hears Pillow, too.
logging.getLogger("PIL").addHandler(logging.NullHandler())
MAX_PIXELS = 100_000_000
MAX_WEBP = 30_000_000  # pixels: Pillow opens these with two canvases of their size, before anything is asked
MAX_COLORED = 4_000_000  # pixels: larger ones are made smaller


def read_picture(picture, invert: str = "auto") -> np.ndarray:
    """Any picture as light ink on black.

    Args:
        picture: a path, a PIL image, or an array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``:
            uint8, or floats in [0, 1].
        invert: ``"auto"`` reads a mostly light picture as dark ink on paper and inverts it, and one that is
            neither light nor dark if what stands out is darker than its surroundings; ``"yes"`` and
            ``"no"`` decide. Transparent pixels are paper.

    Returns:
        uint8 ``[H, W]``, ink 255 on 0.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no picture, broken, or over 100 megapixels; the array has
            another shape or dtype, is empty, or holds NaN or values outside [0, 1].
    """
    if invert not in ("auto", "yes", "no"):
        raise ValueError(f"invert must be auto, yes or no, got {invert!r}")
    # Of large pictures each step keeps no more than the next one needs: 100 megapixels take under 1 GB.
    image, alpha = _image(picture), None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = image.getchannel("A")
        alpha = alpha if np.asarray(alpha).min() < 128 else None
    if image.mode.startswith("I"):  # 16-bit gray, which convert("L") would clip
        image = Image.fromarray(np.clip(np.asarray(image, np.float32) / 257 + 0.5, 0, 255).astype(np.uint8))
    image = image.convert("L")
    if alpha:
        opaque = np.asarray(image)[np.asarray(alpha) > 127]
        dark_ink = _on_light_paper(opaque) if invert == "auto" else invert == "yes"
        del opaque
        image = Image.composite(image, Image.new("L", image.size, 255 if dark_ink else 0), alpha)
    else:
        dark_ink = _dark_ink(image) if invert == "auto" else invert == "yes"
    return np.array(ImageOps.invert(image) if dark_ink else image)


def read_color(picture, views: int = 1, paper: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
    """Any picture in colour, as it is.

    Args:
        picture: as for ``read_picture``.
        views: pictures of one width side by side.
        paper: the colour of transparent pixels.

    Returns:
        uint8 ``[3 * views, H, W / views]``; of more than 4 megapixels, so many.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as for ``read_picture``; or the picture cannot be cut into ``views``.
    """
    image = _image(picture)
    width, height = image.size
    if width % views:
        raise ValueError(f"{views} views side by side need a width that {views} divides, got {width}")
    if (times := (width * height / MAX_COLORED) ** 0.5) > 1:
        sides = max(round(width / views / times), 1) * views, max(round(height / times), 1)
        image = image.resize(sides, Image.Resampling.BOX)
    pixels = np.asarray(_on(paper, image)).transpose(2, 0, 1)
    return np.concatenate(np.split(pixels, views, 2))


def is_photograph(picture) -> bool:
    """Whether a picture is a photograph or painting rather than lines on paper, dirty though it may be: much
    of it is neither as light as the paper around it nor as dark as ink, or some of it and in many colours.

    Args:
        picture: as for ``read_picture``.
    """
    from scipy.ndimage import gaussian_filter, maximum_filter
    from skimage.color import rgb2lab

    image = _on_white(picture, 256)
    light, reach = 255 - np.float32(read_picture(image)), max(max(image.size) // 8, 3)
    paper = gaussian_filter(maximum_filter(gaussian_filter(light, 1), reach), reach / 2).clip(1)
    between = float(((light < 0.85 * paper) & (light > 0.4 * paper)).mean())
    chroma = rgb2lab(np.asarray(image))[..., 1:]
    colors = float((np.hypot(*(chroma - np.median(chroma, (0, 1))).transpose(2, 0, 1)) > 10).mean())
    return between > 0.6 or (between > 0.12 and (colors > 0.2 or paper.min() < 60))


def line_sketch(picture, largest: int = 768) -> np.ndarray:
    """A photograph or painting as a line sketch: light lines, about 2 px wide, on black.

    Lines are where a picture is darker than its surroundings: the difference of two Gaussian
    blurs of lightness and of each colour channel, the largest of them, thresholded softly.

    Args:
        picture: as for ``read_picture``; transparent pixels are white paper.
        largest: side in px to which larger pictures are made smaller first: finer lines are none.

    Returns:
        uint8 ``[H, W]``, ink 255 on 0.
    """
    from scipy.ndimage import gaussian_filter

    image = _on_white(picture, largest)
    channels = [*image.split(), image.convert("L")]
    strongest = np.zeros(image.size[::-1], np.float32)
    for channel in channels:
        light = np.asarray(channel, np.float32) / 255
        np.maximum(strongest, gaussian_filter(light, 1.8) - gaussian_filter(light, 1.0), out=strongest)
    return (np.clip((strongest - 0.015) / 0.03, 0, 1) * 255 + 0.5).astype(np.uint8)


def _on(paper: tuple[int, ...], image: Image.Image) -> Image.Image:
    """A picture in RGB, paper where it is transparent."""
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (*paper, 255)), image).convert("RGB")


def _on_white(picture, largest: int) -> Image.Image:
    """A picture in RGB, white where it is transparent, its sides at most ``largest``."""
    image = _image(picture)
    image = image.convert("RGBA") if image.mode not in ("L", "RGB", "RGBA") else image
    if image.mode == "RGBA" and (every := int((image.width * image.height / MAX_COLORED) ** 0.5)) > 1:
        image = image.resize((image.width // every, image.height // every), Image.Resampling.NEAREST)
    image = image.copy() if image is picture else image  # which is the caller's
    image.thumbnail((largest, largest))
    return _on((255, 255, 255), image)


def _dark_ink(image: Image.Image) -> bool:
    """Whether a picture shows dark ink on paper. Of one in between, for instance of paper in the shade, the
    deviations from a picture without detail tell: ink is less of it, but farther away.
    """
    from scipy.ndimage import gaussian_filter

    mean = np.asarray(image).mean()
    if not 64 < mean < 191:
        return bool(mean > 127.5)
    small = image.copy()
    small.thumbnail((256, 256))
    small = np.asarray(small, np.float32)
    return bool(((small - gaussian_filter(small, max(small.shape) / 4)) ** 3).mean() < 0)


def _image(picture) -> Image.Image:
    """What a user gives as a picture, opened."""
    if isinstance(picture, np.ndarray):
        image, name = _from_array(picture), "the array"
    elif isinstance(picture, Image.Image):
        image, name = picture, "the picture"
    else:
        image, name = _open(Path(picture)), str(picture)
    if 0 in image.size:
        raise ValueError(f"{name} is empty: {image.size[0]}x{image.size[1]} pixels")
    return image


def _on_light_paper(opaque: np.ndarray) -> bool:
    """Whether what is opaque in a picture with holes goes on light paper."""
    if opaque.size and np.ptp(opaque) < 128:  # of one tone: it is the ink itself, cut out
        return bool(opaque.mean() < 127.5)
    return bool(opaque.size and opaque.mean() > 127.5)  # a piece of the page


def _open(path: Path) -> Image.Image:
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        if (pixels := _pixels_of_webp(path)) > MAX_WEBP:
            raise ValueError(
                f"{pixels} pixels; of a WebP file the most is {MAX_WEBP // 1_000_000} megapixels"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are measured here, and of what else is odd
            with Image.open(path) as image:
                if image.size[0] * image.size[1] <= MAX_PIXELS:
                    ImageOps.exif_transpose(image, in_place=True)
                    image.load()
                    return image.copy() if image.format == "WEBP" else image  # which keeps its canvases
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large: {error}") from None
    except Exception as error:  # of a broken file a decoder raises anything
        raise ValueError(f"{path} cannot be read as a picture: {error}") from None
    raise ValueError(
        f"{path} has {image.size[0]}x{image.size[1]} pixels; the most is {MAX_PIXELS // 1_000_000} "
        "megapixels: make it smaller first"
    )


def _pixels_of_webp(path: Path) -> int:
    """How many pixels a WebP file says it has; 0 of other files."""
    with open(path, "rb") as file:
        head = file.read(30)
    if (head[:4], head[8:12]) != (b"RIFF", b"WEBP"):
        return 0
    number = partial(int.from_bytes, byteorder="little")
    match head[12:16]:
        case b"VP8X":
            return (1 + number(head[24:27])) * (1 + number(head[27:30]))
        case b"VP8L":
            return (1 + (number(head[21:25]) & 0x3FFF)) * (1 + (number(head[21:25]) >> 14 & 0x3FFF))
    return (number(head[26:28]) & 0x3FFF) * (number(head[28:30]) & 0x3FFF)


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(f"a picture array must be [H, W], [H, W, 3] or [H, W, 4], got {list(array.shape)}")
    if 0 in array.shape:
        raise ValueError(f"the picture array is empty: {list(array.shape)}")
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):  # false for NaN too
            raise ValueError("a float picture must hold values in [0, 1] and no NaN")
        array = (array * 255 + 0.5).astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        raise ValueError(f"a picture array must be uint8 or float, got {array.dtype}")
    return Image.fromarray(array)


def square(ink: np.ndarray, size: int, paper: int = 0) -> np.ndarray:
    """Ink ``[H, W]`` padded with paper to a square and resized to ``[size, size]``."""
    if ink.shape == (size, size):
        return ink
    if max(ink.shape) ** 2 > MAX_PIXELS:  # a long strip: its square would fill the memory
        height, width = (max(round(side * size / max(ink.shape)), 1) for side in ink.shape)
        ink = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR))
    side = max(ink.shape)
    padded = np.full((side, side), paper, np.uint8)
    top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    padded[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    # Pillow's bilinear filter averages when it shrinks, so thin lines fade but stay.
    return np.asarray(Image.fromarray(padded).resize((size, size), Image.Resampling.BILINEAR))


def read_channels(picture, channels: int, paper: list[int], invert: str = "auto") -> np.ndarray:
    """Any picture as a canvas shows it.

    Args:
        picture: as for ``read_picture``.
        channels: of the canvas: 1 for light ink on black; of colour, 3 for each of its views side by side.
        paper: the canvas' own colour, for transparent pixels.
        invert: as for ``read_picture``; a picture in colour stays as it is.

    Returns:
        uint8 ``[channels, H, W]``.
    """
    if channels % 3:
        return read_picture(picture, invert)[None]
    return read_color(picture, channels // 3, tuple(paper[:3]))


def squares(picture: np.ndarray, size: int, paper: list[int]) -> np.ndarray:
    """Channels ``[C, H, W]`` padded with the paper of each and resized: ``[C, size, size]``."""
    return np.stack([square(c, size, paper[i % len(paper)]) for i, c in enumerate(picture)])


def in_folder(folder: Path) -> list[Path]:
    """The pictures of a folder, by name.

    Raises:
        ValueError: it holds none.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        raise ValueError(f"{folder} holds no pictures ({', '.join(sorted(ENDINGS))})")
    return paths


def load_folder(folder: Path, size: int, channels: int, paper: list[int], split: str = "") -> np.ndarray:
    """The pictures of a folder, by name: uint8 ``[N, channels, size, size]``.

    Args:
        folder: where they are.
        size: side of the squares in pixels.
        channels: see ``read_channels``.
        paper: likewise.
        split: ``val`` is every tenth picture, ``train`` the others, nothing all.

    Raises:
        ValueError: the folder holds no pictures, or too few for the split, or one of them is broken.
    """
    check_split(f"the folder {folder}", split or "train", ("train", "val"))
    paths = in_folder(folder)
    if split:
        if len(paths) < 2:
            raise ValueError(f"{folder} holds one picture: to train and to validate takes two at least")
        paths = [path for i, path in enumerate(paths) if (i % 10 == 0) == (split == "val")]
    return np.stack([squares(read_channels(path, channels, paper), size, paper) for path in paths])
