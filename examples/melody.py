"""Music: the canvas is a spectrogram, an action is a note, and a drawing is what was played.

python scripts/train_drawer.py examples.melody:RECIPE --out runs/melody
python scripts/evaluate.py examples.melody:RECIPE --weights runs/melody --effort 2
python examples/transcribe.py song.wav -o song.mid

No recording came with its notes: the drawer learns through an imitation of the synthesiser.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from math import erf
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from agents.recipes import CanvasOptions, DrawerOptions, LossOptions, Recipe, TrainOptions
from drawenv import ActionSpec, ArrayTargets, Drawing, Parameter, Renderer, Targets, register
from drawenv.compiled import compiled
from drawenv.drawing import draw_kept
from drawenv.metrics import squared_error
from drawenv.targets import TARGETS

RATE = 16_000  # samples/s
SECONDS, LOWEST = 4.0, 45  # of a canvas; MIDI number of its lowest row, 64 rows of a semitone each
HIGHEST = LOWEST + 36  # note; above it there are only overtones
RANGE = 48.0  # dB from black to white
DECAY = 12.0  # dB/s that a note loses
TIMBRE = 6.0 * np.arange(6)  # dB that each partial is below the first
PERIODS = 4.45  # standard deviation of the window: a semitone off, a tone is 12 dB weaker
LOUDER = 24  # of 255, 4.5 dB: by so much a note's level rises where it is struck again
_LOSS = DECAY * np.log(10) / 20  # 1/s


class Note(NamedTuple):
    """A note: when it starts, how long it sounds (s), its MIDI number, and how loud it is (dB, 0 at most)."""

    start: float
    length: float
    pitch: float
    loudness: float


def frequency(pitch):
    """Of MIDI numbers, in Hz."""
    return 440.0 * 2 ** ((np.asarray(pitch) - 69) / 12)


@compiled
def _play(canvas: np.ndarray, notes: np.ndarray) -> None:
    """A note ``[n, 4]`` on each spectrogram uint8 ``[n, size, size]``: what the windows of ``spectrogram``
    measure of decaying tones, each for itself, the loudest one.
    """
    size = canvas.shape[1]
    for i in range(len(notes)):
        start, length, pitch, loudness = notes[i]
        first = 440.0 * 2 ** ((pitch - 69) / 12)
        for row in range(size):
            own = 440.0 * 2 ** ((LOWEST - 5.5 - 64 * (row + 0.5) / size) / 12)
            window = PERIODS / own  # s
            tone = -1e9
            for k in range(len(TIMBRE)):
                away = window * (own - (k + 1) * first)
                tone = max(tone, loudness - TIMBRE[k] - 171.5 * away**2)
            if tone <= -RANGE:
                continue
            for frame in range(size):
                after = (frame + 0.5) / size * SECONDS - start
                if not -3 * window < after < length + 3 * window:
                    continue
                after -= _LOSS * window**2
                edges = erf(after / (2**0.5 * window)) - erf((after - length) / (2**0.5 * window))
                level = np.exp(-_LOSS * (after + _LOSS * window**2 / 2)) * edges / 2
                value = 1 + (tone + 20 * np.log10(max(level, 1e-6))) / RANGE
                canvas[i, row, frame] = max(
                    canvas[i, row, frame], np.uint8(255 * min(max(value, 0), 1) + 0.5)
                )


class NoteRenderer(Renderer):
    """A synthesiser, seen through a constant-Q spectrogram; where notes meet the louder one shows."""

    name = "note"
    compose = "max"
    action_spec = ActionSpec(
        Parameter("x0", 0, 64, axis="x"), Parameter("y", 27, 64, axis="y"),
        Parameter("x1", 0, 64, axis="x", anchor=("x0",)), Parameter("loudness", -24, 0, "dB"),
    )  # fmt: skip

    def draw(self, canvas, actions):
        notes = np.stack(_physical(self.action_spec.to_physical(actions)), 1).astype(np.float64)
        _play(canvas[:, 0], notes)

    def to_svg(self, actions):
        """A piano roll."""
        return "\n".join(
            f'<rect x="{min(x0, x1):.2f}" y="{y - 0.5:.2f}" width="{abs(x1 - x0):.2f}" height="1" '
            f'fill="#ffffff" fill-opacity="{1 + loudness / RANGE:.2f}"/>'
            for x0, y, x1, loudness in self.action_spec.to_physical(actions)
        )


def _physical(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Values of actions ``[n, 4]`` as start, length, pitch and loudness of notes."""
    x0, y, x1, loudness = values.T
    return np.minimum(x0, x1) * (SECONDS / 64), np.abs(x1 - x0) * (SECONDS / 64), LOWEST + 63.5 - y, loudness


