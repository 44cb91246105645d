"""Who reads a restricted incident, who may take it unread, and who opens and shuts it. Pure.

Need to know: a role, a team or a place in a schedule opens nothing. Whoever is paged has to be able to answer, so they
know the number; by taking it they come to read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

READERS_MAX = 200  # people named to one incident


class Sight(StrEnum):
    """What somebody sees of an incident."""

    ALL = "all"
    NUMBER = "number"  # they were paged: that there is one, and that they may take it
    NOTHING = "nothing"  # as if there were none of that number


@dataclass(frozen=True)
class Viewer:
    """Who looks. `trusted`: they read what is restricted without being named, as administrators and the program do."""

    user_id: str | None
    trusted: bool = False


PROGRAM = Viewer(None, trusted=True)  # duties, and whoever has the machine


def sight(restricted: bool, viewer: Viewer, *, named: bool, paged: bool) -> Sight:
    """What `viewer` sees. `named`: they are among its readers; `paged`: they were called to it, by a page."""
    if not restricted or viewer.trusted or named:
        return Sight.ALL
    return Sight.NUMBER if paged else Sight.NOTHING


def leads(viewer: Viewer, assigned: str | None, acknowledged_by: str) -> bool:
    """Whether `viewer` decides who reads it: whoever has it, and whoever reads it without being named."""
    if viewer.trusted:
        return True
    return viewer.user_id is not None and (
        viewer.user_id == assigned or acknowledged_by == f"user:{viewer.user_id}"
    )
