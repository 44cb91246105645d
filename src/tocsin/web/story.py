"""The journal of one incident in plain words. Pure: entries and names in, sentences out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.kernel.durations import in_words
from tocsin.notification.vendors import vendors

Names = Mapping[str, str]  # "user:ada" -> "Ada Ortiz", "integration:shop-events" -> "Shop events"
Data = Mapping[str, Any]

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
PLAIN = ("web", "event", "engine")  # which need no word
_PARTY = re.compile(r"\b(user|integration):([a-z0-9][a-z0-9-]*)")
_TITLES_SHOWN = 3


@dataclass(frozen=True)
class Told:
    """One line of the timeline. `said` is what somebody wrote; `strong` marks a change of state."""

    seq: int
    at: datetime
    text: str
    said: str = ""
    strong: bool = False
    times: int = 1
    until: datetime | None = None  # the instant that the sentence ends with


def tell(seq: int, kind: str, data: Data, who: str, through: str, at: datetime, names: Names) -> Told:
    """The entry as a sentence; a kind that nobody has words for is told by its name."""
    actor = party(who, names)
    how = f" {way(through)}" if through not in PLAIN and who.startswith("user:") else ""
    sentence = SENTENCES.get(kind)
    if sentence is None:
        text, said = f"{actor}: {kind.replace('.', ' ').replace('_', ' ')}", ""
    else:
        text, said = sentence(data, actor, names)
    did, semicolon, besides = text.partition(";")
    until = (
        datetime.fromisoformat(str(data["until"])) if kind == "climb.waits" and data.get("until") else None
    )
    return Told(seq, at, did + how + semicolon + besides + ".", said, kind in STRONG, until=until)


def way(through: str) -> str:
    """Through what somebody acted, for the end of a sentence; a channel that has no words here is named."""
    return THROUGH.get(through, f"through {through.capitalize()}")


def folded(lines: Iterable[Told]) -> list[Told]:
    """The lines, the newest first, with neighbours that say the same made one that counts them."""
    out: list[Told] = []
    for line in lines:
        if out and not line.said and (out[-1].text, out[-1].said) == (line.text, ""):
            out[-1] = replace(out[-1], times=out[-1].times + 1)
        else:
            out.append(line)
    return out


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


# -- one function for each kind: what happened, and what somebody wrote ------------------------------------------------

Sentence = Callable[[Data, str, Names], tuple[str, str]]


def _word(data: Data, key: str) -> str:
    """What the entry says of `key`; a dash when it says nothing."""
    return str(data.get(key) or "—")


def _opened(data: Data, actor: str, names: Names) -> tuple[str, str]:
    alerts = int(data.get("alerts", 0))
    count = f", {alerts} alerts at once" if alerts > 1 else ""
    return f"{actor} opened it as {data.get('priority', '')}{count}: {data.get('title', '')}", ""


def _acknowledged(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{actor} acknowledged{_spared(data)}", ""


def _spared(data: Data) -> str:
    count = int(data.get("spared") or 0)
    return f"; {count} message{'s' if count > 1 else ''} not needed any more" if count else ""


def _reported(data: Data, actor: str, names: Names) -> tuple[str, str]:
    who = str(data.get("name") or str(data.get("address", "")).partition(":")[2] or actor)
    words = "\n\n".join(str(data[part]) for part in ("title", "text") if data.get(part))
    return f"{who} reported it", words


def _snoozed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    length = in_words(timedelta(seconds=int(data.get("seconds") or 0)))
    return f"{actor} snoozed it for {length}{_spared(data)}", ""


def _ack_expired(data: Data, actor: str, names: Names) -> tuple[str, str]:
    had = str(data.get("had") or "")
    if data.get("snoozed"):
        whose = f"{party(had, names)} snoozed it until now" if had else "It was snoozed until now"
        return f"{whose}; looking for somebody again", ""
    whose = f" by {party(had, names)}" if had else ""
    return f"The acknowledgement{whose} ran out; looking for somebody again", ""


def _resolved(data: Data, actor: str, names: Names) -> tuple[str, str]:
    why = f": {data['why']}" if data.get("why") else ""
    return f"{actor} resolved it{why}{_spared(data)}", str(data.get("note", ""))


def _assigned(data: Data, actor: str, names: Names) -> tuple[str, str]:
    to, before = data.get("user"), data.get("before")
    was = f" (before: {person(before, names)})" if before else ""
    return f"{actor} handed it to {person(to, names)}{was}", ""


def _classified(data: Data, actor: str, names: Names) -> tuple[str, str]:
    before = data.get("before") if isinstance(data.get("before"), Mapping) else {}
    was = f" (before: {before['priority']})" if before and before.get("priority") else ""
    return (
        f"{actor} set {_word(data, 'urgency')} urgency and {_word(data, 'impact')} impact: "
        f"{_word(data, 'priority')}{was}",
        "",
    )


def _worsened(data: Data, actor: str, names: Names) -> tuple[str, str]:
    had = str(data.get("had") or "")
    taken = f"; {party(had, names)} had the lesser trouble" if had else ""
    return f"It got worse and is {_word(data, 'priority')} now: {_word(data, 'why')}{taken}", ""


def _joined(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{_some_alerts(data)} from {actor} joined", _titles(data)


def _alert_resolved(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{_some_alerts(data)} from {actor} ended", _titles(data)


def _some_alerts(data: Data) -> str:
    count = int(data.get("count") or 1)
    return "One alert" if count == 1 else f"{count} alerts"


def _titles(data: Data) -> str:
    titles = data.get("titles")
    listed = [str(title) for title in titles] if isinstance(titles, list) else []
    more = int(data.get("count") or len(listed)) - _TITLES_SHOWN
    return "\n".join(listed[:_TITLES_SHOWN] + ([f"and {more} more"] if more > 0 else []))


def _climb_paged(data: Data, actor: str, names: Names) -> tuple[str, str]:
    again = f", round {data['round']}" if int(data.get("round") or 1) > 1 else ""
    return (
        f"Level {_word(data, 'level')}{again} pages {people(data, names)}{_and_tells(data)}{_passed(data)}",
        "",
    )


def _and_tells(data: Data) -> str:
    """Which places are told besides; "" for none."""
    told = [str(place) for place in data.get("places") or ()]
    return f" and tells {', '.join(told)}" if told else ""


def _passed(data: Data) -> str:
    """Why levels were passed over, in brackets; "" when none was and every schedule had somebody on call."""
    closed = data.get("closed") or []
    nobody = [level for level in data.get("skipped") or () if level not in closed]
    why = [f"nobody on level {', '.join(map(str, nobody))}"] if nobody else []
    why += [f"level {level} is for other hours" for level in closed]
    why += [_nobody_on(str(target)) for target in data.get("empty") or ()]
    return f" ({', '.join(why)})" if why else ""


def _nobody_on(target: str) -> str:
    """That nobody was behind "schedule:web-primary/next"."""
    schedule, _, shift = target.partition(":")[2].partition("/")
    when = {"next": "nobody comes next on", "previous": "nobody came before on"}
    return f"{when.get(shift, 'nobody was on call for')} {schedule}"


def _climb_waits(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"Every level is for other hours; it waits until level {_word(data, 'level')} opens", ""


def _climb_exhausted(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"Nobody answered on any level; {people(data, names)} told as a last resort", ""


def _climb_nobody(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"The policy reaches nobody{_passed(data)}; {people(data, names)} told instead", ""


def _climb_pushed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    labels = (
        ("what_happens", "What happens"),
        ("impact", "Impact"),
        ("tried", "Tried so far"),
        ("help_needed", "Help needed"),
    )
    note = "\n".join(f"{label}: {data[key]}" for key, label in labels if data.get(key))
    return f"{actor} escalated to the next level", note


WHAT = {"over": "word that it is over", "shadow": "a copy of the page", "update": "an update"}


def _whom(data: Data, names: Names) -> str:
    """Who was told: a person, or the place of that name."""
    return f"the place {data['place']}" if data.get("place") else person(data.get("user"), names)


def _sent(data: Data, actor: str, names: Names) -> tuple[str, str]:
    tries = int(data.get("attempt") or 1)
    at_last = f", at attempt {tries}" if tries > 1 else ""
    what = WHAT.get(str(data.get("what", "")), "the page")
    return f"{_begun(_whom(data, names))} was sent {what} by {_channel(data)}{at_last}", ""


def _failed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    why = f": {data['error']}" if data.get("error") else ""
    return f"{_begun(_channel(data))} to {_whom(data, names)} did not go{why}", ""


def _undeliverable(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return (
        f"{person(data.get('user'), names)} cannot be reached: {data.get('error') or 'every channel failed'}",
        "",
    )


def _break_glass(data: Data) -> tuple[str, str]:
    told = [each for each in data.get("told", ()) if isinstance(each, Mapping)]
    parts = [f"{each.get('to')} by {each.get('channel')}: {each.get('error') or 'sent'}" for each in told]
    return "The break-glass list was told", "; ".join(parts)


def _unconfirmed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    alone = data.get("what") in ("update", "over")  # by one channel, and no other follows
    follows = "" if alone else "; the next channel goes now"
    said = f"{_begun(_channel(data))} to {_whom(data, names)} was sent, and nobody says that it arrived"
    return f"{said}{follows}", ""


def _together(data: Data, actor: str, names: Names) -> tuple[str, str]:
    whom = person(data.get("user"), names)
    return f"{whom} was told of it in the message about #{_word(data, 'incident')}, by {_channel(data)}", ""


def _suppressed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{_begun(_channel(data))} to {person(data.get('user'), names)} was not needed any more", ""


def _confirmed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    late = " after all" if data.get("late") else ""
    return f"The page arrived{late} at {person(data.get('user'), names)} ({_channel(data)})", ""


def channel_name(scheme: str) -> str:
    """What readers call the channel of addresses that begin with `scheme`: "e-mail", or as its vendor is called."""
    served = (vendor for vendor in vendors().values() if tuple(vendor.schemes) == (scheme,))
    titled = next((vendor.title.partition(":")[0] for vendor in served), scheme)
    return CHANNELS.get(scheme, titled)


def _begun(text: str) -> str:
    """`text` as a sentence begins."""
    return text[:1].upper() + text[1:]


def _channel(data: Data) -> str:
    word = str(data.get("channel", ""))
    channel, contact = channel_name(word) or "a message", str(data.get("contact", ""))
    return f"{channel} ({contact})" if contact and contact not in (word, channel) else channel


def _renamed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{actor} renamed it: {data.get('title', '')}", f"before: {data.get('before', '')}"


SENTENCES: dict[str, Sentence] = {
    "incident.reported": _reported,
    "incident.opened": _opened,
    "incident.acknowledged": _acknowledged,
    "incident.snoozed": _snoozed,
    "incident.ack_expired": _ack_expired,
    "incident.resolved": _resolved,
    "incident.reopened": lambda data, actor, names: (f"{actor} reopened it; the policy begins again", ""),
    "incident.closed": lambda data, actor, names: (f"{actor} closed it", ""),
    "incident.noted": lambda data, actor, names: (f"{actor} noted", str(data.get("text", ""))),
    "incident.assigned": _assigned,
    "incident.classified": _classified,
    "incident.worsened": _worsened,
    "incident.renamed": _renamed,
    "report.linked": lambda data, actor, names: (
        f"{actor} said that it is the same as #{_word(data, 'to')}",
        "",
    ),
    "report.joined": lambda data, actor, names: (f"{actor} said that #{_word(data, 'from')} is the same", ""),
    "report.declined": lambda data, actor, names: (
        f"{actor} declined the report; its reporter is told",
        str(data.get("reason", "")),
    ),
    "alert.joined": _joined,
    "alert.resolved": _alert_resolved,
    "climb.started": lambda data, actor, names: ("The policy begins at its first level", ""),
    "climb.paged": _climb_paged,
    "climb.waits": _climb_waits,
    "climb.resumed": lambda data, actor, names: (
        "Tocsin stood still while the next level was due; it goes on in a moment, after what came meanwhile",
        "",
    ),
    "climb.exhausted": _climb_exhausted,
    "climb.nobody": _climb_nobody,
    "climb.pushed": _climb_pushed,
    "incident.awake": lambda data, actor, names: (
        f"{actor} is up: what else comes of this reaches them quietly for a while",
        "",
    ),
    "climb.alone": lambda data, actor, names: (
        "Nobody could be reached, by any message: the alarm sounds, and the policy begins again",
        "",
    ),
    "climb.last_resort": lambda data, actor, names: (
        f"The last resort was run: {_word(data, 'outcome')}",
        "",
    ),
    "climb.break_glass": lambda data, actor, names: _break_glass(data),
    "climb.held": lambda data, actor, names: (
        "The climb is held: this Tocsin was restored from a backup",
        "Escalate by hand, or acknowledge it, when it still matters.",
    ),
    "climb.set_aside": lambda data, actor, names: (
        "The policy could not be followed; the fallback contact is told",
        str(data.get("problem", "")),
    ),
    "page.sent": _sent,
    "page.failed": _failed,
    "page.undeliverable": _undeliverable,
    "page.suppressed": _suppressed,
    "page.confirmed": _confirmed,
    "page.together": _together,
    "page.unconfirmed": _unconfirmed,
    "page.template_failed": lambda data, actor, names: (
        f"{person(data.get('user') or data.get('place'), names)} was told in Tocsin's own words, as a template failed",
        str(data.get("error", "")),
    ),
}
STRONG = frozenset(
    {
        "incident.opened",
        "incident.acknowledged",
        "incident.snoozed",
        "incident.ack_expired",
        "incident.resolved",
        "incident.reopened",
        "incident.closed",
        "incident.worsened",
        "climb.exhausted",
        "climb.nobody",
        "climb.alone",
        "page.undeliverable",
    }
)
