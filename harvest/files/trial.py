"""What a register prints of a trial, as fields of a record."""

from __future__ import annotations

from typing import Final

_SAID: Final = (("condition", "Condition"), ("intervention", "Intervention"))


def as_trial(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    """A register's entry with the fields of a publication: a title, something to screen by, a date.

    The title is the public one, else the scientific one. The abstract is the register's summary, else condition and
    intervention as printed, with their labels. The date is that of registration.
    """
    made = dict(fields)
    if not any(text.strip() for text in fields.get("title", ())):
        made["title"] = fields.get("scientific_title", [])
    if not any(text.strip() for text in fields.get("abstract", ())):
        said = [f"{label}: {' '.join(text.split())}" for name, label in _SAID
                for text in fields.get(name, ())[:1] if text.strip()]  # fmt: skip
        made["abstract"] = ["\n".join(said)] if said else []
    made["date"] = fields.get("registered", [])
    made["year"] = []
    made["type"] = []
    return made
