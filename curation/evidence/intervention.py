"""What was given to whom: product, source of the cells, dose, phase, disease."""

from __future__ import annotations

import re
from typing import Final

from curation.evidence.tally import Tally
from curation.evidence.weights import (
    OTHER_DISEASE,
    OTHER_PRODUCT,
    OTHER_SOURCE,
    SAME_DISEASE,
    SAME_DOSE,
    SAME_SOURCE,
    SHARED_CODE,
    SHARED_PRODUCT,
)
from curation.normalise import fold

# A developer's code: capitals with digits, often in groups: "RD13-01", "PA3-17", "CTX130", "WU-CART-007".
_CODE: Final = re.compile(
    r"(?<![\w-])(?=[A-Z0-9-]*\d)[A-Z]{2,6}\d{0,4}[A-Z]{0,4}\d{0,4}(?:-[A-Z0-9]{1,6}){0,3}(?![\w-])"
)
# Shaped like one, but a marker, a gene, a cytokine, a scale, a virus or a registration.
_NO_CODE: Final = re.compile(
    r"(?:CD|IL|TP|PD|HLA|TCR|CXCR|CCR|NOTCH|FLT|JAK|STAT|KIR|LD|DL|TNF|IFN|COVID|SARS|HHV|HIV|HPV|ICD|CTCAE|ECOG|PET"
    r"|NCT|ISRCTN|DRKS|KCT|CHICTR|EUDRACT|UMIN|RCT|BCR|MDR|AB|ASH|EHA|ASCO)-?[A-Z]?\d.*|(?:CAR|PH|GRADE|DAY)-?\d+"
)
_FEWEST_DIGITS: Final = 2

AUTOLOGOUS, DONOR, UNIVERSAL = "autologous", "donor-derived", "universal"
_SOURCES: Final = (
    (re.compile(r"\bautologous\b(?!\s+(?:\w+\s+){0,3}?(?:transplant|hsct|asct|sct))", re.I), {AUTOLOGOUS}),
    (re.compile(r"\b(?:donor|sibling|haploidentical)[- ](?:\w+[- ])?(?:derived|sourced|cell|[\w-]*car\b)"
                r"|\bdonor (?!lymph)\S+ (?:chimeric|car)\b|\bhaploidentical \S+ car\b", re.I), {DONOR}),
    (re.compile(r"\buniversal\b|\boff[- ]the[- ]shelf\b|\b(?:base|gene|genome)[- ]edited\b|\bhealthy[- ]donor", re.I),
     {UNIVERSAL}),
    (re.compile(r"\ballogen(?:e)?ic\b(?=\W+(?:\S+\W+){0,3}?(?:car\b|chimeric|t[- ]cell|nk\b|and autologous))", re.I),
     {DONOR, UNIVERSAL}),
)  # fmt: skip

_DISEASES: Final = {
    "mixed phenotype leukaemia": r"\bmpal\b|mixed[- ]phenotype",
    "myeloid leukaemia": r"\baml\b|acute myelo(?:id|genous|blastic)",
    "lymphoblastic leukaemia or lymphoma": r"\b(?:[tb][- ]?)?(?:all|lbl)\b(?=[/ ,;)-])|lymphoblastic|t[- ]?(?:cell )?"
    r"(?:malignan|lymphocyte leuk)",
    "myeloma": r"\bmyeloma\b",
    "peripheral T-cell lymphoma": r"\bptcl\b|peripheral t[- ]cell lymphoma|cutaneous t[- ]cell",
    "B-cell lymphoma": r"\bdlbcl\b|b[- ]cell (?:non|lymphoma)|follicular lymphoma|mantle cell",
    "chronic lymphocytic leukaemia": r"\bcll\b|chronic lympho",
}
_DISEASE: Final = {name: re.compile(pattern, re.I) for name, pattern in _DISEASES.items()}
_BROAD: Final = re.compile(r"h(?:a)?ematolog|malignanc|neoplas|leuk(?:a)?emia and lymphoma", re.I)

