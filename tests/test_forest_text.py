"""Where lines break and labels are cut: as wide as can be, never wider, in any script."""

from __future__ import annotations

import pytest

from analysis.forest import TEXT_SIZE, _settings
from analysis.forest_lines import COMPOSED_MARK
from analysis.forest_text import LONGEST_LABEL, plain, shortened, width, wrap

TEXTS = {
    "latin": "Pooled by a binomial-normal model (logit); t with 12 df. AVATAR To Yv. WAW. " * 6,
    "Chinese": "复旦大学 2023 研究 with 张 and 李: the font has none of these letters " * 4,
    "one long word": "short " + "x" * 400 + " short again",
    "nothing": "",
}


def greedy(words: str, room: float) -> list[str]:
    """The same by measuring the whole line again for each word."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(longer, TEXT_SIZE) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@pytest.mark.parametrize("room", [0.4, 1.7, 5.3, 60.0])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_line_holds_as_many_words_as_it_can(text: str, room: float) -> None:
    with _settings():
        assert wrap(text, room, TEXT_SIZE) == greedy(text, room)


@pytest.mark.parametrize("mark", ["", COMPOSED_MARK])
@pytest.mark.parametrize("label", ["Zhang 2023", "W" * 90, "张三" * 40, "Multicentre Group " * 30])
def test_a_label_fits_its_column_and_keeps_its_mark(label: str, mark: str) -> None:
    room = 2.0
    with _settings():
        cut = shortened(label + mark, room, TEXT_SIZE)
        assert width(cut, TEXT_SIZE) <= room
        assert cut.endswith(mark)
        if cut != label + mark:
            kept = cut.removesuffix(mark).removesuffix("…")
            assert label.startswith(kept)
            longer = label[: len(kept) + 2].rstrip()  # the letter after a space that was cut off with it
            assert len(kept) >= LONGEST_LABEL or width(f"{longer}…{mark}", TEXT_SIZE) > room


def test_invisible_characters_are_blanks() -> None:
    assert plain("a\x00\x1b\u202eb 张") == "a   b 张"
