"""Reports → studies: which reports describe one group of patients. Evidence, proposals; people decide.

A registry number is evidence, not proof: one report may cover several trials, and patients outside a trial are
reported under its number. So a link is made without asking only where the report carries exactly the study's
trials and nothing speaks against it; all else is proposed, with its reasons. Authors alone never link: one
group runs several trials, and one initial stands for many people.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from curation.evidence.intervention import codes_in, weigh_diseases, weigh_doses, weigh_products, weigh_sources
from curation.evidence.known import KnownStudy, Registrations, StudyProfile, Subject, known_study, subject_of
from curation.evidence.patients import weigh_numbers, weigh_registration, weigh_times
from curation.evidence.people import weigh_people, weigh_places
from curation.evidence.statements import cited_in, names_of, weigh_citations, weigh_follow_up
from curation.evidence.tally import Tally
from curation.evidence.titles import TitleWeights, title_terms, weigh_titles
from curation.evidence.trials import CrossRegistrations, all_numbers, weigh_trials
from curation.evidence.weights import (
    FEW_STUDIES,
    FEWEST_SHARED_AUTHORS,
    NO_REPORT,
    PROPOSE_FROM,
    REGISTER_CITES,
    SOME_TRIALS,
    TITLE_FROM,
)
from curation.normalise import fold, name
from db.model import Link, LinkState, Record

__all__ = ["PROPOSE_FROM", "Linker", "StudyProfile", "propose_links"]
NO_REGISTRATIONS: Final[Registrations] = {}


def propose_links(
    report: Record,
    studies: Sequence[StudyProfile],
    products: Sequence[str],
    registrations: Registrations = NO_REGISTRATIONS,
) -> list[Link]:
    """`Linker(studies, products, registrations).propose(report)`, for one report."""
    return Linker(studies, products, registrations).propose(report)


class Linker:
    """Compares reports with studies; what is known of the studies is brought to comparable form once.

    `products` are the protocol's names and aliases of the intervention's products; `registrations` are what registers
    print of trials (`db.registrations.registrations`): other numbers, start, enrolment, places, products, citations.
    """

    def __init__(
        self,
        studies: Sequence[StudyProfile],
        products: Sequence[str],
        registrations: Registrations = NO_REGISTRATIONS,
    ) -> None:
        self._products = {key: product for product in products if (key := fold(product))}
        self._crossed = CrossRegistrations(registrations)
        self._studies = [known_study(study, self._products, self._crossed, registrations) for study in studies]
        self._titles = TitleWeights([[each.title for each in study.reports] for study in self._studies])
        self._code_count = Counter(code for study in self._studies for code in study.codes)
        self._index = _Index(self._studies)
        spelled = (r"[\W_]*".join(map(re.escape, key.split())) for key in self._products)
        self._any_product = re.compile("|".join(spelled) or r"(?!)", re.IGNORECASE)

    def propose(self, report: Record) -> list[Link]:
        """Links of `report` with the studies that it may describe, best first; its own study is left out.

        State "linked" where it is sure, else "proposed" from a score of PROPOSE_FROM; nothing below. A report
        that could be linked with several studies is proposed for each. `weighed` has each piece of evidence with its
        weight, below 0 where it speaks against; `evidence` has the words alone.
        """
        near = self._near(report)
        if not near:
            return []
        subject = subject_of(report, self._products, self._crossed)
        links = [
            link
            for place in sorted(near)
            if report.id not in self._studies[place].report_ids
            and (link := self._link(subject, self._studies[place])) is not None
        ]
        sure = sum(link.state == "linked" for link in links)
        if sure > 1:
            links = [replace(link, state="proposed") for link in links]
        elif sure:  # a report that has its study is proposed for another by its trials or its own words alone
            links = [link for link in links if link.state == "linked" or link.score >= SOME_TRIALS]
        return sorted(links, key=lambda link: (link.state != "linked", -link.score, link.study))

    def _near(self, report: Record) -> set[int]:
        """The studies that it can be proposed for: a trial, authors, product, code, citation or title in common.

        Nearly all of what a search finds is near none, at a tenth of the cost of weighing it.
        """
        near = self._index.by_key(self._keys(report))
        people = Counter(
            place for each in map(name, report.authors) for place in self._index.by_word(each.family, each.words)
        )
        fewest = min(FEWEST_SHARED_AUTHORS, len(report.authors))
        near |= {place for place, met in people.items() if met >= fewest}
        terms = title_terms(report.title)
        near |= {
            place
            for place in self._index.by_title(terms)
            if any(self._titles.likeness(terms, each.title) >= TITLE_FROM for each in self._studies[place].reports)
        }
        text = f"{report.title}\n{report.abstract}"
        if self._any_product.search(text):
            words = f" {fold(text)} "
            named = [product for key, product in self._products.items() if f" {key} " in words]
            near |= self._index.by_key(f"product {product}" for product in named)
        return near | self._index.by_key(f"code {code}" for code in codes_in(text))

    def _keys(self, report: Record) -> Iterable[str]:
        yield from report.registry_ids
        yield from map(self._crossed.one, report.registry_ids)
        own = names_of(report.doi, report.pmid)
        yield from (f"named {key}" for key in own)
        if report.notices or "10." in report.abstract or "PMID" in report.abstract:
            yield from (f"report {key}" for key in cited_in(report))

    def _link(self, subject: Subject, study: KnownStudy) -> Link | None:
        tally = Tally()
        same_trials = weigh_trials(tally, subject.trials, study.trials)
        shares = not all_numbers(subject.trials).isdisjoint(all_numbers(study.trials))
        agrees = self._weigh_who_and_what(tally, subject, study)
        self._weigh_statements(tally, subject, study)
        if not shares and tally.score <= 0:
            return None
        if not subject.no_report:  # what a review counts are the patients of others
            weigh_numbers(tally, subject.counted, study.counted)
            weigh_times(tally, subject.counted, study.counted)
        for registration in study.registrations:
            weigh_registration(tally, subject.counted, registration)
        self._bar(tally, subject, agrees)
        score = tally.score
        if shares and (not subject.no_report or agrees is None):  # a shared number is never dropped in silence
            score = max(score, PROPOSE_FROM)
        if score < PROPOSE_FROM:
            return None
        sure = same_trials and not tally.against
        state: LinkState = "linked" if sure else "proposed"
        words = tuple(text for _, text in tally.weighed) + tuple(tally.bars)
        weighed = (*tally.weighed, *((0.0, text) for text in tally.bars))
        return Link(subject.report.id, study.profile.id, state, words, round(score, 3), weighed)

    def _weigh_who_and_what(self, tally: Tally, subject: Subject, study: KnownStudy) -> bool | None:
        """Whether authors or product agree; None: neither is known."""
        people = weigh_people(tally, subject.names, [each.names for each in study.reports])
        weigh_places(tally, subject.centres, study.centres, subject.places, study.cities, strangers=people is False)
        few = frozenset(code for code in study.codes if self._code_count[code] <= FEW_STUDIES)
        product = weigh_products(tally, subject.products, study.products, subject.codes, few)
        weigh_sources(tally, subject.sources, study.sources)
        weigh_diseases(tally, subject.diseases, study.diseases)
        weigh_doses(tally, subject.doses, study.doses)
        return product or people

    def _weigh_statements(self, tally: Tally, subject: Subject, study: KnownStudy) -> None:
        citing = {key for each in study.reports for key in subject.own_names if key in each.cited}
        weigh_citations(tally, subject.cited, study.names, citing)
        cited = sorted(study.cited_by_register & set(subject.own_names))
        if cited:
            tally.add(REGISTER_CITES, f"the register cites it under the trial: {', '.join(cited)}")
        if subject.no_report:
            tally.add(NO_REPORT, "a review, comment or editorial: no report of patients")
        else:
            likeness = max((self._titles.likeness(subject.title, each.title) for each in study.reports), default=0.0)
            weigh_titles(tally, likeness)
        weigh_follow_up(tally, subject.follow_up)

    def _bar(self, tally: Tally, subject: Subject, agrees: bool | None) -> None:
        """What a person must see before the report joins the study, however much speaks for it."""
        if subject.pooled:
            tally.bar("it speaks of several trials or studies")
        if subject.correction:
            tally.bar("a correction: it changes a report and adds no patients")
        if agrees is False:
            tally.bar("neither authors nor product agree")
        if any(self._index.studies_of_trial[trial] > 1 for trial in subject.trials):
            tally.bar("several studies carry its trial number")


class _Index:
    """Where the studies are found by what a report may share with them."""

    def __init__(self, studies: Sequence[KnownStudy]) -> None:
        self._keys: dict[str, set[int]] = defaultdict(set)
        self._words: dict[str, set[int]] = defaultdict(set)
        self._terms: dict[str, set[int]] = defaultdict(set)
        self.studies_of_trial: Counter[str] = Counter(trial for study in studies for trial in study.trials)
        for place, study in enumerate(studies):
            cited = (key for each in study.reports for key in each.cited)
            keys = all_numbers(study.trials)
            keys |= {f"report {key}" for key in study.names} | {f"named {key}" for key in cited}
            keys |= {f"named {key}" for key in study.cited_by_register}
            keys |= {f"product {product}" for product in study.products} | {f"code {code}" for code in study.codes}
            for key in keys:
                self._keys[key].add(place)
            for report in study.reports:
                for person in report.names:
                    for word in {person.family, *person.words}:
                        self._words[word].add(place)
                for term in report.title:
                    self._terms[term].add(place)

    def by_key(self, keys: Iterable[str]) -> set[int]:
        """The studies with one of these numbers, citations or publications."""
        return set().union(*(self._keys.get(key, ()) for key in keys))

    def by_word(self, family: str, words: Iterable[str]) -> set[int]:
        """The studies with an author of one of these words."""
        return set().union(*(self._words.get(word, ()) for word in {family, *words}))

    def by_title(self, terms: Iterable[str]) -> set[int]:
        """The studies with two of these words in one title, or in two."""
        met = Counter(place for term in terms for place in self._terms.get(term, ()))
        return {place for place, count in met.items() if count > 1}
