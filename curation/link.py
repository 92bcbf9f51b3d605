"""Reports → studies: which reports describe one group of patients. Evidence, proposals; people decide.

A registry number is evidence, not proof: one report may cover several trials, and patients outside a trial are
reported under its number. So a link is made without asking only where the report carries exactly the study's
trials and nothing speaks against it; all else is proposed, with its reasons. Authors alone never link: one
group runs several trials, and one initial stands for many people.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from curation.normalise import Name, fold, name, same_person
from curation.samplesize import patients_in
from db.model import Link, LinkState, Record

# Weights of the evidence. A shared number outweighs all else together, because where a number is present, linking by
# it finds every companion (Cochrane's studification: sensitivity 100 % with an id, 50 % without); the others are
# ordered by how often they mislead within one field of research and set on the reports of tests/test_link.py.
SAME_TRIALS: Final = 1.0
SOME_TRIALS: Final = 0.6
OTHER_TRIALS: Final = -0.6
SHARED_AUTHORS: Final = 0.6  # times the share of the shorter list
SHARED_PRODUCT: Final = 0.4
SAME_CENTRE: Final = 0.1
SAME_NUMBER: Final = 0.15  # of patients
GROWN_NUMBER: Final = 0.05
SHRUNK_NUMBER: Final = -0.2
SAYS_SO: Final = 0.05  # "previously reported", "long-term follow-up"
PROPOSE_FROM: Final = 0.3

# Two people of one family name and initial are often found by chance; two such coincidences in one list are not.
FEWEST_SHARED_AUTHORS: Final = 2

_FOLLOW_UP: Final = re.compile(
    r"\bpreviously (?:reported|published|described)\b"
    r"|\b(?:long[- ]term|extended|updated) (?:follow[- ]up|results|analysis)\b"
    r"|\b(?:follow[- ]up|interim|final) (?:results|data|report|analysis)\b",
    re.IGNORECASE,
)
_COUNT: Final = r"(?:two|three|four|five|six|seven|eight|nine|ten|\d+)"
_POOLED: Final = re.compile(
    rf"\bpooled\b|\bcombined analysis\b|\bmeta-?analy|\bsystematic review\b"
    rf"|(?<!phase )\b{_COUNT} (?:\w+[- ]){{0,4}}(?:trials|studies)\b",
    re.IGNORECASE,
)
_INSTITUTION: Final = re.compile(r"hospital|universit|institut|cent(?:er|re)\b|clinic|college|school of")


@dataclass(frozen=True)
class StudyProfile:
    """A study as far as linking needs it; `patients` is the largest number reported so far."""

    id: str
    label: str
    registry_ids: tuple[str, ...]
    reports: tuple[Record, ...]
    patients: int | None


def propose_links(report: Record, studies: Sequence[StudyProfile], products: Sequence[str]) -> list[Link]:
    """`Linker(studies, products).propose(report)`, for one report."""
    return Linker(studies, products).propose(report)


class Linker:
    """Compares reports with studies; what is known of the studies is brought to comparable form once.

    `products` are the protocol's names and aliases of the intervention's products.
    """

    def __init__(self, studies: Sequence[StudyProfile], products: Sequence[str]) -> None:
        self._products = {key: product for product in products if (key := fold(product))}
        self._studies = [_known_study(study, self._products) for study in studies]
        self._studies_of_trial: dict[str, int] = defaultdict(int)
        for study in studies:
            for trial in set(study.registry_ids):
                self._studies_of_trial[trial] += 1
        known = [each for study in self._studies for report in study.reports for each in report.names]
        self._words = frozenset(word for each in known for word in (each.family, *each.words))
        spelled = (r"[\W_]*".join(map(re.escape, key.split())) for key in self._products)
        self._any_product = re.compile("|".join(spelled) or r"(?!)", re.IGNORECASE)

    def propose(self, report: Record) -> list[Link]:
        """Links of `report` with the studies that it may describe, best first; its own study is left out.

        State "linked" where it is sure, else "proposed" from a score of PROPOSE_FROM; nothing below. A report
        that could be linked with several studies is proposed for each.
        """
        if not self._worth_weighing(report):
            return []
        subject = _subject(report, self._products)
        links = [
            link
            for study in self._studies
            if report.id not in study.report_ids and (link := self._link(subject, study)) is not None
        ]
        return sorted(links, key=lambda link: (link.state != "linked", -link.score, link.study))

    def _worth_weighing(self, report: Record) -> bool:
        """Whether a link can reach PROPOSE_FROM at all: only a trial, shared authors or a product can carry it there.

        Nearly all of what a search finds fails here, at a tenth of the cost of weighing it.
        """
        if any(trial in self._studies_of_trial for trial in report.registry_ids):
            return True
        met = sum(not self._words.isdisjoint((each.family, *each.words)) for each in map(name, report.authors))
        return met >= FEWEST_SHARED_AUTHORS or bool(self._any_product.search(f"{report.title}\n{report.abstract}"))

    def _link(self, subject: _Subject, study: _Study) -> Link | None:
        weighed = _Evidence()
        same_trials = _weigh_trials(weighed, subject, study)
        agrees = _weigh_people(weighed, subject, study)
        agrees = _weigh_products(weighed, subject, study) or agrees
        sure = same_trials and agrees is not False
        if weighed.score <= 0:
            return None
        sure = _weigh_patients(weighed, subject, study) and sure
        if subject.pooled:
            weighed.note("it speaks of several trials or studies")
        if subject.follow_up:
            weighed.add(SAYS_SO, f'it says "{subject.follow_up}"')
        if any(self._studies_of_trial[trial] > 1 for trial in subject.trials):
            sure = False
            weighed.note("several studies carry its trial number")
        if weighed.score < PROPOSE_FROM:
            return None
        state: LinkState = "linked" if sure and not subject.pooled else "proposed"
        return Link(subject.report.id, study.profile.id, state, tuple(weighed.words), round(weighed.score, 3))


@dataclass
class _Evidence:
    score: float = 0.0
    words: list[str] = field(default_factory=list)

    def add(self, weight: float, text: str) -> None:
        self.score += weight
        self.words.append(text)

    def note(self, text: str) -> None:
        """Evidence that bars a link without asking but does not make the proposal less likely."""
        self.words.append(text)


@dataclass(frozen=True)
class _Subject:
    """A report in comparable form."""

    report: Record
    trials: frozenset[str]
    names: tuple[Name, ...]
    products: frozenset[str]
    centres: frozenset[str]
    patients: int | None
    pooled: bool
    follow_up: str


@dataclass(frozen=True)
class _Study:
    profile: StudyProfile
    trials: frozenset[str]
    reports: tuple[_Subject, ...]
    report_ids: frozenset[str]
    products: frozenset[str]
    centres: frozenset[str]
    patients: int | None
    latest: int | None  # year


def _subject(report: Record, products: dict[str, str]) -> _Subject:
    text = f"{report.title}\n{report.abstract}"
    words = f" {fold(text)} "
    follow_up = _FOLLOW_UP.search(text)
    return _Subject(
        report,
        frozenset(report.registry_ids),
        tuple(each for author in report.authors if (each := name(author)).initial),
        frozenset(product for key, product in products.items() if f" {key} " in words),
        frozenset(_centres(author.affiliation for author in report.authors)),
        patients_in(text),
        bool(_POOLED.search(text)),
        follow_up.group().lower() if follow_up else "",
    )


def _known_study(study: StudyProfile, products: dict[str, str]) -> _Study:
    reports = tuple(_subject(report, products) for report in study.reports)
    numbers = [each.patients for each in reports if each.patients is not None]
    return _Study(
        study,
        frozenset(study.registry_ids),
        reports,
        frozenset(report.id for report in study.reports),
        frozenset[str]().union(*(each.products for each in reports)),
        frozenset[str]().union(*(each.centres for each in reports)),
        study.patients if study.patients is not None else max(numbers, default=None),
        max((report.year for report in study.reports if report.year), default=None),
    )


def _weigh_trials(weighed: _Evidence, subject: _Subject, study: _Study) -> bool:
    """Whether the report carries exactly the study's trials."""
    shared = sorted(subject.trials & study.trials)
    if shared and subject.trials == study.trials:
        weighed.add(SAME_TRIALS, f"same trial {', '.join(shared)}")
        return True
    if shared:
        extent = f"trials of the report {len(subject.trials)}, of the study {len(study.trials)}"
        weighed.add(SOME_TRIALS, f"shares trial {', '.join(shared)}; {extent}")
    elif subject.trials and study.trials:
        weighed.add(OTHER_TRIALS, f"other trials: {', '.join(sorted(subject.trials))}")
    return False


