"""Sentences of the incident itself, of its alerts and its reports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tocsin.kernel.durations import in_words
from tocsin.web.story.naming import Data, Names, Sentence, party, person, word

_TITLES_SHOWN = 3


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
        f"{actor} set {word(data, 'urgency')} urgency and {word(data, 'impact')} impact: "
        f"{word(data, 'priority')}{was}",
        "",
    )


def _worsened(data: Data, actor: str, names: Names) -> tuple[str, str]:
    had = str(data.get("had") or "")
    taken = f"; {party(had, names)} had the lesser trouble" if had else ""
    return f"It got worse and is {word(data, 'priority')} now: {word(data, 'why')}{taken}", ""


def _renamed(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{actor} renamed it: {data.get('title', '')}", f"before: {data.get('before', '')}"


def _reader_named(data: Data, actor: str, names: Names) -> tuple[str, str]:
    who = person(data.get("user"), names)
    by_taking = {"acknowledged": "took it", "snoozed": "put it off", "assigned": "was given it"}
    why = str(data.get("why", ""))
    if why == "opened":
        return f"{who} may read it, who opened it", ""
    if why in by_taking:
        return f"{who} may read it, who {by_taking[why]}", ""
    if why == "restricted":
        return f"{who} may read it still", ""
    return f"{actor} let {who} read it", ""


def _reader_withdrawn(data: Data, actor: str, names: Names) -> tuple[str, str]:
    return f"{actor} withdrew {person(data.get('user'), names)}, who reads it no more", ""


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


SENTENCES: dict[str, Sentence] = {
    "incident.reported": _reported,
    "incident.opened": _opened,
    "incident.acknowledged": _acknowledged,
    "incident.awake": lambda data, actor, names: (
        f"{actor} is up: what else comes of this reaches them quietly for a while",
        "",
    ),
    "incident.snoozed": _snoozed,
    "incident.ack_expired": _ack_expired,
    "incident.resolved": _resolved,
    "incident.reopened": lambda data, actor, names: (f"{actor} reopened it; the policy begins again", ""),
    "incident.closed": lambda data, actor, names: (f"{actor} closed it", ""),
    "incident.noted": lambda data, actor, names: (f"{actor} noted", str(data.get("text", ""))),
    "incident.assigned": _assigned,
    "incident.restricted": lambda data, actor, names: (f"{actor} restricted who reads it", ""),
    "incident.unrestricted": lambda data, actor, names: (f"{actor} let everybody read it", ""),
    "incident.reader_named": _reader_named,
    "incident.reader_withdrawn": _reader_withdrawn,
    "incident.classified": _classified,
    "incident.worsened": _worsened,
    "incident.renamed": _renamed,
    "report.linked": lambda data, actor, names: (
        f"{actor} said that it is the same as #{word(data, 'to')}",
        "",
    ),
    "report.joined": lambda data, actor, names: (f"{actor} said that #{word(data, 'from')} is the same", ""),
    "report.declined": lambda data, actor, names: (
        f"{actor} declined the report; its reporter is told",
        str(data.get("reason", "")),
    ),
    "alert.joined": _joined,
    "alert.resolved": _alert_resolved,
}
