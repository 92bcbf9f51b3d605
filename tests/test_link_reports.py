"""Reports → studies on the seed's 35 real reports: each to its study or to a person, and never to another's study."""

from __future__ import annotations

from pathlib import Path

import pytest

from validation.linking.seed_reports import SETTINGS, Outcome, growing, leave_one_out, rows

# Without numbers, what the file alone cannot carry: the two reports of NS7CAR, of which one's title names the product
# and the other's does not, and reports whose only tie is a shared number.
BY_NUMBER_ALONE = {"zhang-x-2023-ajh", "lu-2022-blood-ns7car", "nejm-2024-haplo", "ns7car-pooled-ash-2025"}
MOST_OTHERS_PROPOSED = 20  # of 35 reports; a person reads them


@pytest.fixture(scope="module")
def seed() -> list[dict[str, object]]:
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")
    return rows(folder)


@pytest.mark.parametrize("how", [leave_one_out, growing])
def test_with_all_facts_every_report_is_linked_or_proposed(seed: list[dict[str, object]], how: object) -> None:
    found: Outcome = how(seed, SETTINGS["numbers, n and product"])  # type: ignore[operator]
    assert (found.missed, found.false_links) == ((), ())
    assert found.linked + found.proposed == found.to_find >= 9
    assert found.false_proposals <= 5


@pytest.mark.parametrize("how", [leave_one_out, growing])
@pytest.mark.parametrize("words", SETTINGS)
def test_no_report_is_linked_with_anothers_study(seed: list[dict[str, object]], how: object, words: str) -> None:
    found: Outcome = how(seed, SETTINGS[words])  # type: ignore[operator]
    assert found.false_links == ()
    assert found.false_proposals <= MOST_OTHERS_PROPOSED
    if not SETTINGS[words].ids:
        assert found.linked == 0, "nothing but a registration number makes a sure link"


@pytest.mark.parametrize("how", [leave_one_out, growing])
def test_without_any_number_the_rest_is_still_proposed(seed: list[dict[str, object]], how: object) -> None:
    found: Outcome = how(seed, SETTINGS["n and product, no number"])  # type: ignore[operator]
    assert {report for report, _ in found.missed} <= BY_NUMBER_ALONE
