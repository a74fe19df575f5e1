"""A few tries of each attack; ``make attack`` makes many."""

import pytest

from attack import load

ATTACKS = load()


@pytest.mark.filterwarnings("ignore:Overriding environment")
@pytest.mark.parametrize("name", [name for name, (_, _, few) in ATTACKS.items() if few])
def test_attack(name):
    made, _, few = ATTACKS[name]
    results = list(made(few, 0))
    assert len(results) >= few and not (wrong := [x for x in results if x]), wrong[:5]