def _shown(level: np.ndarray) -> np.ndarray:
    """Levels in dB as a canvas shows them."""
    return (255 * (1 + level / RANGE).clip(0, 1) + 0.5).astype(np.uint8)


def notes_of(drawing: Drawing) -> list[Note]:
    """The notes of a drawing, on the nearest keys; what is over within 20 ms is none. If the drawing knows
    what it was made of, notes that are struck again in it are two.
    """
    parts = _physical(drawing.renderer.action_spec.to_physical(drawing.actions))
    rows = zip(*(part.tolist() for part in parts), strict=True)
    notes = sorted(Note(s, n, round(p), v) for s, n, p, v in rows if n > 0.02)
    return notes if drawing.picture is None else struck_again(notes, drawing.picture)


def struck_again(notes: list[Note], level: np.ndarray) -> list[Note]:
    """Notes as two where their tone becomes louder, if the synthesiser then sounds more like a recording.

    A drawer does not find that by itself: either half alone is worse than the whole.
    """
    renderer = NoteRenderer()

    def error(some: list[Note]) -> int:
        actions = renderer.action_spec.to_action(actions_of(some)).clip(-1, 1)
        return int(squared_error(Drawing(actions, renderer).render()[None], level[None])[0])

    frame, todo, kept = SECONDS / level.shape[1], list(notes), []
    best = error(notes)
    while todo:
        note = todo.pop(0)
        end, row = note.start + note.length, level[round(LOWEST + 63 - note.pitch)].astype(int)
        for k in range(math.ceil(note.start / frame) + 1, math.floor(end / frame) - 1):
            if row[k + 1] < row[k] + LOUDER:
                continue
            halves = [
                [note._replace(length=over - note.start), note._replace(start=at, length=end - at)]
                for over in frame * np.array([k - 0.5, k, k + 0.5])
                for at in frame * np.array([k + 0.5, k + 1, k + 1.5])
            ]
            errors = [error([*kept, *two, *todo]) for two in halves]
            if min(errors) < best:
                best, (note, second) = min(errors), halves[int(np.argmin(errors))]
                todo = [second, *todo]
                break
        kept.append(note)
    return sorted(kept)


def actions_of(notes: Sequence[Note]) -> np.ndarray:
    """Physical values of the actions that draw notes, float32 ``[n, 4]``."""
    start, length, pitch, loudness = np.array(notes, np.float32).reshape(-1, 4).T
    ends = start * 64 / SECONDS, (start + length) * 64 / SECONDS
    return np.stack([ends[0], LOWEST + 63.5 - pitch, ends[1], loudness], 1)


def sound(notes: Sequence[Note], seconds: float = SECONDS, seed: int = 0) -> np.ndarray:
    """What notes sound like, float32 in about [-1, 1]: partials with phases by chance, all added up."""
    rng, out = np.random.default_rng(seed), np.zeros(round(seconds * RATE))
    for start, length, pitch, loudness in notes:
        first, last = round(start * RATE), min(round((start + length) * RATE), len(out))
        t = np.arange(last - first) / RATE
        ends = np.clip(np.minimum(t, t[::-1]) / 0.02, 0, 1)  # 20 ms: no clicks
        envelope = ends * np.exp(-_LOSS * t) * 10 ** (loudness / 20)
        for k, quieter in enumerate(TIMBRE, 1):
            if k * frequency(pitch) < RATE / 2:
                wave = np.sin(2 * np.pi * (k * frequency(pitch) * t + rng.random()))
                out[first:last] += envelope * 10 ** (-quieter / 20) * wave
    return out.astype(np.float32)


