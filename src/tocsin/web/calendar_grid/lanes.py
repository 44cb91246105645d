"""What stands one below the other in each band: the layers, the overrides, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tocsin.kernel.spans import Span
from tocsin.oncall.rules import Override, Schedule, Shift, Temporary, Timeline, layer_shifts
from tocsin.web.rota_words import in_turns

# Computed beyond the period, so that a shift that reaches out of it says its whole span.
AROUND = timedelta(days=31)
OVERRIDE_LANES_MAX = 6  # drawn; a lane says how many more overrides there are


@dataclass(frozen=True)
class Lane:
    """What one lane shows over the whole period."""

    name: str
    shifts: tuple[Shift, ...]
    kind: str = "layer"  # "layer", "override", "final", "mine"
    note: str = ""  # what it says on hover: the rotation
    known: Span | None = None  # what was computed: a shift that ends there may go on
    link: str = ""  # where a press on a bar leads, before the instant


def lanes(schedule: Schedule, final: Timeline, shown: Span, link: str = "") -> tuple[Lane, ...]:
    """The lanes of `schedule`, the layers from the weakest to the strongest, then what is made of them, whose bars lead
    to `link`."""
    known = Span(shown.start - AROUND, shown.end + AROUND)
    found = [
        Lane(
            layer.name or f"Layer {number}",
            layer_shifts(layer, schedule.timezone, *known, schedule.calendars, f"layer:{number}"),
            note=in_turns(layer),
            known=known,
        )
        for number, layer in enumerate(schedule.layers, 1)
    ]
    changes = tuple(_change(each) for each in schedule.overrides if each.span.common(shown))
    if changes:
        found.extend(_override_lanes(changes))
    found.append(
        Lane("Who is paged", final.stretches, "final", known=Span(final.start, final.end), link=link)
    )
    return tuple(found)


def _change(override: Override | Temporary) -> Shift:
    if isinstance(override, Temporary):
        return Shift(override.start, override.end, (), ("temporary",))
    return Shift(override.start, override.end, override.users, (override.mode.value,) * len(override.users))


def _override_lanes(changes: Sequence[Shift]) -> Iterator[Lane]:
    stacked = _stacked(changes)
    for row in stacked[:OVERRIDE_LANES_MAX]:
        yield Lane("Overrides", row, "override")
    if left := sum(len(row) for row in stacked[OVERRIDE_LANES_MAX:]):
        yield Lane(f"{left} more overrides", stacked[OVERRIDE_LANES_MAX], "override")


def _stacked(changes: Sequence[Shift]) -> list[tuple[Shift, ...]]:
    """`changes` in as few rows as keep them from lying one over the other."""
    rows: list[list[Shift]] = []
    for each in sorted(changes):
        row = next((row for row in rows if row[-1].end <= each.start), None)
        if row is None:
            rows.append([each])
        else:
            row.append(each)
    return [tuple(row) for row in rows]
