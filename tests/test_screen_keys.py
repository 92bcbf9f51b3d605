"""The full screen, key by key: what each does, that it is on disk at once, and that the layout never jumps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.errors import InputError, ProtocolError
from lsr.keys import keymap, user_keys
from lsr.protocol import parse_protocol
from lsr.screens import app as screens
from lsr.screens.app import ReviewerScreen
from lsr.screens.session import Session
from lsr.workflow import judge
from lsr.workflow.folder import Open, open_review
from tests.scene import RECORDS, REPORTS, A, B, protocol_text, searched, to_full_text
from tests.screen_pilot import play, rows


@pytest.fixture
def opened(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with open_review(searched(tmp_path_factory, tmp_path / "review")) as found:
        yield found


def votes(opened: Open, who: str = A, stage: str = "title-abstract") -> dict[str, tuple[str, str | None, str]]:
    return {
        report: (vote.verdict, vote.reason, vote.note)
        for report in REPORTS
        for vote in judge.item(opened, report, stage).votes  # type: ignore[arg-type]
        if vote.reviewer == who
    }


def test_each_key_does_what_it_says(opened: Open) -> None:
    last = play(opened, ["i", "E", "u", "s", "4", "right", "left", "[", "]", "9"])
    assert votes(opened) == {
        REPORTS[0]: ("include", None, ""),
        REPORTS[1]: ("exclude", None, ""),
        REPORTS[2]: ("unsure", None, ""),
        REPORTS[4]: ("exclude", "X04_intervention", ""),
    }
    assert "There is no reason 9 at title-abstract." in last
    assert f"· {REPORTS[5]}" in last


def test_each_decision_is_on_disk_before_the_next_record_shows(opened: Open) -> None:
    on_disk: list[int] = []
    shown: list[str] = []

    def look(app: ReviewerScreen, session: Session) -> None:
        with sqlite3.connect(opened.review.folder / "review.db") as other:
            on_disk.append(other.execute("SELECT count(*) FROM vote").fetchone()[0])
        shown.append(session.lineup.current or "")

    play(opened, "iu2z", after=look)
    assert on_disk == [0, 1, 2, 3, 4]  # undo is another row
    assert shown == [*REPORTS[:4], REPORTS[2]]


def test_undo_has_no_limit_not_even_a_pause(opened: Open) -> None:
    play(opened, "iuei")
    assert len(votes(opened)) == 4
    last = play(opened, ["backspace", "z", "z", "z", "z"])
    assert votes(opened) == {}
    assert "Nothing to undo." in last
    assert "0 voted · 8 left" in last


def test_undo_of_a_changed_vote_brings_the_old_one_back(opened: Open) -> None:
    play(opened, ["3", "[", "i", "z"])
    assert votes(opened) == {REPORTS[0]: ("exclude", "X03_population", "")}


def test_a_closed_item_says_that_it_would_be_a_reopening(opened: Open) -> None:
    judge.vote(opened, REPORTS[1], "title-abstract", B, "include")
    last = play(opened, "iiz")
    assert "this would be a reopening" in last
    assert set(votes(opened)) == set(REPORTS[:2])
    last = play(opened, "z")  # the closed one is passed over, the open one before it taken back
    assert set(votes(opened)) == {REPORTS[1]}
    assert f"Undone: {REPORTS[0]}" in last


def test_skipped_reports_come_again_and_the_end_is_told(opened: Open) -> None:
    last = play(opened, "s" + "i" * 7)
    assert f"· {REPORTS[0]}" in last
    assert "7 voted · 1 left" in last
    last = play(opened, "siq")
    assert "Nothing more awaits your vote" in play(opened, "")


def test_a_note_is_kept_with_the_vote(opened: Open) -> None:
    play(opened, ["n", "o", "d", "d", "enter", "u"])
    assert votes(opened) == {REPORTS[0]: ("unsure", None, "odd")}
    last = play(opened, ["i", "left", "n", *"fine q", "enter"])
    assert votes(opened)[REPORTS[1]] == ("include", None, "fine q")
    assert "note: fine q" in last


def test_escape_leaves_the_line_and_nothing_of_it_counts_as_a_key(opened: Open) -> None:
    play(opened, ["n", "i", "e", "1", "escape", "u"])
    assert votes(opened) == {REPORTS[0]: ("unsure", None, "")}


def test_search_goes_from_match_to_match(opened: Open) -> None:
    last = play(opened, ["/", *"SERIES", "enter"])
    assert f"· {REPORTS[5]}" in last
    last = play(opened, ["/", *"of", "enter", "/", "enter"])
    assert "3 of 8 in this queue" in last
    assert "Nothing in this queue holds" in play(opened, ["/", *"no%such", "enter"])


def test_the_doi_is_shown_and_opened_only_where_there_is_a_browser(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[str] = []
    monkeypatch.setattr("webbrowser.open", went.append)
    monkeypatch.setattr(screens, "_has_browser", lambda: False)
    url = f"https://pubmed.ncbi.nlm.nih.gov/{RECORDS[0].pmid}/"
    assert url in play(opened, "o")
    monkeypatch.setattr(screens, "_has_browser", lambda: True)
    assert url in play(opened, "o")
    assert went == [url]


def test_help_shows_all_and_any_key_goes_back(opened: Open) -> None:
    last = play(opened, "?", size=(120, 50))
    assert "z or backspace: undo" in last
    assert "X04_intervention" in last
    assert "P: r/r CD7+ malignancy" in last
    play(opened, "?ii")  # the first i closes the help
    assert list(votes(opened)) == [REPORTS[0]]


def test_full_texts_take_a_reason_and_only_their_own(opened: Open) -> None:
    to_full_text(opened, REPORTS[0])
    last = play(opened, "e", stage="full-text")
    assert "needs a reason" in last
    play(opened, "5", stage="full-text")
    assert votes(opened, stage="full-text") == {REPORTS[0]: ("exclude", "X06_small_n", "")}


def test_the_regions_stay_where_they_are(opened: Open) -> None:
    """Whatever is pressed: the panel, the head, the keys and the lines between stand in the same cells."""
    frames: list[list[str]] = []
    keys = ["i", "s", "n", "x", "escape", "3", "z", "/", "escape", "]", "up", "space"]
    play(opened, keys, after=lambda app, session: frames.append(rows(app)))
    assert len(frames) == len(keys) + 1
    for frame in frames:
        assert [len(row) for row in frame] == [80] * 24
        assert [row[49:] for row in frame[1:22]] == [row[49:] for row in frames[0][1:22]]
        assert frame[23] == frames[0][23]
        assert frame[0].startswith(" title-abstract · demo-a")


def test_keys_are_remapped_by_the_protocol_and_by_the_reviewers_own_file(opened: Open, tmp_path: Path) -> None:
    own = tmp_path / "screen.toml"
    own.write_text('[keys]\nunsure = "y"\nleave = ["x", "f10"]\n', "utf-8")
    mapped = keymap({"include": ("j",)}, user_keys(own))
    last = play(opened, "jyi", mapped=mapped)
    assert [verdict for verdict, *_ in votes(opened).values()] == ["include", "unsure"]
    assert "J include" in last
    assert user_keys(tmp_path / "absent.toml") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[keys]\ninclude = "e"\n', "'e' would both"),
        ('[keys]\ninklude = "e"\n', "no action 'inklude'"),
        ('[keys]\ninclude = "1"\n', "digits exclude"),
        ('[keys]\ninclude = "meta+q"\n', "is no key"),
        ("[keys]\ninclude = []\n", "has no key"),
        ("[keys]\ninclude = 1\n", "one table, [keys]"),
        ('[key]\ninclude = "e"\n', "one table, [keys]"),
        ("[keys\n", "cannot be read as TOML"),
    ],
)
def test_wrong_keys_are_told_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "screen.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as told:
        user_keys(path)
    assert words in str(told.value)
    assert str(path) in str(told.value)


def test_wrong_keys_in_the_protocol_are_a_fault_with_its_line() -> None:
    text = protocol_text().replace("\n[fulltext]", '\n[screen.keys]\nundo = "i"\n\n[fulltext]')
    with pytest.raises(ProtocolError) as told:
        parse_protocol(text)
    line = 1 + text[: text.rindex("[screen.keys]")].count("\n")
    assert f"screen.keys (line {line}): 'i' would both include and undo" in str(told.value)
    good = text.replace('undo = "i"', 'undo = ["h", "backspace"]')
    assert parse_protocol(good).screen.keys == {"undo": ("h", "backspace")}
