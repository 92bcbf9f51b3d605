"""Columns of numbers as callers give them, made arrays of one length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from db.errors import InputError

Floats = NDArray[np.float64]
MAX_COUNT = 2.0**53  # beyond it a whole number is no longer exact in floating point


def proportion_counts(events: ArrayLike, total: ArrayLike, *, least: int = 1) -> tuple[Floats, Floats]:
    """Events and totals as float arrays of one shape (each may be a single number).

    InputError for what is no number, shapes that do not fit, and counts that cannot be: 0 <= events <= total and
    `least` <= total must hold. Counts need not be whole: metafor takes such too.
    """
    try:
        x, n = np.broadcast_arrays(np.asarray(events, float), np.asarray(total, float))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"events and totals must be numbers, as many of one as of the other ({error})") from error
    sound = (x >= 0) & (x <= n) & (n >= least) & (n <= MAX_COUNT)
    if not sound.all():
        at = int(np.argmin(sound))
        raise InputError(
            f"study {at + 1}: {x.flat[at]:g} events of {n.flat[at]:g} patients cannot be;"
            f" events must lie between 0 and a total of at least {least}"
        )
    return x, n


def columns(*given: ArrayLike) -> tuple[Floats, ...]:
    """Float arrays of shape (k,), k >= 1; InputError for what is no number, or for columns of different length."""
    try:
        found = tuple(np.atleast_1d(np.asarray(column, float)) for column in given)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"a column holds what is no number ({error}); give numbers, one row a study") from error
    if len({column.shape for column in found}) > 1 or found[0].ndim > 1 or found[0].size == 0:
        raise InputError("the columns must have the same length: one row a study, at least one")
    return found
