"""The same work on many things: in processes of this machine, or on a cluster under Ray.

A process that dies, whoever killed it, loses nothing: what it was at is begun again by another.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import Any

TRIES = 4  # with one thing, before it is blamed for the deaths
BLOCK = 16  # things that Ray gives to a process at a time

Work = Callable[[Any, Any], Any]
Make = Callable[[Any], Work]  # from options, in each process

_work: Work  # of a process of its own


def _start(make: Make, options: Any) -> None:
    global _work
    _work = make(options)


def _do(key: Hashable, value: Any) -> Any:
    return _work(key, value)


def died(key: Hashable) -> ValueError:
    """What is said of a thing that no process survives."""
    return ValueError(f"{key}: the process at it died {TRIES} times; out of memory?")


def in_processes(
    make: Make, options: Any, todo: Mapping[Any, Any], jobs: int
) -> Iterator[tuple[Any, Any | Exception]]:
    """Work on things in ``jobs`` processes; yields each with what became of it, as soon as it is done.

    Args:
        make: gives what works on a key and its value, from ``options``; all can be pickled.
        options: of the work.
        todo: the things by their keys.
        jobs: how many at a time.
    """
    # A pool for each process: when one dies it is known what it was at.
    context, own, pools = multiprocessing.get_context("spawn"), threading.local(), []

    def work(key: Hashable, value: Any) -> Any:
        for _ in range(TRIES):
            if not hasattr(own, "pool"):
                own.pool = ProcessPoolExecutor(1, context, _start, (make, options))
                pools.append(own.pool)
            try:
                return own.pool.submit(_do, key, value).result()
            except BrokenProcessPool:
                own.pool.shutdown(wait=False)
                del own.pool
        return died(key)

    with ThreadPoolExecutor(jobs) as threads:
        try:
            futures = {threads.submit(work, key, value): key for key, value in todo.items()}
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:  # also when the user stops it
            threads.shutdown(wait=False, cancel_futures=True)
            for pool in pools:
                pool.shutdown(wait=False, cancel_futures=True)


class _OnRay:
    """An actor of Ray Data's: works on things by their number."""

    def __init__(self, make: Make, options: Any, things: list[tuple[Any, Any]]):
        self.work, self.things = make(options), things

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"result": _Result(self.work(*self.things[row["item"]]))}


class _Result:
    """Whatever became of a thing, which Ray then takes for no column of its own."""

    def __init__(self, value: Any):
        self.value = value


def on_ray(
    make: Make, options: Any, todo: Mapping[Any, Any], jobs: int, address: str
) -> Iterator[tuple[Any, Any | Exception]]:
    """The same on a cluster, whose machines see the same files.

    Args:
        make: see ``in_processes``.
        options: likewise.
        todo: likewise.
        jobs: likewise.
        address: of the cluster, for instance ``ray://head:10001``; ``local`` starts one on this machine.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        ray: Any = import_module("ray")
        data: Any = import_module("ray.data")
    except ImportError:
        raise ValueError("--ray needs Ray: pip install 'ray[data]'") from None
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ValueError(f"no Ray cluster at {address!r}: {error}") from None
    try:
        context = data.DataContext.get_current()
        context.enable_progress_bars, context.max_errored_blocks = False, -1
        things = list(todo.items())

        def once(numbers: list[int], block: int) -> Iterator[tuple[int, Any]]:
            # Not data.range: where a process dies that never ends (Ray 2.60).
            blocks = data.from_items(numbers, override_num_blocks=-(-len(numbers) // block))
            rows = blocks.map(
                _OnRay, fn_constructor_args=(make, options, things), num_cpus=1, concurrency=jobs,
                max_restarts=-1, max_task_retries=TRIES - 1,
            ).iter_rows()  # fmt: skip
            yield from ((row["item"], row["result"].value) for row in rows)

        left, block, before = list(range(len(things))), BLOCK, None
        while left and left != before:  # what shared a block with a death is no cause of it: each once more
            before = left if block == 1 else None
            done = set()
            for number, value in once(left, block):
                done.add(number)
                yield things[number][0], value
            left, block = [number for number in left if number not in done], 1
        yield from ((key, died(key)) for key, _ in map(things.__getitem__, left))
    finally:
        ray.shutdown()
