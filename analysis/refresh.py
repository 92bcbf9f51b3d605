"""Pooling by itself: when what it depends on changed, and only then.

The fingerprint is the SHA-256 of the canonical JSON of the rows, the model choices and METHOD. Estimates are kept by
fingerprint; an interrupted pooling is healed by the next command that asks.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from analysis.dataset import Dataset, datasets, plain_dataset
from db import data
from db.canonical import canonical, sha256
from db.review import Review
from db.specs import ProtocolSpec

# Raise it when the same rows may give other figures: another algorithm, another convention, a mended error.
METHOD = 3


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Where the pooling stands: `pooled` says whether it had to run."""

    fingerprint: str
    estimates: dict[str, Any]
    pooled: bool


def refresh(review: Review, spec: ProtocolSpec, *, force: bool = False) -> Refreshed:
    """Pool if the fingerprint is new (or `force`), else read back what was pooled."""
    connection = review.connection
    found = datasets(connection, spec)
    name = fingerprint(found, spec)
    stored = None if force else data.stored_estimates(connection, name)
    if stored is not None:
        return Refreshed(name, stored, False)
    from analysis.estimation import pool_all  # scipy: half a second that who reads back need not pay

    estimates: dict[str, Any] = json.loads(canonical(pool_all(found, spec)))  # as they are read back
    with review.transaction():
        data.store_estimates(connection, name, estimates)
    return Refreshed(name, estimates, True)


def fingerprint(found: list[Dataset], spec: ProtocolSpec) -> str:
    """SHA-256, in hex, of all that the pooling depends on."""
    subgroups = [asdict(subgroup) for subgroup in spec.subgroups]
    data_ = [plain_dataset(dataset) for dataset in found]
    return sha256(
        canonical({"method": METHOD, "synthesis": asdict(spec.synthesis), "subgroups": subgroups, "data": data_})
    )
