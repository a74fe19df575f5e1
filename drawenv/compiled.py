"""Functions compiled by numba, and kept on disk where that can be."""

from __future__ import annotations

from collections.abc import Callable

from numba import njit


def compiled(function: Callable | None = None, **options) -> Callable:
    """``numba.njit`` without the interpreter's lock. It is compiled anew in each process where neither the
    package's folder nor the user's cache can be written.
    """
    if function is None:
        return lambda function: compiled(function, **options)
    try:
        return njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no place for the cache
        return njit(nogil=True, **options)(function)
