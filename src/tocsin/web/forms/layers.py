"""A layer and its turns as they are typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.http import QueryDict

from tocsin.oncall.rules import Layer, Seat, Unit
from tocsin.oncall.rules.values import RESTRICTIONS_MAX, SEATS_MAX, SLOTS_MAX
from tocsin.web.forms.windows import WindowDraft, count_of, read_window, window_data, window_of

HAND_OVER = timedelta(hours=9)  # after midnight, where nobody says otherwise
ROTATIONS = {
    Unit.WEEKLY: "weekly",
    Unit.DAILY: "daily",
    Unit.HOURLY: "hourly",
    Unit.MONTHLY: "monthly",
    Unit.FIXED: "nobody hands over: always all of them",
}


@dataclass
class SeatDraft:
    """A person in a turn, from and until as typed."""

    user: str
    start: str = ""
    until: str = ""


@dataclass
class LayerDraft:
    """One layer as it stands on the page, and what is wrong with it."""

    name: str = ""
    rotation: str = Unit.WEEKLY.value
    every: str = "1"
    start: str = ""
    end: str = ""
    timezone: str = ""
    slots: list[list[SeatDraft]] = field(default_factory=list)
    windows: list[WindowDraft] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, layer: Layer) -> LayerDraft:
        """The fields as they stand when `layer` is about to be edited."""
        return cls(
            layer.name,
            layer.rotation.unit.value,
            str(layer.rotation.every),
            typed(layer.start),
            typed(layer.end),
            layer.timezone,
            [
                [SeatDraft(seat.user, typed(seat.start), typed(seat.until)) for seat in slot]
                for slot in _turns(layer)
            ],
            [window_of(each) for each in layer.restrict],
        )

    def as_data(self) -> dict[str, Any]:
        """In the words of the organisation file; what is wrong in it is found when it is read."""
        fixed = self.rotation == Unit.FIXED
        turns: list[Any] = [[_seat_data(seat) for seat in slot] or None for slot in self.slots]
        data: dict[str, Any] = {
            "rotation": self.rotation,
            "start": self.start,
            "users": [seat for slot in turns if slot for seat in slot] if fixed else turns,
        }
        if not fixed:
            data["every"] = int(self.every) if self.every.isdecimal() and len(self.every) < 6 else self.every
        for name in ("name", "end", "timezone"):
            if getattr(self, name):
                data[name] = getattr(self, name)
        if self.windows:
            data["restrict"] = [window_data(each) for each in self.windows]
        return data


def typed(wall: datetime | None) -> str:
    """A wall clock as the browser's field holds it."""
    return wall.strftime("%Y-%m-%dT%H:%M") if wall else ""


def _turns(layer: Layer) -> Sequence[Sequence[Seat]]:
    """The turns to edit; of a fixed set each person stands alone."""
    if layer.rotation.unit is Unit.FIXED:
        return [(seat,) for seat in layer.slots[0]]
    return layer.slots


def _seat_data(seat: SeatDraft) -> Any:
    if not (seat.start or seat.until):
        return seat.user
    dates = {"from": seat.start, "until": seat.until}
    return {"user": seat.user, **{name: value for name, value in dates.items() if value}}


def read_layer(data: QueryDict, at: str) -> LayerDraft:
    """What was typed of the layer whose fields begin with `at`, with whom was chosen and not yet added."""
    slots = [_read_slot(data, f"{at}-slot-{m}") for m in range(count_of(data, f"{at}-slots", SLOTS_MAX))]
    new = data.get(f"{at}-new", "")
    if new and len(slots) < SLOTS_MAX:  # chosen but not yet added counts as added
        slots.append([SeatDraft(new)])
    windows = [
        read_window(data, f"{at}-window-{k}")
        for k in range(count_of(data, f"{at}-windows", RESTRICTIONS_MAX))
    ]

    def text(name: str) -> str:
        return data.get(f"{at}-{name}", "").strip()

    return LayerDraft(
        text("name"),
        text("rotation"),
        text("every"),
        text("start"),
        text("end"),
        text("timezone"),
        slots,
        windows,
    )


def _read_slot(data: QueryDict, at: str) -> list[SeatDraft]:
    texts = (data.getlist(f"{at}-{name}") for name in ("user", "from", "until"))
    seats = [SeatDraft(*(text.strip() for text in each)) for each in zip(*texts, strict=False)]
    if new := data.get(f"{at}-new", ""):
        seats.append(SeatDraft(new))
    return seats[:SEATS_MAX]


def first_layer(now: datetime) -> LayerDraft:
    """What a new layer begins as: weekly, from the last Monday 09:00, so that it has begun. `now` is a wall clock."""
    working = now - HAND_OVER
    monday = working.date() - working.weekday() * timedelta(days=1)
    return LayerDraft(start=(datetime.combine(monday, time()) + HAND_OVER).isoformat("T", "minutes"))
