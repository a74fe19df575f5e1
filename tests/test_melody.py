"""Music as drawing: the renderer's spectrograms are those of its sound, and notes come back as MIDI."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import Drawer
from drawenv import Drawing
from examples import transcribe
from examples.melody import (
    RATE,
    SECONDS,
    Note,
    NoteRenderer,
    actions_of,
    by_templates,
    melody,
    note_scores,
    notes_of,
    sound,
    spectrogram,
)  # fmt: skip

RENDERER = NoteRenderer()
ROOT = Path(__file__).parent.parent


def drawing(notes):
    return Drawing(RENDERER.action_spec.to_action(actions_of(notes)).clip(-1, 1), RENDERER)


def test_melodies_sound_as_they_are_drawn(rng):
    melodies = [melody(rng) for _ in range(10)]
    heard = [spectrogram(sound(notes, seed=seed)).astype(float) for seed, notes in enumerate(melodies)]
    drawn = np.stack([drawing(notes).render() for notes in melodies])
    assert np.square(drawn - heard).sum() / np.square(heard).sum() < 0.05
    assert note_scores(melodies, melodies)["note_f1_with_ends"] == 1
    assert note_scores([[]] * 10, melodies)["note_f1"] == 0
    assert note_scores([by_templates(picture) for picture in heard], melodies)["note_f1"] > 0.8


def test_notes_are_their_drawing(rng):
    notes = melody(rng)
    for note, again in zip(notes, notes_of(drawing(notes)), strict=True):
        assert again == pytest.approx(note, abs=1e-3)
    assert notes_of(drawing([Note(1.0, 0.0, 60, -3.0)])) == []


def test_notes_struck_again_are_two():
    """As one they are drawn; the recording tells."""
    again = [Note(0.5, 0.45, 60, -3.0), Note(1.0, 0.45, 60, -3.0), Note(1.0, 0.45, 72, -6.0)]
    whole = drawing([Note(0.5, 0.95, 60, -3.0), Note(1.0, 0.45, 72, -6.0)])
    assert len(notes_of(whole)) == 2
    found = notes_of(replace(whole, picture=spectrogram(sound(again))))
    assert [note.pitch for note in found] == [60, 60, 72]
    np.testing.assert_allclose([note.start for note in found], [0.5, 1.0, 1.0], atol=0.05)
    lower = [Note(0.5, 0.95, 72, -6.0), Note(1.0, 0.45, 60, -3.0)]  # its overtone makes the other louder
    assert len(notes_of(replace(drawing(lower), picture=spectrogram(sound(lower))))) == 2


def test_weights_transcribe(rng):
    """Those in the repository, sounds of notes that they never met."""
    drawer, melodies = (
        Drawer.from_pretrained(ROOT / "examples/weights/melody"),
        [melody(rng) for _ in range(12)],
    )
    found = [transcribe.transcribe(drawer, sound(notes, seed=seed)) for seed, notes in enumerate(melodies)]
    assert note_scores(found, melodies)["note_f1"] > 0.8


class Listener:
    """In a drawer's place."""

    def draw(self, picture, effort, invert):
        return drawing(by_templates(picture, least=-12.0))


def test_recordings_and_midi(tmp_path, monkeypatch, capsys):
    """To MIDI and back; a note that sounds on over a border of four seconds is one."""
    notes = [
        Note(0.5, 1.0, 60, -3.0),
        Note(1.5, 1.0, 64, -6.0),
        Note(3.4, 1.5, 67, -3.0),
        Note(5, 0.5, 60, -3.0),
    ]
    transcribe.write_midi(notes, tmp_path / "a.mid")
    for note, again in zip(notes, transcribe.read_midi(tmp_path / "a.mid"), strict=True):
        assert again == pytest.approx(note, abs=0.5) and again.start == pytest.approx(note.start, abs=0.01)
    transcribe.main(transcribe.Arguments(tmp_path / "a.mid", tmp_path / "a.wav"))
    audio = transcribe.read(tmp_path / "a.wav")
    assert len(audio) == pytest.approx(6 * RATE, abs=10)
    heard = spectrogram(audio[: round(SECONDS * RATE)])
    assert np.abs(heard - spectrogram(sound(notes, 6.0)[: round(SECONDS * RATE)]).astype(float)).mean() < 8
    monkeypatch.setattr(transcribe.Drawer, "from_pretrained", lambda _: Listener())
    transcribe.main(transcribe.Arguments(tmp_path / "a.wav", tmp_path / "b.mid"))
    assert "(4 notes)" in capsys.readouterr().out
    found = transcribe.read_midi(tmp_path / "b.mid")
    assert [note.pitch for note in found] == [60, 64, 67, 60]
    assert [note.start for note in found] == pytest.approx([0.5, 1.5, 3.4, 5.0], abs=0.07)
