"""The colours of people: words on them can be read, edges can be seen, in light and in dark."""

from __future__ import annotations

import re

import pytest

from tests.web.test_colours import SHAPE, TEXT, THEMES, contrast
from tocsin.web import assets
from tocsin.web.calendar_grid.people import TINTS


def _sheet() -> str:
    asset = assets.load("calendar.css")
    assert asset is not None
    return asset.body.decode()


def _pairs(selector: str) -> list[dict[str, str]]:
    """The colours of each tint, by theme."""
    found = re.findall(selector + r" \{ fill: #\w+; fill: light-dark\((#\w+), (#\w+)\); \}", _sheet())
    return [{"light": light, "dark": dark} for light, dark in found]


GROUNDS, EDGES = _pairs(r"(?<!edge)\.t\d+"), _pairs(r"\.edge\.t\d+")
INK = {"light": "#1b1b1a", "dark": "#eceae4"}


def test_there_are_as_many_colours_as_the_pages_give_out() -> None:
    assert len(GROUNDS) == len(EDGES) == TINTS


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("number", range(TINTS))
def test_a_name_on_its_colour_can_be_read(theme: str, number: int) -> None:
    assert contrast(INK[theme], GROUNDS[number][theme]) >= TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("number", range(TINTS))
def test_the_edge_of_a_bar_can_be_seen(theme: str, number: int) -> None:
    assert contrast(EDGES[number][theme], THEMES[theme]["surface"]) >= SHAPE


def test_the_words_on_bars_have_the_colours_measured_here() -> None:
    assert ".bar text" in _sheet()
    assert f"fill: light-dark({INK['light']}, {INK['dark']})" in _sheet()


def test_the_sheet_needs_no_other_site() -> None:
    assert not re.search(r"https?://|@import|url\((?!#)", _sheet())