_DOSE: Final = re.compile(
    r"(?<![\d.])(\d(?:\.\d+)?)\s?(?:[x×*]|&times;)\s?10\s?(?:\^|<sup>)?\s?(\d{1,2})(?:</sup>)?\s*(?:\S+\s+){0,5}?"
    r"(?:cells\s*)?(?:/|per\s)\s?kg", re.I
)  # fmt: skip


def codes_in(text: str) -> frozenset[str]:
    """What looks like a product's code in `text`, folded; a marker, gene or registration number is none."""
    found = {match.group() for match in _CODE.finditer(text)}
    return frozenset(
        fold(code) for code in found if sum(map(str.isdigit, code)) >= _FEWEST_DIGITS and not _NO_CODE.fullmatch(code)
    )


def sources_in(title: str, abstract: str) -> frozenset[str]:
    """The sources of the cells that the title names, else the abstract; "allogeneic" may be either of two."""
    for text in (title, abstract):
        found: set[str] = set()
        for pattern, sources in _SOURCES:
            if pattern.search(text) and not (len(sources) > 1 and found & sources):
                found |= sources
        if found:
            return frozenset(found)
    return frozenset()


def diseases_in(title: str) -> frozenset[str]:
    """The diseases that a title names; none where it speaks of malignancies at large."""
    if _BROAD.search(title):
        return frozenset()
    return frozenset(name for name, pattern in _DISEASE.items() if pattern.search(title))


def doses_in(text: str) -> frozenset[str]:
    """Doses of cells for each kilogram: "1x10^6/kg" and "1 × 10(6) cells/kg" are one."""
    plain = re.sub(r"[()]", " ", text)
    return frozenset(f"{float(a):g}x10^{int(b)}/kg" for a, b in _DOSE.findall(re.sub(r"10\s+(\d)", r"10^\1", plain)))


def weigh_products(
    tally: Tally, ours: frozenset[str], theirs: frozenset[str], codes: frozenset[str], known: frozenset[str]
) -> bool:
    """Whether a product agrees: one that the protocol names, or a code that both print (`codes`, `known`)."""
    shared = sorted(ours & theirs)
    if shared:
        tally.add(SHARED_PRODUCT, f"same product: {', '.join(shared)}")
        return True
    met = sorted(codes & known)
    if met:
        tally.add(SHARED_CODE, f"same code: {', '.join(code.upper() for code in met)}")
        return True
    if ours and theirs:
        tally.add(OTHER_PRODUCT, f"other product: {', '.join(sorted(ours))}, not {', '.join(sorted(theirs))}")
    return False


def weigh_sources(tally: Tally, ours: frozenset[str], theirs: frozenset[str]) -> None:
    """The source of the cells: known on both sides, and one in common or none."""
    _weigh_named(tally, ours, theirs, "source of cells", " or ", (SAME_SOURCE, OTHER_SOURCE))


def weigh_diseases(tally: Tally, ours: frozenset[str], theirs: frozenset[str]) -> None:
    """The diseases that titles name."""
    _weigh_named(tally, ours, theirs, "disease", ", ", (SAME_DISEASE, OTHER_DISEASE))


def _weigh_named(
    tally: Tally, ours: frozenset[str], theirs: frozenset[str], what: str, between: str, weights: tuple[float, float]
) -> None:
    """What both sides name: `weights` of one in common, and of none. A side that names nothing says nothing."""
    if not ours or not theirs:
        return
    if shared := sorted(ours & theirs):
        tally.add(weights[0], f"same {what}: {between.join(shared)}")
    else:
        tally.add(weights[1], f"other {what}: {between.join(sorted(ours))}, not {between.join(sorted(theirs))}")


def weigh_doses(tally: Tally, ours: frozenset[str], theirs: frozenset[str]) -> None:
    """A dose that both print; other doses say nothing, a trial has levels."""
    shared = sorted(ours & theirs)
    if shared:
        tally.add(SAME_DOSE, f"same dose: {', '.join(shared)}")
