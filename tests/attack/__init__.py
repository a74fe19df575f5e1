"""Attacks on the project: each is tried many times, and gives what went wrong in each try.

``make attack`` makes them all, for about two hours on two cores; ``make test`` makes a few tries of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Attack = Callable[[int, int], Iterator[str | None]]  # tries, seed -> of each what went wrong, or None
ATTACKS: dict[str, tuple[Attack, int, int]] = {}  # by name, with how many tries are many, and how many few


def attack(many: int, few: int) -> Callable[[Attack], Attack]:
    """Make a function one of ``ATTACKS``."""

    def register(made: Attack) -> Attack:
        ATTACKS[made.__name__] = made, many, few
        return made

    return register


def load() -> dict[str, tuple[Attack, int, int]]:
    """All attacks."""
    from attack import environments, files, runs  # noqa: F401  they register themselves

    return ATTACKS
