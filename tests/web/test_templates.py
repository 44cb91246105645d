"""No template carries inline script or style: the content security policy would drop it, and a reader with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tocsin.web

TEMPLATES = sorted((Path(tocsin.web.__file__).parent / "templates").rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|\|safe\b|autoescape off|mark_safe", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
