"""Pooling follows every write that may change it, before the command returns; and freezing what was pooled."""

from __future__ import annotations

from typing import Any

from analysis.prisma import flow, plain
from analysis.refresh import Refreshed
from analysis.refresh import refresh as pool_if_changed
from db import data
from db.errors import DecisionError, InputError
from db.ledger import heads
from db.queries import study_labels
from lsr.workflow.folder import Open


def refresh(opened: Open) -> Refreshed:
    """Pool if the fingerprint changed; else read back what was pooled."""
    return pool_if_changed(opened.review, opened.spec)


def frozen_now(opened: Open) -> dict[str, Any]:
    """The state that a version freezes: counts, included set, estimates with their data, fingerprint."""
    connection = opened.review.connection
    labels = study_labels(connection)
    included = data.included(connection)
    now = refresh(opened)
    return {
        "counts": plain(flow(connection)),
        "studies": sorted({labels.get(study, study) for study, _, _ in included}),
        "reports": sorted({report for _, report, _ in included}),
        "included": [[study, report] for study, report, _ in included],
        "estimates": now.estimates,
        "fingerprint": now.fingerprint,
    }


def publish(opened: Open, signed_by: list[str], reason: str, *, major: bool = False) -> data.Version:
    """Freeze a version. DecisionError unless all needed roles have signed and nothing required is empty; InputError
    without a reason."""
    review, spec = opened.review, opened.spec
    if not reason.strip():
        raise InputError("a version needs its reason: --reason WHY")
    _may_publish(opened, signed_by)
    with review.transaction():
        state = frozen_now(opened)
        known = data.versions(review.connection)
        if (
            known
            and known[-1].frozen["fingerprint"] == state["fingerprint"]
            and known[-1].frozen["reports"] == state["reports"]
        ):
            raise DecisionError(f"nothing changed since version {known[-1].number}: there is nothing to publish")
        number = next_number(known[-1].number if known else None, major=major)
        if known:
            from analysis.changes import estimate_changes, set_changes  # scipy, as in analysis.refresh

            before = known[-1].frozen
            changes = estimate_changes(before["estimates"], state["estimates"], spec)
            state["changes"] = {
                "since": known[-1].number,
                "sets": set_changes(before, state),
                "estimates": [{name: getattr(c, name) for name in c.__slots__} for c in changes],
            }
        body = {
            "number": number, "reason": reason, "heads": heads(review.connection), "frozen": state,
            "signed_by": signed_by, "demonstration": spec.demonstration,
        }  # fmt: skip
        review.append(signed_by[0], "version", body)
    return data.versions(review.connection)[-1]


def next_number(last: str | None, *, major: bool) -> str:
    """1.0, then 1.1, 1.2 …; a major version is 2.0."""
    if last is None:
        return "1.0"
    first, second = (int(part) for part in last.split("."))
    return f"{first + 1}.0" if major else f"{first}.{second + 1}"


def _may_publish(opened: Open, signed_by: list[str]) -> None:
    spec = opened.spec
    if spec.required_to_publish and not spec.demonstration:
        raise DecisionError(
            f"not published: the protocol leaves {', '.join(spec.required_to_publish)} empty: fill them in"
        )
    roles = {person.name: person.roles for person in spec.persons}
    for name in signed_by:
        if name not in roles:
            raise DecisionError(f"unknown person {name!r}: the protocol names {', '.join(roles) or 'nobody yet'}")
    signed = {role for name in signed_by for role in roles[name]}
    missing = [role for role in spec.release_needs if role not in signed]
    if missing or not signed_by:
        raise DecisionError(
            f"not published: a release needs the signature of a {' and a '.join(missing or ['person'])}"
        )
