"""The rows of the paper's tables, and of one it lacks, as recipes.

Each row can be trained alone: ``scripts/train_drawer.py agents.ablations:table1_no_lstm``. Rows of a
table see equally many pictures, all from nothing; ``scripts/reproduce.py`` trains and prints them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from agents.recipes import get_recipe

_DIGITS = replace(get_recipe("mnist-4"), pictures=150_000)
table1_4_strokes = replace(_DIGITS, name="table1_4_strokes")
table1_no_lstm = replace(_DIGITS, name="table1_no_lstm", drawer={**_DIGITS.drawer, "lstm": False})
table1_20_strokes = replace(
    get_recipe("mnist-20"), name="table1_20_strokes", start_from=None, pictures=_DIGITS.pictures
)

_WINDOWS = replace(get_recipe("sketch-10"), pictures=40_000, levels=[[1, 0.2]])
table2_10_strokes = replace(_WINDOWS, name="table2_10_strokes")
table2_4_strokes = replace(_WINDOWS, name="table2_4_strokes", strokes=4)
table2_no_lstm = replace(_WINDOWS, name="table2_no_lstm", drawer={**_WINDOWS.drawer, "lstm": False})
table2_no_overlap = replace(_WINDOWS, name="table2_no_overlap", stride=_WINDOWS.size)
table2_one_thickness = replace(
    _WINDOWS, name="table2_one_thickness", env_id="BezierCanvas-v0", env_options={"thickness": 2.5}
)

_SHORT = replace(_DIGITS, pictures=60_000)
through_learned = replace(_SHORT, name="through_learned")
through_refitted = replace(_SHORT, name="through_refitted", refit=True)
through_straight = replace(_SHORT, name="through_straight", real_from=0.0)
through_exact = replace(_SHORT, name="through_exact", exact=True)

_ROUGH = replace(_SHORT, canvas={"dots": 10})
rough_learned = replace(_ROUGH, name="rough_learned")
rough_refitted = replace(_ROUGH, name="rough_refitted", refit=True)
rough_straight = replace(_ROUGH, name="rough_straight", real_from=0.0)


class Row(NamedTuple):
    """A row of a table: what it is, its recipe's name in this module, and what the paper prints."""

    label: str
    recipe: str
    paper: float | None = None


TABLES: dict[str, list[Row]] = {
    "table1": [
        Row("4 strokes", "table1_4_strokes", 0.0088),
        Row("4 strokes, no LSTM", "table1_no_lstm"),
        Row("20 strokes", "table1_20_strokes", 0.0040),
    ],
    "table2": [
        Row("10 strokes a window", "table2_10_strokes", 0.0265),
        Row("4 strokes a window", "table2_4_strokes"),
        Row("no LSTM", "table2_no_lstm"),
        Row("no overlap", "table2_no_overlap"),
        Row("one thickness", "table2_one_thickness"),
    ],
    "ablation": [
        Row("through the learned C", "through_learned"),
        Row("C refitted on the drawer's own strokes", "through_refitted"),
        Row("straight-through: values from R", "through_straight"),
        Row("through the exact rasteriser", "through_exact"),
        Row("through a rough C, of 10 dots", "rough_learned"),
        Row("rough C, refitted", "rough_refitted"),
        Row("rough C, straight-through", "rough_straight"),
    ],
}
