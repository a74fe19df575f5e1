"""A recording in, its notes out as MIDI: a drawing on spectrograms. Or back, by the synthesiser.

python examples/transcribe.py song.wav -o song.mid
python examples/transcribe.py song.mid -o song.wav
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from scipy.io import wavfile
from scipy.signal import resample_poly

from agents import Drawer
from agents.commands.common import run
from examples.melody import LOUDER, LOWEST, RANGE, RATE, SECONDS, TIMBRE, Note, notes_of, sound, spectrogram


def transcribe(drawer, audio: np.ndarray, effort: int = 4) -> list[Note]:
    """The notes of a recording, float ``[samples]`` at ``RATE``, four seconds at a time."""
    piece, notes = round(SECONDS * RATE), []
    pieces = [audio[at : at + piece] for at in range(0, len(audio), piece)]
    levels = [spectrogram(np.pad(part, (0, piece - len(part)))) for part in pieces]
    for k, level in enumerate(levels):
        for note in notes_of(drawer.draw(level, effort, invert="no")):
            note = note._replace(start=note.start + k * SECONDS)
            before = [i for i, other in enumerate(notes) if other.pitch == note.pitch]
            if before and note.start - k * SECONDS < 0.1:
                last = notes[before[-1]]
                row = round(LOWEST + 63 - note.pitch)
                louder = int(level[row, 0]) - int(levels[k - 1][row, -1]) >= LOUDER
                if abs(last.start + last.length - note.start) < 0.1 and not louder:  # it goes on
                    notes[before[-1]] = last._replace(length=note.start + note.length - last.start)
                    continue
            notes.append(note)
    return sorted(notes)


def read(path: Path) -> np.ndarray:
    """A WAV file as one channel at ``RATE``, its loudest note at 0 dB.

    Raises:
        ValueError: it is none.
    """
    rate, audio = wavfile.read(path)
    whole = np.iinfo(audio.dtype).max if audio.dtype.kind == "i" else 1.0
    audio = audio.reshape(len(audio), -1).mean(1) / whole
    shared = math.gcd(rate, RATE)
    audio = resample_poly(audio, RATE // shared, rate // shared)
    loudest = max(np.abs(audio[at : at + RATE // 4]).max() for at in range(0, len(audio), RATE // 4))
    return audio / max(loudest, 1e-9) * (10 ** (-TIMBRE / 20)).sum()


def write_midi(notes: Sequence[Note], path: Path) -> None:
    """A MIDI file with 480 ticks a beat of half a second."""
    import mido

    events = [(n.start, "note_on", n) for n in notes] + [(n.start + n.length, "note_off", n) for n in notes]
    file, track, before = mido.MidiFile(), mido.MidiTrack(), 0
    for at, kind, note in sorted(events):
        now, velocity = round(at * 960), round(127 * (1 + note.loudness / RANGE))
        track.append(mido.Message(kind, note=round(note.pitch), velocity=velocity, time=now - before))
        before = now
    file.tracks.append(track)
    file.save(path)


def read_midi(path: Path) -> list[Note]:
    """The notes of a MIDI file."""
    import mido

    at, on, notes = 0.0, {}, []
    for message in mido.MidiFile(path):
        at += message.time
        if message.type in ("note_on", "note_off") and message.note in on:
            start, velocity = on.pop(message.note)
            notes.append(Note(start, at - start, message.note, RANGE * (velocity / 127 - 1)))
        if message.type == "note_on" and message.velocity:
            on[message.note] = at, message.velocity
    return sorted(notes)


@dataclass
class Arguments:
    """From a WAV file to a MIDI file, or back."""

    file: Annotated[Path, tyro.conf.Positional]
    """A recording (.wav), or notes (.mid)."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """A MIDI file for a recording; a WAV file for notes."""
    weights: Path = Path(__file__).parent / "weights/melody"
    """Folder of weights."""
    effort: int = 4
    """Rounds in which each note is found anew, the others in place."""


def main(arguments: Arguments) -> None:
    if arguments.file.suffix == ".mid":
        notes = read_midi(arguments.file)
        audio = sound(notes, max((n.start + n.length for n in notes), default=0) + 0.5)
        wavfile.write(arguments.out, RATE, (audio / max(np.abs(audio).max(), 1e-9) * 32_000).astype(np.int16))
    else:
        notes = transcribe(Drawer.from_pretrained(arguments.weights), read(arguments.file), arguments.effort)
        write_midi(notes, arguments.out)
    print(f"{arguments.file} -> {arguments.out} ({len(notes)} notes)")


if __name__ == "__main__":
    run(main, Arguments)
