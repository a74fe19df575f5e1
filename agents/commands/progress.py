"""A bar on a terminal; elsewhere, for instance in the log of a long training, a line every so often."""

from __future__ import annotations

import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY = 30.0  # s from one line to the next


class Bar(Progress):
    """Shows how far a task is, what it notes, and the time left, on standard error.

    Args:
        options: of ``rich.progress.Progress``.
    """

    def __init__(self, **options):
        super().__init__(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[note]}"), TimeElapsedColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), **options,
        )  # fmt: skip
        self._due = time.monotonic() + EVERY

    def update(self, task_id: TaskID, **changes) -> None:
        """See ``rich.progress.Progress.update``."""
        super().update(task_id, **changes)
        if self.disable or self.console.is_terminal or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        task = next(task for task in self.tasks if task.id == task_id)
        elapsed, left = (
            "?" if seconds is None else timedelta(seconds=round(seconds))
            for seconds in (task.elapsed, task.time_remaining)
        )
        line = f"{task.description}: {task.percentage:.1f} %, {task.fields['note']}, {elapsed}, {left} left"
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)