@cache
def _windows(size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each row of a spectrogram samples around a frame's middle, and what they are weighed with."""
    rows = []
    for pitch in LOWEST + 63.5 - (np.arange(size) + 0.5) * (64 / size):
        window = PERIODS / frequency(pitch) * RATE
        at = np.arange(-round(4 * window), round(4 * window) + 1)
        bell = np.exp(-0.5 * (at / window) ** 2)
        turn = np.exp(-2j * np.pi * frequency(pitch) / RATE * at)
        rows.append((at, 2 * bell / bell.sum() * turn))
    return rows


def spectrogram(audio: np.ndarray, size: int = 64) -> np.ndarray:
    """Audio of four seconds as a canvas shows it, uint8 ``[size, size]``."""
    margin = len(_windows(size)[-1][0]) // 2
    padded = np.pad(audio.astype(np.float64), margin)
    middle = ((np.arange(size) + 0.5) / size * SECONDS * RATE).round().astype(int) + margin
    levels = [np.abs(padded[middle[:, None] + at] @ weights) for at, weights in _windows(size)]
    return _shown(20 * np.log10(np.maximum(levels, 1e-6)))


def melody(rng: np.random.Generator) -> list[Note]:
    """Four seconds of one to three voices that walk on a scale, 16 notes at most. Those that sound at the
    beginning or the end are cut there.
    """
    scale = np.array([[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]])[rng.integers(2)] + rng.integers(12)
    keys = np.flatnonzero(np.isin(np.arange(HIGHEST + 1) % 12, scale % 12))
    keys, notes, beat = keys[keys >= LOWEST], [], rng.uniform(0.25, 0.6)
    for voice in range(rng.integers(1, 4)):
        end, key, loud = -rng.uniform(0, 2 * beat), rng.integers(len(keys)), rng.uniform(-15, 0)
        while end < SECONDS:
            start = end
            end += beat * rng.choice([1, 2, 4] if voice else [0.5, 1, 1, 2])
            key = int(np.clip(key + rng.integers(-3, 4), 0, len(keys) - 1))
            first, last = max(start, 0.0), min(start + (end - start) * rng.uniform(0.75, 1), SECONDS)
            loudness = loud + rng.uniform(-3, 3) - DECAY * (first - start)
            note = Note(first, last - first, int(keys[key]), float(np.clip(loudness, -20, 0)))
            apart = all(
                other.pitch != note.pitch
                or first > other.start + other.length + 0.1
                or last < other.start - 0.1
                for other in notes
            )
            if 0.15 < note.length < 2.4 and apart and rng.random() > 0.15:
                notes.append(note)
    return sorted(notes[:16]) or melody(rng)


class Melodies(Targets):
    """Spectrograms of melodies, endless, as the renderer draws them."""

    renderer = NoteRenderer()

    def __init__(self, size: int = 64):
        self.shape = (1, size, size)

    def sample(self, n, rng):
        scenes = [actions_of(melody(rng)) for _ in range(n)]
        most = max(map(len, scenes))
        actions = np.zeros((n, most, 4), np.float32)
        keep = np.zeros((n, most), bool)
        for row, used, scene in zip(actions, keep, scenes, strict=True):
            row[: len(scene)], used[: len(scene)] = scene, True
        spec = self.renderer.action_spec
        return draw_kept(self.renderer, spec.to_action(actions), keep, self.renderer.blank(n, self.shape[1]))


def load_melodies(split: str, size: int) -> Targets:
    """To train on, endless; else 300 recordings, and how well their notes are found."""
    if split == "train":
        return Melodies(size)
    rng = np.random.default_rng({"val": 71, "test": 72}[split])
    notes = [melody(rng) for _ in range(300)]
    pictures = np.stack([spectrogram(sound(some, seed=i), size) for i, some in enumerate(notes)])

    def score(drawings: Sequence[Drawing]) -> dict[str, float]:
        rival = note_scores([by_templates(picture) for picture in pictures[: len(drawings)]], notes)
        return note_scores([notes_of(drawing) for drawing in drawings], notes) | {
            f"templates_{name}": value for name, value in rival.items()
        }

    return ArrayTargets(pictures, shapes=[actions_of(some) for some in notes], score=score)


@cache
def _templates() -> np.ndarray:
    """The power of a tone of each key in each row, ``[64, keys]``."""
    keys = np.arange(LOWEST, HIGHEST + 1)
    rows = LOWEST + 63.5 - np.arange(64)[:, None, None] - 0.5
    partials = frequency(keys)[:, None] * np.arange(1, len(TIMBRE) + 1)
    away = PERIODS * (1 - partials / frequency(rows))
    return 10 ** ((-TIMBRE - 171.5 * away**2).max(2) / 10)


def by_templates(picture: np.ndarray, least: float = -20.0, jump: float = 4.0) -> list[Note]:
    """The notes of a spectrogram ``[64, 64]`` without a drawer: each frame as a sum of tones.

    Args:
        picture: the spectrogram.
        least: dB; a tone that is less loud is none.
        jump: dB by which a tone that is struck again gets louder.
    """
    power = np.where(picture > 0, 10 ** ((picture / 255.0 - 1) * RANGE / 10), 0)
    tones = np.stack([nnls(_templates(), frame)[0] for frame in power.T], 1)  # [keys, frames]
    level, notes = 10 * np.log10(tones.clip(1e-9)), []
    for key, row in enumerate(level, LOWEST):
        on = row > least
        struck = on & (np.r_[True, ~on[:-1]] | (np.diff(row, prepend=-90) > jump))
        starts = np.flatnonzero(struck)
        for start, limit in zip(starts, [*starts[1:], 64], strict=False):
            length = int(np.argmin(np.r_[on[start:limit], False]))
            if length > 1:
                loudness, seconds = float(row[start : start + 3].max()), SECONDS / 64
                notes.append(Note(start * seconds, length * seconds, key, loudness))
    return sorted(notes)


def note_scores(found: Sequence[list[Note]], true: Sequence[list[Note]]) -> dict[str, float]:
    """Means of mir_eval's precision, recall and F1 of notes (onset within 50 ms, a quarter tone), and F1 with
    their ends (within a fifth of the note).
    """
    from mir_eval.transcription import precision_recall_f1_overlap

    rows = []
    for ours, theirs in zip(found, true, strict=False):
        times, pitches = zip(*(
            ([[n.start, n.start + n.length] for n in notes], frequency([n.pitch for n in notes]))
            for notes in (theirs, ours)
        ), strict=True)  # fmt: skip
        if not ours:
            rows.append((0.0, 0.0, 0.0, 0.0))
            continue
        (a, b), (p, q) = map(np.array, times), pitches
        precision, recall, f1, _ = precision_recall_f1_overlap(a, p, b, q, offset_ratio=None)
        rows.append((precision, recall, f1, precision_recall_f1_overlap(a, p, b, q)[2]))
    names = ("note_precision", "note_recall", "note_f1", "note_f1_with_ends")
    return dict(zip(names, np.mean(rows, 0).tolist(), strict=True))


TARGETS["melodies"] = load_melodies
register("NoteCanvas-v0", NoteRenderer, targets="melodies")
RECIPE = Recipe(
    "melody", env="examples.melody:NoteCanvas-v0", targets="melodies", strokes=16,
    canvas=CanvasOptions(dots=96, refit=False), loss=LossOptions(blur_until=0.3), price=2.0,
    drawer=DrawerOptions(width=128, hidden=128, side=40, reach=40.0),
    train=TrainOptions(pictures=200_000, fewest=4),
)  # fmt: skip
