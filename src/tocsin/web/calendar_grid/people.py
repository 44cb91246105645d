"""Names and colours of the people of a calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from tocsin.web.rota_words import listed

TINTS = 12  # colours in calendar.css


@dataclass(frozen=True)
class People:
    """Names and colours of those on the page; `reader` is who looks at it."""

    names: Mapping[str, str]
    tints: Mapping[str, int]
    reader: str = ""

    def name(self, user: str) -> str:
        return self.names.get(user, user)

    def listed(self, users: Sequence[str]) -> str:
        """Like "Ada Ortiz", "Ada Ortiz and Bo Lind", "Ada Ortiz, Bo Lind and Cy Tran"; "nobody" for none."""
        return listed([self.name(user) for user in users]) or "nobody"


def people_of(users: Iterable[str], names: Mapping[str, str], reader: str = "") -> People:
    """A colour for each: as a rule always the same one, and different ones while there are enough."""
    free, tints = set(range(TINTS)), {}
    for user in sorted(set(users)):
        wanted = crc32(user.encode()) % TINTS
        while free and wanted not in free:
            wanted = (wanted + 1) % TINTS
        free.discard(wanted)
        tints[user] = wanted
    return People(names, tints, reader)
