"""Registration numbers: which are one trial's, and whether a report carries a study's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from curation.evidence.tally import Tally
from curation.evidence.weights import OTHER_TRIALS, SAME_TRIALS, SOME_TRIALS
from db.identifiers import registry_ids

_REGISTRY: Final = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)?")
# A European number is the same trial's second number by law, not another trial: every interventional trial of a drug in
# the Union has one beside its number in a public register.
_EUROPEAN: Final = ("EudraCT", "EUCT")


def registry_of(number: str) -> str:
    """The register that a normalised number is of: "NCT", "ChiCTR" (with "ChiCTR-OCB-…"), "JPRN-UMIN", "EudraCT"."""
    found = _REGISTRY.match(number)
    return "ChiCTR" if number.startswith("ChiCTR") else found.group() if found else number


class CrossRegistrations:
    """Numbers of several registers that are one trial, as a registration's secondary numbers say.

    Two numbers of one register are two trials (an extension names its parent), so no group holds two: a registration
    that would join them joins nothing.
    """

    def __init__(self, registrations: Mapping[str, Mapping[str, str]]) -> None:
        self._first: dict[str, str] = {}
        groups: dict[str, set[str]] = {}
        for trial in sorted(registrations):
            numbers = {trial, *registry_ids(registrations[trial].get("ids", ""))}
            joined = set().union(*(groups.get(number, {number}) for number in numbers))
            if len({registry_of(number) for number in joined}) < len(joined):
                continue
            groups |= dict.fromkeys(joined, joined)
        for number, group in groups.items():
            self._first[number] = min(group)

    def one(self, number: str) -> str:
        """The number by which the trial of `number` is known here."""
        return self._first.get(number, number)

    def trials(self, numbers: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """{trial: its numbers as given}; a European number beside a register's own is no further trial."""
        found: dict[str, list[str]] = defaultdict(list)
        for number in sorted(set(numbers)):
            found[self.one(number)].append(number)
        public = [trial for trial in found if registry_of(trial) not in _EUROPEAN]
        if len(public) == 1 and len(found) > 1:
            european = [trial for trial in found if trial not in public]
            if len(european) == 1:
                found[public[0]] += found.pop(european[0])
        return {trial: tuple(numbers) for trial, numbers in found.items()}


def weigh_trials(tally: Tally, ours: Mapping[str, tuple[str, ...]], theirs: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the report carries exactly the study's trials."""
    shared = sorted(_shared(ours, theirs))
    if not shared:
        if ours and theirs:
            tally.add(OTHER_TRIALS, f"other trials: {_printed(ours, ours)}")
        return False
    printed = _printed(shared, ours)
    if len(ours) == len(theirs) == len(shared):
        known = {number for trial in theirs for number in theirs[trial]}
        elsewhere = (
            "" if any(number in known for trial in shared for number in ours[trial]) else _printed(theirs, theirs)
        )
        tally.add(SAME_TRIALS, f"same trial {printed}" + (f", also registered as {elsewhere}" if elsewhere else ""))
        return True
    tally.add(SOME_TRIALS, f"shares trial {printed}; trials of the report {len(ours)}, of the study {len(theirs)}")
    return False


def all_numbers(trials: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Every number of `CrossRegistrations.trials`: as known here and as printed."""
    return {number for trial in trials for number in (trial, *trials[trial])}


def _shared(ours: Mapping[str, tuple[str, ...]], theirs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Our trials that are also theirs: by the trial, or by any number that both print."""
    numbers = all_numbers(theirs)
    return [trial for trial in ours if trial in numbers or numbers & set(ours[trial])]


def _printed(trials: Iterable[str], names: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(sorted(number for trial in trials for number in names[trial]))
