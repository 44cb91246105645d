"""Layers, turns, hours and trainees as they are typed: changed by submit buttons, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.http import QueryDict

from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import DAYS, Window
from tocsin.oncall.rules import Layer, Seat, Unit, layer_from
from tocsin.oncall.rules.values import LAYERS_MAX, RESTRICTIONS_MAX, SEATS_MAX, SHADOWS_MAX, SLOTS_MAX
from tocsin.web.forms import words

Item = TypeVar("Item")
HOURS = "hours"
ROTATIONS = {
    Unit.WEEKLY: "weekly",
    Unit.DAILY: "daily",
    Unit.HOURLY: "hourly",
    Unit.MONTHLY: "monthly",
    Unit.FIXED: "nobody hands over: always all of them",
}
NUMBER_LENGTH_MAX = 4  # of a place in a list, as an address or a button names it


@dataclass
class SeatDraft:
    """A person in a turn, from and until as typed."""

    user: str
    start: str = ""
    until: str = ""


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


@dataclass
class ShadowDraft:
    """A trainee who is sent copies, as typed; `of` "": of whoever is on call."""

    trainee: str = ""
    of: str = ""
    start: str = ""
    end: str = ""
    errors: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, data: QueryDict) -> list[ShadowDraft]:
        def text(k: int, name: str) -> str:
            return data.get(f"shadow-{k}-{name}", "").strip()

        return [
            cls(text(k, "trainee"), text(k, "of"), text(k, "start"), text(k, "end"))
            for k in range(count_of(data, "shadows", SHADOWS_MAX))
        ]

    def as_data(self) -> dict[str, Any]:
        """In the words of the organisation file."""
        of = {"of": self.of} if self.of else {}
        return {"trainee": self.trainee, **of, "start": self.start, "end": self.end}


class Layers:
    """The layers on the page, changed by the buttons of the page."""

    def __init__(self, layers: list[LayerDraft]) -> None:
        self.drafts = layers

    @classmethod
    def read(cls, data: QueryDict) -> Layers:
        return cls([_read_layer(data, f"layer-{n}") for n in range(count_of(data, "layers", LAYERS_MAX))])

    def change(self, do: str, fresh: LayerDraft) -> bool:
        """Carry out the button that was pressed; False when it is none of those that change layers."""
        verb, _, rest = do.partition(":")
        at = [int(each) for each in rest.split(":") if each.isdecimal() and len(each) <= NUMBER_LENGTH_MAX]
        if verb == "layer":
            if len(self.drafts) < LAYERS_MAX:
                self.drafts.append(fresh)
            return True
        change = _CHANGES.get(verb)
        if change is None:
            return False
        if at and at[0] < len(self.drafts):
            change(self, *at)
        return True

    def placed(self) -> list[LayerDraft]:
        """The layers with the names that their fields have on the page."""
        for n, layer in enumerate(self.drafts):
            for k, window in enumerate(layer.windows):
                window.at, window.removes = f"layer-{n}-window-{k}", f"window-remove:{n}:{k}"
        return self.drafts

    def values(self) -> list[Layer]:
        """The layers that make sense already."""
        found = []
        for draft in self.drafts:
            try:
                found.append(layer_from(draft.as_data()))
            except Refused:
                continue
        return found

    def blame(self, refused: Refused) -> bool:
        """Put a refusal beside the layer it is about; False when it is about none."""
        room, _, rest = refused.where.partition(".")
        number, _, within = rest.partition(".")
        if room != "layers" or not number.isdecimal() or int(number) >= len(self.drafts):
            return False
        self.drafts[int(number)].errors.append(_where(within) + words(refused))
        return True

    def up(self, n: int, *_: int) -> None:
        moved(self.drafts, n, n - 1)

    def down(self, n: int, *_: int) -> None:
        moved(self.drafts, n, n + 1)

    def move(self, n: int, to: int = 0, *_: int) -> None:
        moved(self.drafts, n, to)

    def remove(self, n: int, *_: int) -> None:
        del self.drafts[n]

    def slot(self, n: int, *_: int) -> None:
        """The person chosen is added while reading; this only keeps the page."""

    def nobody(self, n: int, *_: int) -> None:
        if len(self.drafts[n].slots) < SLOTS_MAX:
            self.drafts[n].slots.append([])

    def slot_move(self, n: int, m: int = 0, to: int = 0, *_: int) -> None:
        moved(self.drafts[n].slots, m, to)

    def slot_up(self, n: int, m: int = 0, *_: int) -> None:
        moved(self.drafts[n].slots, m, m - 1)

    def slot_down(self, n: int, m: int = 0, *_: int) -> None:
        moved(self.drafts[n].slots, m, m + 1)

    def without(self, n: int, m: int = 0, k: int = -1, *_: int) -> None:
        """Take a person out of a turn; the turn goes with its last person, and an empty one at once."""
        slots = self.drafts[n].slots
        if m >= len(slots):
            return
        if 0 <= k < len(slots[m]):
            del slots[m][k]
        if not slots[m]:
            del slots[m]

    def window(self, n: int, *_: int) -> None:
        if len(self.drafts[n].windows) < RESTRICTIONS_MAX:
            self.drafts[n].windows.append(WindowDraft())

    def window_remove(self, n: int, k: int = -1, *_: int) -> None:
        if 0 <= k < len(self.drafts[n].windows):
            del self.drafts[n].windows[k]


_CHANGES: Mapping[str, Callable[..., None]] = {
    "up": Layers.up,
    "down": Layers.down,
    "move": Layers.move,
    "remove": Layers.remove,
    "slot": Layers.slot,
    "nobody": Layers.nobody,
    "slot-move": Layers.slot_move,
    "slot-up": Layers.slot_up,
    "slot-down": Layers.slot_down,
    "without": Layers.without,
    "window": Layers.window,
    "window-remove": Layers.window_remove,
}


def moved(items: list[Item], at: int, to: int) -> None:
    """Put the item at `at` where `to` is; does nothing beyond the ends."""
    if 0 <= at < len(items) and 0 <= to < len(items):
        items.insert(to, items.pop(at))


def _where(within: str) -> str:
    """The part of a layer that a dotted path is about, as the page calls it."""
    part, _, rest = within.partition(".")
    number = rest.partition(".")[0]
    nouns = {"users": "Turn", "restrict": "Hours"}
    if part in nouns and number.isdecimal():
        return f"{nouns[part]} {int(number) + 1}: "
    return {"start": "First hand-over: ", "end": "End: ", "every": "Every: ", "timezone": "Time zone: "}.get(
        part, ""
    )


def count_of(data: QueryDict, name: str, most: int) -> int:
    text = data.get(name, "0")
    return min(int(text), most) if text.isdecimal() and len(text) <= NUMBER_LENGTH_MAX else 0


def _read_layer(data: QueryDict, at: str) -> LayerDraft:
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


def read_window(data: QueryDict, at: str) -> WindowDraft:
    closes_on = data.get(f"{at}-closes-on", "")
    return WindowDraft(
        data.get(f"{at}-kind", HOURS),
        [day for day in data.getlist(f"{at}-days") if day in DAYS],
        data.get(f"{at}-opens", "").strip()[:5],
        data.get(f"{at}-closes", "").strip()[:5],
        closes_on if closes_on in DAYS else "",
    )


def first_layer(now: datetime) -> LayerDraft:
    """What a new layer begins as: weekly, from this Monday 09:00. `now` is a wall clock."""
    monday = now.date() - now.weekday() * timedelta(days=1)
    return LayerDraft(start=f"{monday.isoformat()}T09:00")
