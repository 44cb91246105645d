"""`docs/reference/providers.md` names every vendor with its fields, as the code has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.channels.test_wiring import Around
from tocsin import channels
from tocsin.notification import channels as registry
from tocsin.notification import vendors

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "providers.md"


@pytest.fixture(autouse=True)
def every_vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_by_scheme", {})
    monkeypatch.setattr(vendors, "_vendors", {})
    channels.wire(Around(), "the instance's key")
    yield


def tables() -> str:
    """The part of the page that is made from the code."""
    out = []
    for kind, vendor in sorted(vendors.vendors().items()):
        schemes = ", ".join(f"`{scheme}:`" for scheme in vendor.schemes)
        out += [
            f"## {vendor.title}",
            "",
            f"`vendor: {kind}`, for addresses that begin with {schemes}.",
            "",
            "| field | secret | left out | |",
            "|---|---|---|---|",
        ]
        for one in vendor.fields:
            left_out = f"`{one.default}`" if one.default else "nothing"
            out.append(
                f"| `{one.name}` | {'yes' if one.secret else 'no'} | "
                f"{'**must be there**' if one.required else left_out} | {one.label}. {one.help} |"
            )
        out.append("")
    return "\n".join(out)


def test_a_vendor_says_whether_its_channel_hears() -> None:
    for kind, vendor in vendors.vendors().items():
        channel = get_type_hints(type(vendor).open)["return"]
        assert vendor.hears == hasattr(channel, "hear"), kind


def test_the_page_names_every_vendor_and_field_as_the_code_has_them() -> None:
    _, _, made = PAGE.read_text(encoding="utf-8").partition("<!-- from here on: made from the code -->\n\n")
    assert made == tables(), f"write below its mark:\n\n{tables()}"
