"""Columns of numbers as callers give them, made arrays of one length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from db.errors import InputError

Floats = NDArray[np.float64]


def columns(*given: ArrayLike) -> tuple[Floats, ...]:
    """Float arrays of shape (k,), k >= 1; InputError for what is no number, or for columns of different length."""
    try:
        found = tuple(np.atleast_1d(np.asarray(column, float)) for column in given)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"a column holds what is no number ({error}); give numbers, one row a study") from error
    if len({column.shape for column in found}) > 1 or found[0].ndim > 1 or found[0].size == 0:
        raise InputError("the columns must have the same length: one row a study, at least one")
    return found
