"""Every numbered bad input that a harvester must survive has a test that shows the right outcome; none is dropped.

The numbers are the project's own list of what was reported of other harvesters and measured on real files. "Right" is:
recovered as if nothing had been, or failed in one line with nothing lost. `docs` and issues name a fault by its number.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Final

import pytest

PUBMED, OTHERS = "test_faults_pubmed", "test_faults_others"
FAULTS: Final[dict[int, tuple[str, str, tuple[str, ...]]]] = {
    1: ("429 with a JSON error", PUBMED, ("test_01_rate_limit_is_waited_out",)),
    2: ("429 without Retry-After", PUBMED, ("test_02_rate_limit_without_retry_after_slows_all_callers",)),
    3: ("the body of a 429 with status 200", PUBMED, ("test_03_rate_limit_with_status_200",)),
    4: ("429 though the pace is kept", PUBMED, ("test_04_rate_limit_though_the_pace_is_kept",)),
    5: ("retstart beyond 9998", PUBMED, ("test_05_retstart_beyond_9998_is_never_asked_and_its_refusal_is_loud",)),
    6: ("an error that is broken JSON", PUBMED, ("test_06_an_error_that_is_broken_json",)),
    7: ("retmax clamped in silence", PUBMED, ("test_07_retmax_clamped_to_9999",)),
    8: ("External viewer error with status 200", PUBMED, ("test_08_external_viewer_error",)),
    9: ("ERROR with status 200", PUBMED, ("test_09_error_with_status_200",)),
    10: ("HTML in place of XML or JSON", PUBMED, ("test_10_html_in_place_of_xml",)),
    11: ("a challenge page", PUBMED, ("test_11_a_challenge_is_no_content",)),
    12: ("connection reset", PUBMED, ("test_12_connection_reset_at_the_first_request",)),
    13: ("connection dropped in mid-body", PUBMED, ("test_13_connection_dropped_in_mid_body",)),
    14: ("a hang", PUBMED, ("test_14_a_hang_without_a_byte",)),
    15: ("a drip feed", PUBMED, ("test_15_a_drip_feed_meets_the_deadline",)),
    16: ("a cut body of no stated length", PUBMED, ("test_16_a_body_cut_where_no_length_was_stated",)),
    17: ("cut gzip", PUBMED, ("test_17_a_gzip_body_cut",)),
    18: ("Retry-After of a day, as a date, as junk", PUBMED, ("test_18_retry_after_as_a_date_as_junk_and_as_a_day",)),
    19: ("history expired", PUBMED, ("test_19_nothing_depends_on_a_history_that_expires",)),
    20: ("414 on long lists", PUBMED, ("test_20_no_list_of_ids_is_too_long_for_a_url",)),
    21: ("fewer records than asked for", PUBMED, ("test_21_fewer_records_than_asked_for",)),
    22: ("a new DTD", PUBMED, ("test_22_a_new_dtd_is_not_fetched",)),
    23: ("no home, or a read-only one", PUBMED, ("test_23_a_home_that_is_missing_or_cannot_be_written",)),
    24: ("Europe PMC: the mark, the count, the last record", OTHERS,
         ("test_24_a_cursor_mark_that_does_not_move_or_is_absent",
          "test_24_more_counted_than_sent_and_an_empty_last_record")),
    25: ("Crossref: a cursor lost, more counted than crawled", OTHERS,
         ("test_25_a_cursor_refused_in_mid_crawl", "test_25_more_results_counted_than_crawled")),
    26: ("pages that repeat", OTHERS, ("test_26_a_page_that_repeats_what_came_before",)),
    27: ("a day's budget gone", OTHERS, ("test_27_a_budget_of_the_day_that_is_gone_is_not_asked_for_again",)),
    28: ("a phrase dropped", PUBMED, ("test_28_a_phrase_that_was_dropped_is_told",)),
    29: ("an author that became an initial", PUBMED, ("test_29_an_author_that_became_an_initial_is_told",)),
    30: ("no hits, with a warning", PUBMED, ("test_30_no_hits_is_an_answer",)),
    31: ("a failure taken for no news", PUBMED, ("test_31_a_failure_is_not_no_news",)),
    32: ("indexed after the window closed", PUBMED, ("test_32_a_record_that_becomes_visible_late_is_found",)),
    33: ("an entry date set years back", OTHERS, ("test_33_an_entry_date_set_years_back",)),
    34: ("books among articles", OTHERS, ("test_34_a_book_among_articles",)),
    35: ("markup in titles and abstracts", OTHERS, ("test_35_markup_in_titles_and_abstracts",)),
    36: ("structured, empty, no abstracts", OTHERS, ("test_36_a_structured_an_empty_and_no_abstract",)),
    37: ("empty, translated, vernacular titles", OTHERS, ("test_37_an_empty_a_translated_and_a_vernacular_title",)),
    38: ("dates in words", OTHERS, ("test_38_dates_as_printed",)),
    39: ("groups and no authors", OTHERS, ("test_39_authors_of_every_kind_and_none",)),
    40: ("DOIs of the reference list", OTHERS, ("test_40_the_doi_is_the_articles_own_or_none",)),
    41: ("registry ids outside the data banks", OTHERS,
         ("test_41_registry_ids_from_data_banks_and_texts_in_every_spelling",)),
    42: ("deleted records, versions", PUBMED, ("test_42_withdrawn_records_and_versions_of_one",)),
    43: ("retractions and corrections", PUBMED, ("test_43_a_retraction_of_a_known_record_is_seen",)),
    44: ("control characters", PUBMED,
         ("test_44_a_control_character", "test_44_whatever_xml_forbids_is_replaced_and_counted",
          "test_44_what_is_legal_stays_and_a_broken_page_stays_broken")),
    45: ("an error page that parses as no records", PUBMED, ("test_45_an_error_page_is_not_no_records",)),
    46: ("records not indexed yet", OTHERS, ("test_46_a_record_that_is_not_indexed_yet_is_found",)),
    47: ("errors and keys kept in a cache", PUBMED, ("test_47_neither_errors_nor_keys_are_kept",)),
}  # fmt: skip
"""{number: (what it is, the file, its tests)}."""


def test_there_are_47() -> None:
    assert list(FAULTS) == list(range(1, 48))


@pytest.mark.parametrize("number", FAULTS)
def test_a_fault_has_tests_named_after_it(number: int) -> None:
    _, file, tests = FAULTS[number]
    module = importlib.import_module(f"tests.{file}")
    assert tests
    for name in tests:
        assert name.startswith(f"test_{number:02}_")
        assert inspect.isfunction(getattr(module, name))


def test_no_test_of_a_fault_is_left_out() -> None:
    listed = {(file, name) for _, file, tests in FAULTS.values() for name in tests}
    there = {
        (file, name)
        for file in (PUBMED, OTHERS)
        for name in vars(importlib.import_module(f"tests.{file}"))
        if name[:5] == "test_" and name[5:7].isdecimal()
    }
    assert listed == there
