"""What a story calls people, places, channels and ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tocsin.notification.vendors import vendors

Names = Mapping[str, str]  # "user:ada" -> "Ada Ortiz", "integration:shop-events" -> "Shop events"
Data = Mapping[str, Any]
# One for each kind of entry: what happened, and what somebody wrote.
Sentence = Callable[[Data, str, Names], tuple[str, str]]

CHANNELS = {
    "mailto": "e-mail",
    "https": "webhook",
    "http": "webhook",
    "console": "console message",
    "push": "web push",
    "sms": "SMS",
    "tel": "call",
}
THROUGH = {
    "link": "from a message",
    "api": "through the API",
    "cli": "on the command line",
    "file": "by file",
    "mailto": "by e-mail",
    "sms": "by SMS",
    "tel": "on the phone",
}
_PARTY = re.compile(r"\b(user|integration):([a-z0-9][a-z0-9-]*)")


def way(through: str) -> str:
    """Through what somebody acted, for the end of a sentence; a channel that has no words here is named."""
    return THROUGH.get(through, f"through {through.capitalize()}")


def party(who: str, names: Names) -> str:
    """Who did it, as a reader calls them: "Ada Ortiz", "Shop events", "Tocsin"."""
    if who == "engine":
        return "Tocsin"
    if who in names:
        return names[who]
    kind, _, name = who.partition(":")
    return name or {"cli": "The command line", "reporter": "Somebody"}.get(kind, kind)


def parties_in(entries: Iterable[tuple[str, Data]]) -> set[str]:
    """Everybody whom the entries (who, data) mention, as "user:ada"."""
    found: set[str] = set()
    for who, data in entries:
        found.add(who)
        people = data.get("people")
        found |= {f"user:{user}" for user in (people if isinstance(people, list) else ())}
        for name in ("user", "before", "had"):
            value = data.get(name)
            if isinstance(value, str) and value:
                found.add(value if ":" in value else f"user:{value}")
    return found


def named(text: str, names: Names) -> str:
    """`text` with "user:ada" replaced by the name."""
    return _PARTY.sub(lambda match: party(match[0], names), text)


def person(user: object, names: Names) -> str:
    return party(f"user:{user}", names) if user else "nobody"


def people(data: Data, names: Names) -> str:
    """The names in `people`: "Bo Lind", "Bo Lind and Cy Tran", "Ada, Bo and 3 more"."""
    listed = [person(user, names) for user in data.get("people") or ()]
    if len(listed) > 4:
        return f"{', '.join(listed[:3])} and {len(listed) - 3} more"
    return " and ".join(filter(None, (", ".join(listed[:-1]), *listed[-1:]))) or "nobody"


def channel_name(scheme: str) -> str:
    """What readers call the channel of addresses that begin with `scheme`: "e-mail", or as its vendor is called."""
    served = (vendor for vendor in vendors().values() if tuple(vendor.schemes) == (scheme,))
    titled = next((vendor.title.partition(":")[0] for vendor in served), scheme)
    return CHANNELS.get(scheme, titled)


def begun(text: str) -> str:
    """`text` as a sentence begins."""
    return text[:1].upper() + text[1:]


def word(data: Data, key: str) -> str:
    """What the entry says of `key`; a dash when it says nothing."""
    return str(data.get(key) or "—")
