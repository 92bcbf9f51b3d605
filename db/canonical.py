"""One text for one value: what is hashed, frozen or compared byte by byte is written by these functions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

# 10 significant digits: far below what a proportion means, far above what two BLAS builds disagree in.
DIGITS = 10


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, floats at 10 significant digits. ValueError on NaN and infinity.

    Half of a surrogate pair (a broken reply, an argument that is not UTF-8) is no character: it becomes "?".
    """
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def sha256(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if value == value else value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