def _weigh_people(weighed: _Evidence, subject: _Subject, study: _Study) -> bool | None:
    """Whether any author is shared (None: the authors of one side are unknown), and how many of a list."""
    best: tuple[float, list[str], int] = (0.0, [], 0)
    known = False
    for report in study.reports:
        shorter = min(len(subject.names), len(report.names))
        if not shorter:
            continue
        known = True
        shared = _shared_names(subject.names, report.names)
        best = max(best, (len(shared) / shorter, shared, shorter))
    share, names, shorter = best
    if len(names) >= FEWEST_SHARED_AUTHORS:
        weighed.add(SHARED_AUTHORS * share, f"{len(names)} of {shorter} authors shared: {', '.join(names)}")
    centres = sorted(subject.centres & study.centres)
    if centres:
        weighed.add(SAME_CENTRE, f"same centre: {centres[0]}")
    return bool(names) if known else None


def _shared_names(ours: Sequence[Name], theirs: Sequence[Name]) -> list[str]:
    by_word: dict[str, list[Name]] = defaultdict(list)
    for each in theirs:
        for word in {each.family, *each.words}:
            by_word[word].append(each)
    found = (
        one
        for one in ours
        if any(same_person(one, other) for word in {one.family, *one.words} for other in by_word.get(word, ()))
    )
    return sorted({f"{one.family.capitalize()} {one.initial.upper()}" for one in found})


def _weigh_products(weighed: _Evidence, subject: _Subject, study: _Study) -> bool:
    shared = sorted(subject.products & study.products)
    if shared:
        weighed.add(SHARED_PRODUCT, f"same product: {', '.join(shared)}")
    return bool(shared)


def _weigh_patients(weighed: _Evidence, subject: _Subject, study: _Study) -> bool:
    """Whether the numbers of patients allow one growing group; an earlier report may have fewer."""
    ours, theirs, year = subject.patients, study.patients, subject.report.year
    if ours is None or theirs is None:
        return True
    if ours == theirs:
        weighed.add(SAME_NUMBER, f"{ours} patients in both")
    elif ours > theirs:
        weighed.add(GROWN_NUMBER, f"patients grew from {theirs} to {ours}")
    elif year is not None and study.latest is not None and year < study.latest:
        weighed.add(GROWN_NUMBER, f"earlier report: {ours} patients, later {theirs}")
    else:
        weighed.add(SHRUNK_NUMBER, f"fewer patients: {ours} after {theirs}")
        return False
    return True


def _centres(affiliations: Iterable[str]) -> set[str]:
    """The institutions that affiliations name, folded: the parts between commas that hold such a word."""
    parts = {fold(part) for affiliation in affiliations for part in re.split(r"[,;]", affiliation) if part.strip()}
    return {part for part in parts if _INSTITUTION.search(part) and len(part.split()) > 1}
