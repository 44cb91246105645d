"""How much a schedule may say in all, so that whoever asks about it has the answer in a moment. Pure.

Every list has a bound of its own (see `values`). These are about what they cost together: each stretch of a schedule is
looked at once for every override that holds then, and every layer is painted with all who sit in it. With them two
years of the worst schedule that can be written are painted in about a second; `tests/oncall_rules/test_bounds.py`
writes such schedules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tocsin.kernel.errors import Refused
from tocsin.oncall.rules.values import LAYERS_MAX, Layer, Override, Seat, Temporary

NAMES_AT_ONCE_MAX = 100  # in the overrides that hold at one instant
TEMPORARY_LAYERS_AT_ONCE_MAX = LAYERS_MAX  # of the temporary schedules that hold at one instant
TEMPORARY_LAYERS_MAX = 500  # of all temporary schedules
SEATS_IN_ALL_MAX = 5_000  # in all layers, those of temporary schedules with them
DATES_IN_ALL_MAX = 500  # people who join or leave, in all layers


def check_sizes(layers: Sequence[Layer], overrides: Sequence[Override | Temporary], where: str = "") -> None:
    """Raises Refused when a schedule of these says more than can be computed in a moment."""
    prefix = f"{where}." if where else ""
    temporary = [layer for each in overrides if isinstance(each, Temporary) for layer in each.layers]
    seats = [seat for layer in (*layers, *temporary) for seat in _seats(layer)]
    dated = sum(1 for seat in seats if seat.start or seat.until)
    place = f"{prefix}{'overrides' if temporary else 'layers'}"
    _bound(len(temporary), TEMPORARY_LAYERS_MAX, "layers in temporary schedules", place)
    _bound(len(seats), SEATS_IN_ALL_MAX, "people in all layers together", place)
    _bound(dated, DATES_IN_ALL_MAX, "people who join or leave", place)
    _check_at_once(overrides, f"{prefix}overrides")


def _seats(layer: Layer) -> Iterator[Seat]:
    return (seat for slot in layer.slots for seat in slot)


def _bound(count: int, most: int, what: str, where: str) -> None:
    if count > most:
        raise Refused(f"The schedule has {count} {what}", f"at most {most}", "Make it shorter.", where)


def _check_at_once(overrides: Iterable[Override | Temporary], where: str) -> None:
    """Go through time, and count what holds."""
    edges = []
    for number, each in enumerate(overrides):
        if isinstance(each, Temporary):
            names, layers = 0, len(each.layers)
        else:
            names, layers = len(each.users) + len(each.replaces), 0
        # Of what meets, what ends comes first.
        edges += [(each.end, 0, number, -names, -layers), (each.start, 1, number, names, layers)]
    people = painted = 0
    for at, _, number, names, layers in sorted(edges):
        people, painted = people + names, painted + layers
        if people > NAMES_AT_ONCE_MAX:
            raise _too_many(at, f"{people} people in overrides", NAMES_AT_ONCE_MAX, f"{where}.{number}")
        if painted > TEMPORARY_LAYERS_AT_ONCE_MAX:
            what = f"{painted} layers of temporary schedules"
            raise _too_many(at, what, TEMPORARY_LAYERS_AT_ONCE_MAX, f"{where}.{number}")


def _too_many(at: object, what: str, most: int, where: str) -> Refused:
    return Refused(
        f"At {at:%Y-%m-%d %H:%M} UTC there would be {what} at once",
        f"at most {most}",
        "Take back those that others hide, or change the layers for what is to stay.",
        where,
    )
