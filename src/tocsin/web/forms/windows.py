"""Hours as they are typed: weekly ones, or those of a working calendar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from tocsin.kernel.hours import DAYS, Window

HOURS = "hours"
NUMBER_LENGTH_MAX = 4  # of a place in a list, as an address or a button names it


@dataclass
class WindowDraft:
    """One restriction as typed: weekly hours, or those of a calendar ("calendar:ID", "outside:ID")."""

    kind: str = HOURS
    days: list[str] = field(default_factory=lambda: list(DAYS[:5]))
    opens: str = "09:00"
    closes: str = "17:00"
    closes_on: str = ""
    at: str = ""  # what the names of its fields begin with, and the button that removes it
    removes: str = ""


def window_of(each: Any) -> WindowDraft:
    if isinstance(each, Window):
        return WindowDraft(
            HOURS,
            [DAYS[day] for day in each.days],
            f"{each.opens:%H:%M}",
            f"{each.closes:%H:%M}",
            DAYS[each.closes_on] if each.closes_on is not None else "",
        )
    return WindowDraft(f"{'outside' if each.outside else 'calendar'}:{each.calendar}")


def window_data(draft: WindowDraft) -> dict[str, Any]:
    kind, _, calendar = draft.kind.partition(":")
    if kind != HOURS:
        return {kind: calendar}
    days = {} if len(draft.days) == len(DAYS) else {"days": draft.days}
    return {**days, "from": draft.opens, "to": f"{draft.closes_on} {draft.closes}".strip()}


def read_window(data: QueryDict, at: str) -> WindowDraft:
    closes_on = data.get(f"{at}-closes-on", "")
    return WindowDraft(
        data.get(f"{at}-kind", HOURS),
        [day for day in data.getlist(f"{at}-days") if day in DAYS],
        data.get(f"{at}-opens", "").strip()[:5],
        data.get(f"{at}-closes", "").strip()[:5],
        closes_on if closes_on in DAYS else "",
    )


def count_of(data: QueryDict, name: str, most: int) -> int:
    text = data.get(name, "0")
    return min(int(text), most) if text.isdecimal() and len(text) <= NUMBER_LENGTH_MAX else 0
