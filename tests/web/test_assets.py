"""Styles and scripts: kept for ever under their hash, compressed, and nothing else is served from there."""

from __future__ import annotations

import gzip
import re

import pytest
from django.test import Client

from tocsin.web import assets

NAMES = ("tocsin.css", "tocsin.js", "htmx.js", "icon.svg", "tocsin.webmanifest")


@pytest.mark.parametrize("name", NAMES)
def test_an_asset_is_kept_for_ever_under_its_hash(name: str) -> None:
    answer = Client().get(assets.address(name), headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "immutable" in answer["Cache-Control"]
    assert answer["Content-Encoding"] == "gzip"
    plain = Client().get(assets.address(name))
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(answer.content) == plain.content


def test_an_old_hash_gets_the_new_file_and_is_not_kept() -> None:
    answer = Client().get("/static/000000000000/tocsin.css")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "..%2f__init__.py", "guard.py", ".css", "TOCSIN.CSS"])
def test_nothing_else_is_served(name: str) -> None:
    assert Client().get(f"/static/x/{name}").status_code == 404


def test_the_sheet_needs_no_other_site_and_no_inline_style_exists() -> None:
    css = assets.load("tocsin.css")
    assert css is not None
    assert not re.search(rb"https?://|@import|url\(", css.body)


def test_style_and_scripts_together_leave_room_for_the_page() -> None:
    together = sum(len(asset.packed) for name in NAMES if (asset := assets.load(name)))
    assert together <= 30_000
