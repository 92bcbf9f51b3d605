"""dictionary.toml, read and checked whole: what is extracted of each report, study, cohort and patient.

It stands beside protocol.toml and belongs to the review: sheets, forms and checks of values are made from it, so a new
field needs no code.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from db.errors import ProtocolError
from db.specs import AtMostRule, DictionarySpec, FieldLevel, FieldSpec, FieldType, RequiresRule, SumRule
from lsr.toml_lines import line_of

FILE = "dictionary.toml"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Section(_Strict):
    id: Name
    label: str
    on_request: bool = False


class _Field(_Strict):
    id: Name
    section: str
    level: FieldLevel
    type: FieldType
    label: str = Field(min_length=1)
    values: list[str] = []
    unit: str = ""
    rows: str = ""
    standard: str = ""
    compare: Literal["exact", "any"] = "exact"
    tolerance: float = Field(default=0.0, ge=0)


class _AtMost(_Strict):
    part: str
    whole: str


class _Sum(_Strict):
    fields: list[str] = Field(min_length=1)


class _Requires(_Strict):
    field: str
    value: str
    needs: str


class _Dictionary(_Strict):
    version: str
    section: list[_Section]
    field: list[_Field]
    at_most: list[_AtMost] = []
    sum: list[_Sum] = []
    requires: list[_Requires] = []


def read_dictionary(folder: Path) -> DictionarySpec | None:
    """The dictionary in `folder`, None if it has none. ProtocolError names every fault with its key and line."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(str(path), [f"cannot be read as UTF-8 text ({error})"]) from error
    return parse_dictionary(text, str(path))


def parse_dictionary(text: str, path: str = FILE) -> DictionarySpec:
    """Check and type a dictionary's text. ProtocolError names every fault with its key and line."""
    try:
        found = _Dictionary.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(path, [f"not valid TOML: {error}"]) from None
    except ValidationError as error:
        raise ProtocolError(path, [_fault(text, fault["loc"], fault["msg"]) for fault in error.errors()]) from None
    if faults := _contradictions(text, found):
        raise ProtocolError(path, faults)
    return DictionarySpec(
        found.version,
        {section.id: section.label for section in found.section},
        frozenset(section.id for section in found.section if section.on_request),
        tuple(
            FieldSpec(f.id, f.section, f.level, f.type, f.label, tuple(f.values), f.unit, _rows(f), f.standard,
                      f.compare == "any", f.tolerance)
            for f in found.field
        ),
        text,
        tuple(AtMostRule(rule.part, rule.whole) for rule in found.at_most),
        tuple(SumRule(tuple(rule.fields)) for rule in found.sum),
        tuple(RequiresRule(rule.field, rule.value, rule.needs) for rule in found.requires),
    )  # fmt: skip


def _rows(field: _Field) -> str:
    """A patient's fields have a row for each patient without saying so."""
    return field.rows or ("patient" if field.level == "patient" else "")


def _contradictions(text: str, found: _Dictionary) -> list[str]:
    faults = []
    sections = [section.id for section in found.section]
    fields = [field.id for field in found.field]
    for kind, names in (("section", sections), ("field", fields)):
        for i, name in enumerate(names):
            if name in names[:i]:
                faults.append(_fault(text, (kind, i, "id"), f"{name!r} is there twice"))
    for i, field in enumerate(found.field):
        if field.section not in sections:
            faults.append(_fault(text, ("field", i, "section"), f"no [[section]] has id {field.section!r}"))
        if (field.type in ("choice", "choices")) != bool(field.values):
            words = "needs its values" if not field.values else f"a {field.type} has no values: make it a choice"
            faults.append(_fault(text, ("field", i, "values"), f"{field.id}: {words}"))
        if len({value.casefold() for value in field.values}) < len(field.values):
            faults.append(_fault(text, ("field", i, "values"), f"{field.id}: a value is there twice"))
        if any(";" in value or not value.strip() for value in field.values):
            faults.append(_fault(text, ("field", i, "values"), f"{field.id}: a value is empty or holds a semicolon"))
        if field.tolerance and field.type != "decimal":
            faults.append(_fault(text, ("field", i, "tolerance"), f"{field.id}: only a decimal has a tolerance"))
    faults += [
        _fault(text, where, f"no [[field]] has id {name!r}")
        for where, name in _named_fields(found)
        if name not in fields
    ]
    return faults


def _named_fields(found: _Dictionary) -> list[tuple[tuple[int | str, ...], str]]:
    """(where, field) of every field that a rule names."""
    sums = [(("sum", i, "fields"), name) for i, rule in enumerate(found.sum) for name in rule.fields]
    needs = [(("requires", i, "field"), rule.field) for i, rule in enumerate(found.requires)]
    needs += [(("requires", i, "needs"), rule.needs) for i, rule in enumerate(found.requires)]
    return [*sums, *needs]


def _fault(text: str, where: tuple[int | str, ...], message: str) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
    return f"{key} (line {line_of(text, where)}): {message.removeprefix('Value error, ')}"
