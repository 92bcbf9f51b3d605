"""Sheets as an Excel workbook: lists to choose from, notes on columns, all cells text."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from curation.tables import LONGEST_CELL, Sheet
from db.errors import InputError

_LISTS: Final = "lists"  # a hidden tab: a list written into the validation itself may have 255 letters at most
_SPARE_ROWS: Final = 200  # rows below the last that keep their lists, for what people add
_WIDTH: Final = 14
_LONGEST_NOTE: Final = 255


def write_workbook(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write a tab for each sheet; the file is replaced whole or not at all. InputError if it cannot be written."""
    book = Workbook()
    book.remove(book.worksheets[0])
    lists = _Lists(book.create_sheet(_LISTS))
    for sheet in sheets:
        _fill(book.create_sheet(sheet.name), sheet, lists)
    lists.tab.sheet_state = "hidden"
    book.move_sheet(lists.tab, len(sheets))
    temporary = path.with_name(f".new-{os.getpid()}-{path.name}")
    try:
        try:
            book.save(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): choose another place") from error


class _Lists:
    """The hidden tab: a column for each list of words, found again by its words."""

    def __init__(self, tab: Worksheet) -> None:
        self.tab = tab
        self._places: dict[tuple[str, ...], str] = {}

    def place(self, words: Sequence[str]) -> str:
        key = tuple(words)
        if key not in self._places:
            letter = get_column_letter(len(self._places) + 1)
            for row, word in enumerate(key, start=1):
                self.tab[f"{letter}{row}"] = word
            self._places[key] = f"{_LISTS}!${letter}$1:${letter}${len(key)}"
        return self._places[key]


def _fill(tab: Worksheet, sheet: Sheet, lists: _Lists) -> None:
    for number, row in enumerate([sheet.columns, *sheet.rows], start=1):
        for place, text in enumerate(row, start=1):
            cell = tab.cell(number, place, ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:LONGEST_CELL])
            cell.data_type = "s"  # never a formula, whatever it begins with
            cell.number_format = "@"
            cell.alignment = Alignment(vertical="top", wrap_text=True)
            if number == 1:
                cell.font = Font(bold=True)
    tab.freeze_panes = "A2"
    last = len(sheet.rows) + 1 + _SPARE_ROWS
    for number, column in enumerate(sheet.columns, start=1):
        letter = get_column_letter(number)
        tab.column_dimensions[letter].width = sheet.widths.get(column, _WIDTH)
        words, note = sheet.choices.get(column), sheet.notes.get(column, "")
        if words or note:
            _validate(tab, [f"{letter}2:{letter}{last}"], lists.place(words) if words else "", column, note)
    if sheet.row_choices:
        column, by_row = sheet.row_choices
        letter = get_column_letter(sheet.columns.index(column) + 1)
        rows: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, words in enumerate(by_row, start=2):
            if words:
                rows[tuple(words)].append(number)
        for words, numbers in rows.items():
            _validate(tab, [f"{letter}{a}:{letter}{b}" for a, b in _runs(numbers)], lists.place(words), column, "")


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of numbers that follow each other; `numbers` ascend."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _validate(tab: Worksheet, where: Iterable[str], place: str, title: str, note: str) -> None:
    rule = DataValidation(type="list", formula1=place, allow_blank=True) if place else DataValidation()
    rule.showErrorMessage = bool(place)
    rule.error = "Choose one of the list, or leave the cell empty."
    if note:
        rule.showInputMessage, rule.promptTitle, rule.prompt = True, title[:32], note[:_LONGEST_NOTE]
    for cells in where:
        rule.add(cells)
    tab.add_data_validation(rule)
