"""The rows of the paper's tables, and of one it lacks, as recipes.

Each row can be trained alone: ``scripts/train_drawer.py agents.ablations:table1_no_lstm``. Rows of a
table get equally many pictures, all from nothing; ``scripts/reproduce.py`` trains and prints them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from .recipes import Recipe, get_recipe


def _changed(recipe: Recipe, name: str, pictures: int | None = None, **changes) -> Recipe:
    """A recipe with some of its fields and of its groups' fields changed: ``drawer={"lstm": False}``."""
    if pictures:  # few, hence in small batches at high rates; the networks of the paper, and nothing else
        rates = {"batch": 64, "lr": 1e-3, "matrix_lr": 0.02, "corrections": 0}
        changes["train"] = {**changes.get("train", {}), "pictures": pictures, **rates}
    for group, values in changes.items():
        if isinstance(values, dict):
            changes[group] = replace(getattr(recipe, group), **values)
    return replace(recipe, name=name, **changes)


_DIGITS = get_recipe("mnist-4")
table1_4_strokes = _changed(_DIGITS, "table1_4_strokes", 150_000)
table1_no_lstm = _changed(_DIGITS, "table1_no_lstm", 150_000, drawer={"lstm": False})
table1_20_strokes = _changed(
    get_recipe("mnist-20"), "table1_20_strokes", 150_000, train={"fewest": None}, data={"augment": 0.0}
)

_WINDOWS = _changed(
    get_recipe("sketch-10"), "windows", 40_000, weights=None, levels=((1, 0.2),), train={"fewest": None}
)
table2_10_strokes = _changed(_WINDOWS, "table2_10_strokes")
table2_4_strokes = _changed(_WINDOWS, "table2_4_strokes", strokes=4)
table2_no_lstm = _changed(_WINDOWS, "table2_no_lstm", drawer={"lstm": False})
table2_no_overlap = _changed(_WINDOWS, "table2_no_overlap", stride=_WINDOWS.size)
table2_one_thickness = replace(
    _WINDOWS, name="table2_one_thickness", env="BezierCanvas-v0", env_options={"thickness": 2.5}
)

_SHORT = _changed(_DIGITS, "short", 60_000)
through_learned = _changed(_SHORT, "through_learned")
through_refitted = _changed(_SHORT, "through_refitted", canvas={"refit": True})
through_straight = _changed(_SHORT, "through_straight", train={"through": "straight"})
through_exact = _changed(_SHORT, "through_exact", train={"through": "exact"})

_ROUGH = _changed(_SHORT, "rough", canvas={"dots": 10})
rough_learned = _changed(_ROUGH, "rough_learned")
rough_refitted = _changed(_ROUGH, "rough_refitted", canvas={"refit": True})
rough_straight = _changed(_ROUGH, "rough_straight", train={"through": "straight"})

# What model-free learners are compared on: few strokes, and C is not fitted on while the drawer trains, so
# that its calls of the renderer are those of its fit.
_FEW = {"canvas": {"steps": 2_000, "refit": False}, "price": 0.0}
bench_symbols = _changed(_DIGITS, "bench_symbols", 30_000, targets="symbols", **_FEW)
bench_digits = _changed(_DIGITS, "bench_digits", 30_000, **_FEW)
bench_frames = _changed(get_recipe("hollow"), "bench_frames", 30_000, **_FEW)
bench_boxes = _changed(
    get_recipe("prism"), "bench_boxes", 30_000, targets="prisms-1", strokes=1, drawer={"gate": False},
    train={"fewest": None}, **_FEW,
)  # fmt: skip


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        label: what it is.
        recipe: its name in this module.
        paper: the "pixelwise loss (L2)" that the paper prints, in a unit that it does not define.
    """

    label: str
    recipe: str
    paper: float | None = None


TABLES: dict[str, list[Row]] = {
    "table1": [
        Row("4 strokes, LSTM", "table1_4_strokes", 2306.02),
        Row("4 strokes, no LSTM", "table1_no_lstm", 2601.47),
        Row("20 strokes, LSTM", "table1_20_strokes", 1048.94),
    ],
    "table2": [
        Row("10 strokes, LSTM", "table2_10_strokes", 6953.90),
        Row("4 strokes, LSTM", "table2_4_strokes", 7460.81),
        Row("10 strokes, no LSTM", "table2_no_lstm", 10625.42),
        Row("10 strokes, no overlap", "table2_no_overlap", 9667.84),
        Row("10 strokes, one thickness", "table2_one_thickness", 18069.64),
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
    "gradients": [  # three rows of the ablation, with the seeds that it takes to say that nothing differs
        Row("through the learned C", "through_learned"),
        Row("straight-through: values from R", "through_straight"),
        Row("through the exact rasteriser", "through_exact"),
    ],
}
