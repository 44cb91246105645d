"""docs/trust.md names files that are there, and what it says of them can be looked up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "trust.md").read_text()
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (\*\*|[A-D]\d)", line)]
# The words that TRUST's rows are called by in tests: what stands in them is to be found from the page.
PROMISE = re.compile(r"\b(?:TRUST(?:\.md)? |test_)([a-dA-D])(\d+)\b")


def named(text: str) -> set[str]:
    """The files under tests/ that `text` names."""
    return {name for name in re.findall(r"`([\w/]+(?:\.py|/))`", text) if not name.startswith("src/")}


def test_there_are_rows_at_all() -> None:
    assert len(ROWS) > 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row)[2:14].strip(" |*"))
def test_every_row_names_files_that_are_there(row: str) -> None:
    files = named(row)
    assert files or "not shown" in row, "a promise without a test"
    assert [name for name in files if not (TESTS / name).exists()] == []


def rows_of(letter: str) -> dict[int, str]:
    """The rows by their numbers; "C23-C25" is three."""
    found: dict[int, str] = {}
    for row in ROWS:
        for first, _, last in re.findall(rf"\b{letter}(\d+)(-{letter}(\d+))?\b", row.split("|")[1]):
            for number in range(int(first), int(last or first) + 1):
                found[number] = found.get(number, "") + row
    return found


def test_every_file_that_says_which_row_it_shows_stands_in_that_row() -> None:
    missing = []
    for file in sorted(TESTS.rglob("test_*.py")):
        name = file.relative_to(TESTS).as_posix()
        for letter, number in set(PROMISE.findall(file.read_text())):
            row = rows_of(letter.upper()).get(int(number), "")
            folders = [each for each in named(row) if each.endswith("/") and name.startswith(each)]
            if name != "test_trust_page.py" and name not in named(row) and not folders:
                missing.append(f"{letter.upper()}{number}: {name}")
    assert missing == []
