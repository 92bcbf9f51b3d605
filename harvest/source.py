"""What a source is, what it brings home, and where sources are found.

A source is anything with this module-level shape: a function `search(spec, transport, progress) -> Harvest`, and, if
the source can tell what became of records it sent before, `refresh(spec, native_ids, transport, progress) -> Harvest`;
and, if it can tell which state of its database is searched, `database_build(spec, transport) -> str`.
The built-in ones are modules of this package. A third party adds one by an entry point of its own package:

    [project.entry-points."lsr.sources"]
    lilacs = "lsr_lilacs.search"

and a [[search.source]] with id = "lilacs" in the protocol. A built-in name cannot be taken over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Final, Protocol, cast

from db.errors import InputError
from db.model import Record
from db.specs import SourceSpec
from harvest.transport import Transport

GROUP: Final = "lsr.sources"
_BUILT_IN: Final = (
    metadata.EntryPoint("pubmed", "harvest.pubmed", GROUP),
    metadata.EntryPoint("crossref", "harvest.crossref", GROUP),
    metadata.EntryPoint("europepmc", "harvest.europepmc", GROUP),
    metadata.EntryPoint("ctgov", "harvest.ctgov", GROUP),
    metadata.EntryPoint("asco", "harvest.asco", GROUP),
)
_KEYS: Final = {"pubmed": "NCBI_API_KEY", "asco": "LSR_ASCO_API_KEY"}  # where the environment holds a source's key
_ONLY_WITH_KEY: Final = ("asco",)  # without a key a person searches it by hand

Progress = Callable[[int, int | None], None]
"""Called with what is done and the total, if known."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """All that one search brought: it is whole, or the search raised.

    `hits` is the number of records the source found; `native_ids` names each, seen before or not; `log` holds
    what PRISMA-S wants told (query as translated, warnings, counts), in order; `deleted` are ids the source
    has withdrawn.
    """

    hits: int
    native_ids: tuple[str, ...]
    records: tuple[Record, ...]
    log: tuple[tuple[str, str], ...]
    deleted: tuple[str, ...] = ()


class Source(Protocol):
    """A place that can be searched. Modules satisfy it."""

    def search(self, spec: SourceSpec, transport: Transport, progress: Progress) -> Harvest:
        """Everything the source has for `spec`; SourceError if it cannot be had whole."""
        ...


class Refreshes(Protocol):
    """A source that can be asked again for records by their ids. Modules satisfy it, beside Source."""

    def refresh(self, spec: SourceSpec, native_ids: Sequence[str], transport: Transport, progress: Progress) -> Harvest:
        """The present state of `native_ids`; those the source has withdrawn are in `deleted`.

        SourceError if one of them is neither sent nor withdrawn.
        """
        ...


Refresher = Callable[[SourceSpec, Sequence[str], Transport, Progress], Harvest]


def known_sources() -> tuple[str, ...]:
    """The names of all sources that can be searched, sorted; those that need a key, if the environment holds it."""
    keys = api_keys(os.environ)
    return tuple(sorted(name for name in _entry_points() if name not in _ONLY_WITH_KEY or name in keys))


def api_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """{source: its API key} of those that `environment` holds."""
    return {source: environment[name] for source, name in _KEYS.items() if environment.get(name)}


def get_source(name: str) -> Source:
    """The source named `name` (a SourceSpec's id); InputError with the known names if there is none."""
    found = _entry_points().get(name)
    if found is None:
        raise InputError(f"no source named {name!r} can be searched: known are {', '.join(known_sources())}")
    try:
        return cast(Source, found.load())
    except (ImportError, AttributeError) as error:
        raise InputError(f"the source {name!r} cannot be loaded from {found.value}: {error}") from error


def refresher(name: str) -> Refresher | None:
    """The `refresh` of the source named `name`; None if it has none. InputError if there is no such source."""
    found = getattr(get_source(name), "refresh", None)
    return cast(Refresher, found) if callable(found) else None


def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in (*metadata.entry_points(group=GROUP), *_BUILT_IN)}
