import numpy as np
import pytest

from drawenv import ActionSpec, BezierRenderer, Parameter

SPEC = BezierRenderer(None).action_spec


def test_physical_range_is_the_documented_one():
    low, high = SPEC.to_physical(-np.ones(7)), SPEC.to_physical(np.ones(7))
    np.testing.assert_allclose(low, [-4, -4, -16, -16, -4, -4, 0.5])
    np.testing.assert_allclose(high, [68, 68, 80, 80, 68, 68, 8])


def test_round_trip(rng):
    actions = rng.uniform(-1, 1, (50, 7)).astype(np.float32)
    np.testing.assert_allclose(SPEC.to_action(SPEC.to_physical(actions)), actions, atol=1e-6)


def test_samples_are_legal_and_hold_small_marks(rng):
    actions = SPEC.sample(2000, rng)
    assert actions.dtype == np.float32 and np.abs(actions).max() <= 1
    physical = SPEC.to_physical(actions)
    length = np.hypot(physical[:, 4] - physical[:, 0], physical[:, 5] - physical[:, 1])
    assert 0.1 < (length < 8).mean() < 0.6


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (np.zeros(6, np.float32), ValueError, r"shape \(7,\).*thickness.*\(6,\)"),
        (np.zeros((2, 7), np.float32), ValueError, "shape"),
        ([0, 0, 0, 1.5, 0, 0, 0], ValueError, r"y1 must be in \[-1, 1\], got 1.5"),
        ([0, 0, np.nan, 0, 0, 0, 0], ValueError, "x1 must be in .* got nan"),
        (["a"] * 7, TypeError, "dtype"),
        (np.zeros(7, complex), TypeError, "complex"),
    ],
)
def test_bad_actions_are_named(action, error, words):
    with pytest.raises(error, match=words):
        SPEC.check(action)


def test_bad_action_of_a_batch_is_named():
    actions = np.zeros((3, 7), np.float32)
    actions[2, 6] = -2
    with pytest.raises(ValueError, match=r"thickness of action 2 .* -2"):
        SPEC.check(actions, batch=3)


def test_spec_of_one_parameter_has_a_box():
    box = ActionSpec(Parameter("angle", 0, 90, "degrees")).box
    assert box.shape == (1,) and box.dtype == np.float32
