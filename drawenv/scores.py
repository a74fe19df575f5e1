"""What scores of several runs on several tasks say together (Agarwal et al. 2021, "Deep Reinforcement
Learning at the Edge of the Statistical Precipice"): arrays, one of each task, with a number for each run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Scores = Sequence[np.ndarray]


def interquartile_mean(scores: np.ndarray | Scores) -> float:
    """The mean of all runs together, without the lowest and the highest quarter of them."""
    ordered = np.sort(np.concatenate([np.atleast_1d(runs) for runs in scores]))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def improvement(scores: Scores, others: Scores) -> float:
    """How likely a run is better than one of the others on the same task; a tie counts half.

    Raises:
        ValueError: they are not of as many tasks.
    """
    each = [
        np.mean(np.sign(np.subtract.outer(runs, theirs)) + 1) / 2
        for runs, theirs in zip(scores, others, strict=True)
    ]
    return float(np.mean(each))


def profile(scores: Scores, at: np.ndarray) -> np.ndarray:
    """The share of runs that score more than each of some numbers, the mean over tasks."""
    return np.mean([(np.asarray(runs)[:, None] > at).mean(0) for runs in scores], 0)


def bootstrap(
    scores: Scores, *others: Scores, statistic: Callable[..., float] = interquartile_mean,
    share: float = 0.95, n: int = 2_000,
) -> list[float]:  # fmt: skip
    """The interval of a statistic over ``n`` draws, of each task as many runs as it has (a stratified
    bootstrap); always the same draws.

    Args:
        scores: of each task.
        others: more that the statistic is of.
        statistic: of as many scores.
        share: of the draws that lie in the interval.
        n: draws.
    """
    rng = np.random.default_rng(0)
    drawn = [
        statistic(*([rng.choice(runs, len(runs)) for runs in tasks] for tasks in (scores, *others)))
        for _ in range(n)
    ]
    return np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2]).tolist()


def ratio(values: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    """How many times larger some positive numbers are than others, by geometric means, and the interval in
    which that lies with 95 % (Welch's t-test of the logarithms): ratio, low, high.
    """
    from scipy.stats import ttest_ind

    logs, other_logs = np.log(values), np.log(others)
    low, high = ttest_ind(logs, other_logs, equal_var=False).confidence_interval(0.95)
    return float(np.exp(logs.mean() - other_logs.mean())), float(np.exp(low)), float(np.exp(high))
