"""How a person or a room in Slack is written down. Pure."""

from __future__ import annotations

import re

from tocsin.kernel.errors import Refused

_PERSON = re.compile(r"[UW][A-Z0-9]{7,30}\Z")
_ROOM = re.compile(r"[CG][A-Z0-9]{7,30}\Z")


def check(address: str) -> str:
    """`slack:U…` (a person) or `slack:C…` (a room) in its plain form. Raises Refused."""
    place = address.partition(":")[2].strip()
    if not person(place) and not room(place):
        raise Refused(
            f"{address[:80]!r} is not an address in Slack",
            "slack: and a member ID (U…) or a channel ID (C…)",
            "In Slack, the member ID is in the profile's ⋮ menu, the channel ID at the end of the channel's "
            "details. `/tocsin connect` says your own.",
            "address",
        )
    return f"slack:{place}"


def person(member: object) -> str:
    """The address of a member's ID; "" for what is none."""
    return f"slack:{member}" if isinstance(member, str) and _PERSON.match(member) else ""


def room(channel: object) -> str:
    """The address of a room's ID; "" for a conversation between two."""
    return f"slack:{channel}" if isinstance(channel, str) and _ROOM.match(channel) else ""
