"""protocol.toml, read and checked whole: every fault is named at once with its key and its line.

Sections hold two kinds of keys: those the program acts on, which are typed here, and prose for people, which is
free. An unknown key that looks like a misspelt one of the first kind is a fault, since it would be silently unread.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from rapidfuzz import fuzz, process

from db.canonical import canonical
from db.errors import ProtocolError
from db.identifiers import normalise_doi
from db.model import Stage
from db.specs import (
    KnownItemSpec,
    OutcomeSpec,
    OverlapSpec,
    PersonSpec,
    PressSpec,
    PreviousVersionSpec,
    ProtocolSpec,
    ReasonSpec,
    ScreeningSpec,
    ScreenSpec,
    SearchSpec,
    SourceSpec,
    SubgroupSpec,
    SynthesisSpec,
)
from lsr.keys import as_keys, check_keys
from lsr.protocol_schema import Outcome, Person, PreviousVersion, Protocol, Source
from lsr.toml_lines import line_of

FILE = "protocol.toml"
# One wrong letter in a key of four, or two changed places in one of five, still score this much; the template's prose
# keys score at most 50 against the typed keys that their tables lack.
MISSPELT = 75


def read_protocol(folder: Path) -> ProtocolSpec:
    """The protocol in `folder`. ProtocolError names every fault with its key and line."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ProtocolError(
            str(path), ["there is no such file: restore it, or make a review with `lsr init`"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(str(path), [f"cannot be read as UTF-8 text ({error})"]) from error
    return parse_protocol(text, str(path))


def parse_protocol(text: str, path: str = FILE) -> ProtocolSpec:
    """Check and type a protocol's text. ProtocolError names every fault with its key and line."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(path, [f"not valid TOML: {error}"]) from None
    faults: list[str] = []
    protocol: Protocol | None = None
    try:
        protocol = Protocol.model_validate(tree)
    except ValidationError as error:
        for fault in error.errors():
            where = tuple("schema" if part == "schema_" else part for part in fault["loc"])
            faults.append(_fault(text, where, fault["msg"].removeprefix("Value error, ")))
    faults += _misspelt(text, tree, Protocol, ())
    if protocol is not None:
        faults += _contradictions(text, tree, protocol)
    if faults or protocol is None:
        raise ProtocolError(path, faults)
    return _spec(protocol, tree, text)


def value_at(tree: Any, dotted: str) -> Any:
    """The value at a dotted key ("outcome.cr.denominator": lists are entered by id, code or name); KeyError if none."""
    for part in dotted.split("."):
        if isinstance(tree, list):
            tables = (item for item in tree if isinstance(item, dict))
            tree = next((item for item in tables if part in (item.get("id"), item.get("code"), item.get("name"))), None)
        else:
            tree = tree.get(part) if isinstance(tree, dict) else None
        if tree is None:
            raise KeyError(dotted)
    return tree


def changed_locks(old: ProtocolSpec, new: ProtocolSpec) -> list[str]:
    """Locked keys whose value changed, or that were unlocked, without a new [[amendment]] that names them.

    An amendment that was there before excuses nothing: it was for the change that it came with.
    """
    before = _amendments(old.text)
    excused = {amendment["item"] for amendment in _amendments(new.text) if amendment not in before}
    return [key for key, value in old.locked.items() if new.locked.get(key) != value and key not in excused]


def _amendments(text: str) -> list[dict[str, Any]]:
    amendments: list[dict[str, Any]] = tomllib.loads(text).get("amendment", [])
    return amendments


def _fault(text: str, where: tuple[Any, ...], message: str) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    return f"{key} (line {line_of(text, where)}): {message}"


def _misspelt(text: str, tree: Any, model: type[BaseModel], where: tuple[Any, ...]) -> list[str]:
    faults: list[str] = []
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, value in tree.items():
        if key not in known:
            likely = process.extractOne(
                key, [k for k in known if k not in tree], scorer=fuzz.ratio, score_cutoff=MISSPELT
            )
            if likely:
                faults.append(_fault(text, (*where, key), f"unknown key: did you mean {likely[0]!r}?"))
            continue
        inner = _model_of(known[key].annotation)
        if inner and isinstance(value, dict):
            faults += _misspelt(text, value, inner, (*where, key))
        elif inner and isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, dict):
                    faults += _misspelt(text, item, inner, (*where, key, i))
    return faults


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The section behind an annotation: itself, in a list, or optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_of(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model), None)


def _contradictions(text: str, tree: Any, protocol: Protocol) -> list[str]:
    faults: list[str] = []
    lists: tuple[tuple[tuple[str, ...], list[str]], ...] = (
        (("search", "source"), [s.id for s in protocol.search.source]),
        (("exclusion_reason",), [r.code for r in protocol.exclusion_reason]),
        (("outcome",), [o.id for o in protocol.outcome]),
        (("subgroup",), [s.id for s in protocol.subgroup]),
        (("review", "person"), [p.name for p in protocol.review.person]),
    )
    for where, names in lists:
        for i, name in enumerate(names):
            if name in names[:i]:
                faults.append(_fault(text, (*where, i), f"{name!r} is there twice"))
    for i, source in enumerate(protocol.search.source):
        if source.page_fetch == "on" and (missing := source.permission.missing()):
            words = f"pages may be fetched only with permission: fill permission.{', permission.'.join(missing)}"
            faults.append(_fault(text, ("search", "source", i, "page_fetch"), words))
    sources = [source.id for source in protocol.search.source]
    for i, item in enumerate(protocol.known_item):
        for name in item.expected_in:
            if name not in sources:
                faults.append(_fault(text, ("known_item", i, "expected_in"), f"no [[search.source]] has id {name!r}"))
    if wrong := check_keys(as_keys(protocol.screen.keys)):
        faults.append(_fault(text, ("screen", "keys"), wrong))
    for key in protocol.locked:
        try:
            value_at(tree, key)
        except KeyError:
            faults.append(_fault(text, ("locked",), f"locks {key!r}, which is not in this protocol"))
    return faults


def _spec(protocol: Protocol, tree: Any, text: str) -> ProtocolSpec:
    review, synthesis = protocol.review, protocol.synthesis
    missing = [f"review.{key}" for key in ("registration", "guarantor", "funding") if not getattr(review, key)]
    products = [name for source in protocol.search.source for name in source.named_products]
    return ProtocolSpec(
        id=review.id,
        title=review.title,
        registration=review.registration,
        demonstration=review.demonstration,
        previous=_previous(review.previous_version),
        persons=tuple(map(_person, review.person)),
        sources=tuple(_source(source, protocol.search.date_from) for source in protocol.search.source),
        reasons=tuple(ReasonSpec(r.code, _label(r.label, tree), _stages(r.stages)) for r in protocol.exclusion_reason),
        outcomes=tuple(_outcome(outcome) for outcome in protocol.outcome),
        screening=ScreeningSpec(
            protocol.screening.reviewers_per_item,
            protocol.screening.title_abstract_rule,
            protocol.screening.reasons_must_agree,
        ),
        synthesis=SynthesisSpec(
            synthesis.model,
            synthesis.ci / 100,
            synthesis.ci_method,
            synthesis.prediction,
            synthesis.min_studies,
            tuple(synthesis.sensitivity),
        ),
        extractors=protocol.extraction.extractors,
        numeric_tolerance=protocol.extraction.numeric_tolerance,
        release_needs=tuple(protocol.living.release_needs),
        named_products=tuple(dict.fromkeys(products)),
        required_to_publish=tuple(missing),
        search_stale_days=protocol.living.status_if_search_older_than_days,
        disclaimer=protocol.site.disclaimer,
        locked={key: canonical(value_at(tree, key)) for key in protocol.locked},
        text=text,
        search=_search(protocol),
        subgroups=tuple(SubgroupSpec(s.id, tuple(s.levels), s.level) for s in protocol.subgroup),
        overlap=OverlapSpec(protocol.overlap.keep, protocol.overlap.hold_from),
        reports_prefer=tuple(dict.fromkeys(protocol.reports.prefer)),
        screen=ScreenSpec(
            tuple(protocol.screen.include_terms),
            tuple(protocol.screen.exclude_terms),
            tuple(protocol.screen.criteria),
            as_keys(protocol.screen.keys),
        ),
    )


def _search(protocol: Protocol) -> SearchSpec:
    search = protocol.search
    return SearchSpec(
        max_jump=search.max_jump,
        press=PressSpec(search.press_reviewer, search.press_date, search.press_outcome),
        known_items=tuple(
            KnownItemSpec(tuple(item.expected_in), tuple(map(normalise_doi, item.dois)), tuple(item.pmids))
            for item in protocol.known_item
        ),
        amended=frozenset(amendment.item for amendment in protocol.amendment),
    )


# The first word of a cadence in days. A month and a year are counted at their longest: overdue means overdue.
_CADENCES = {"daily": 1, "weekly": 7, "fortnightly": 14, "monthly": 31, "quarterly": 92, "yearly": 366, "annually": 366}


def cadence_days(cadence: str) -> int:
    """How many days apart the searches are that a cadence names by its first word ("weekly", "30 days", "every 30
    days"); 0 if it names none. What follows ("and within 30 days after ASCO") is for people."""
    words = re.findall(r"\w+", cadence.lower())
    if words and words[0] in _CADENCES:
        return _CADENCES[words[0]]
    found = re.match(r"(?:every )?(\d{1,4}) days?\b", " ".join(words))
    return int(found[1]) if found else 0


def _person(person: Person) -> PersonSpec:
    return PersonSpec(
        person.name, tuple(person.roles), tuple(person.stages), person.since, person.until,
        tuple(person.author_names), tuple(person.involved_in_studies), tuple(person.namesake_in),
    )  # fmt: skip


def _previous(previous: PreviousVersion | None) -> PreviousVersionSpec | None:
    if previous is None:
        return None
    return PreviousVersionSpec(
        previous.doi,
        previous.registration,
        previous.studies,
        previous.reports,
        previous.patients,
        previous.search_to,
    )


def _label(label: str, tree: Any) -> str:
    """A reason's label with the criteria it names, such as {min_patients}, filled in from [eligibility]."""
    eligibility = tree.get("eligibility", {})
    return re.sub(r"\{(\w+)\}", lambda named: str(eligibility.get(named[1], named[0])), label)


def _stages(stages: list[Stage]) -> tuple[Stage, ...]:
    return tuple(stages)


def _outcome(outcome: Outcome) -> OutcomeSpec:
    return OutcomeSpec(
        outcome.id, outcome.label, outcome.measure, outcome.denominator, outcome.role,
        tuple(outcome.denominator_sensitivity),
    )  # fmt: skip


def _source(source: Source, date_from: str) -> SourceSpec:
    return SourceSpec(
        id=source.id,
        kind=source.kind,
        arm=source.prisma_arm.removeprefix("other:"),
        platform=source.platform,
        query=source.query,
        containers=tuple(source.containers),
        base_url=source.base_url,
        date_from=date_from,
        enabled=source.enabled,
        page_fetch=source.page_fetch == "on",
        cadence=source.cadence,
        limitation=source.limitation,
        every_days=source.every_days or cadence_days(source.cadence),
    )
