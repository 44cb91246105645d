"""Contrast is measured, not believed: WCAG AA, in light and in dark."""

from __future__ import annotations

import re

import pytest

from tocsin.web import assets

TEXT = 4.5  # AA for text
SHAPE = 3.0  # AA for borders of controls and for large signs


def _themes() -> dict[str, dict[str, str]]:
    """The colour tokens of each theme, as the sheet has them."""
    asset = assets.load("tocsin.css")
    assert asset is not None
    css = asset.body.decode()
    blocks = {
        "light": css[css.index(":root {") : css.index("@media (prefers-color-scheme")],
        "dark": css[css.index(":root[data-theme=dark] {") :].split("}")[0],
    }
    return {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block)) for name, block in blocks.items()
    }


THEMES = _themes()


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface", "raise", "accent-ground"])
@pytest.mark.parametrize("text", ["text", "quiet", "accent", "bad", "good", "warn"])
def test_every_text_stands_out_from_every_ground(theme: str, ground: str, text: str) -> None:
    colours = THEMES[theme]
    assert contrast(colours[text], colours[ground]) >= TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("on-accent", "accent"),
        ("bad", "bad-ground"),
        ("warn", "warn-ground"),
        ("good", "good-ground"),
        ("text", "bad-ground"),
        ("text", "warn-ground"),
    ],
)
def test_words_on_coloured_ground_stand_out(theme: str, text: str, ground: str) -> None:
    assert contrast(THEMES[theme][text], THEMES[theme][ground]) >= TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface"])
def test_the_edges_of_controls_can_be_seen(theme: str, ground: str) -> None:
    assert contrast(THEMES[theme]["edge"], THEMES[theme][ground]) >= SHAPE


def test_the_letters_of_every_priority_stand_out() -> None:
    asset = assets.load("tocsin.css")
    assert asset is not None
    badges = re.findall(r"\.prio-(P\d) \{ background: (#\w+); color: (#\w+); \}", asset.body.decode())
    assert [name for name, _, _ in badges] == ["P1", "P2", "P3", "P4", "P5"]
    for name, ground, text in badges:
        assert contrast(text, ground) >= TEXT, name


def test_both_ways_to_dark_have_the_same_colours() -> None:
    asset = assets.load("tocsin.css")
    assert asset is not None
    css = asset.body.decode()
    by_device = css[css.index(":root:not([data-theme=light]) {") :].split("}")[0]
    assert dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", by_device)) == THEMES["dark"]
