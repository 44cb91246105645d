"""Whether a button, a link or a code still does something, and why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.incident.rules import OPEN, State
from tocsin.notification.rules import ActVerb


class Standing(StrEnum):
    """What somebody meets who presses, opens or answers."""

    OPEN = "open"  # it can be done
    NOT_ALLOWED = "not allowed"  # the person may not act on incidents
    OVER = "over"  # the incident is resolved or closed
    DONE = "done"  # by this very press, earlier
    TAKEN = "taken"  # somebody else has it
    MINE = "mine"  # the presser has it, by another way
    USED = "used"  # it was used before, and what it did holds no longer
    EXPIRED = "expired"


@dataclass(frozen=True)
class Press:
    """A press on `verb` about an incident in `state`. `mine`: the presser acknowledged it; `snoozed`: it only rests,
    and whoever wants it may take it; `called`: it was passed on to the presser after somebody took it. `used_at` and
    `expires_at` are None for what neither wears out nor ends: a button in a chat, pressed by somebody known."""

    verb: ActVerb
    state: State
    allowed: bool
    mine: bool = False
    snoozed: bool = False
    called: bool = False
    used_at: datetime | None = None
    expires_at: datetime | None = None


ALWAYS = (ActVerb.NOTE,)  # may be said again, and of what is over


def standing(press: Press, now: datetime) -> Standing:
    """What the press meets at `now`. Who was used up is told what became of it before the age is looked at."""
    if not press.allowed:
        return Standing.NOT_ALLOWED
    late = press.expires_at is not None and now >= press.expires_at
    if press.verb in ALWAYS:
        return Standing.EXPIRED if late else Standing.OPEN
    if press.state not in OPEN:
        return Standing.DONE if press.used_at is not None and press.verb is ActVerb.RESOLVE else Standing.OVER
    held = press.state == State.ACKNOWLEDGED
    if press.used_at is not None:
        return _used(press.verb, held, press.mine)
    if late:
        return Standing.EXPIRED
    if not held or press.snoozed or press.called:
        return Standing.OPEN
    if press.verb is ActVerb.ACKNOWLEDGE:
        return Standing.MINE if press.mine else Standing.TAKEN
    if press.verb is ActVerb.SNOOZE and not press.mine:
        return Standing.TAKEN
    return Standing.OPEN


def _used(verb: ActVerb, held: bool, mine: bool) -> Standing:
    if verb is ActVerb.ESCALATE:
        return Standing.DONE
    if verb in (ActVerb.ACKNOWLEDGE, ActVerb.SNOOZE) and held:
        return Standing.DONE if mine else Standing.TAKEN
    return Standing.USED
