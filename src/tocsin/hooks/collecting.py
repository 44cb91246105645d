"""Make messages of what the journal says: each fact once for each webhook that wants it, in the journal's order.

One position for all webhooks moves in the transaction that stores the messages, so a crash neither loses nor doubles
one. Nothing is added to the road of a page: this reads what that road has written, a moment later.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F
from django.utils.translation import override

from tocsin.hooks.models import Hook, Message, Position
from tocsin.hooks.rules import EVENTS, VERSION, detail_of, settled, wants
from tocsin.incident.messages import name_of
from tocsin.incident.models import Incident, chain_of
from tocsin.journal.crashing import point
from tocsin.journal.models import Entry
from tocsin.people.models import User
from tocsin.people.rules import Language

FACTS_MAX = 500  # read in one look
WAITING_MAX = 5_000  # messages of one webhook; what comes then is counted, and not told
_CHAIN = chain_of(0)[:-1]


def newest() -> int:
    """The number of the latest fact; 0 before there is any."""
    return Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def collect(now: datetime, limit: int = FACTS_MAX) -> int:
    """Read the facts since the last look; returns how many."""
    if not Hook.objects.filter(enabled=True).exists():
        return 0
    with transaction.atomic():
        position = Position.objects.select_for_update().first()
        if position is None:
            return 0
        read = list(Entry.objects.filter(pk__gt=position.entry).order_by("pk")[:limit])
        read = read[: settled(position.entry, [(each.pk, each.written_at) for each in read], now)]
        if not read:
            return 0
        told = [each for each in read if each.kind in EVENTS and each.chain.startswith(_CHAIN)]
        if shut := {each.chain for each in read if each.kind == "incident.restricted"}:
            _hush(shut)
        if told:
            _tell(told, now)
            point("webhooks: told")
        position.entry = read[-1].pk
        position.save(update_fields=["entry"])
    return len(read)


def waiting_by_hook() -> dict[str, int]:
    """How many messages wait for each webhook that any wait for."""
    waiting = Message.objects.filter(next_at__isnull=False).order_by()
    return dict(waiting.values_list("hook_id").annotate(count=Count("pk")))


def number_of(message: Message) -> int | None:
    """The incident that the message is about; None for a test."""
    number = message.chain.removeprefix(_CHAIN)
    return int(number) if number != message.chain else None


def _tell(entries: Sequence[Entry], now: datetime) -> None:
    hooks = list(Hook.objects.select_for_update().filter(enabled=True).order_by("pk"))
    waiting = waiting_by_hook()
    incidents = Incident.objects.select_related("service").in_bulk({_number(each) for each in entries})
    people = User.objects.in_bulk({each.who[5:] for each in entries if each.who.startswith("user:")})
    messages, skipped = list[Message](), dict[str, int]()
    for entry in entries:
        incident = incidents.get(_number(entry))
        if incident is None:
            continue
        for hook in hooks:
            team = incident.service.team_id
            if entry.pk <= hook.after or entry.kind not in hook.events:
                continue
            if not wants(hook.services, hook.teams, incident.service_id, team):
                continue
            if waiting.get(hook.pk, 0) >= WAITING_MAX:
                skipped[hook.pk] = skipped.get(hook.pk, 0) + 1
                continue
            waiting[hook.pk] = waiting.get(hook.pk, 0) + 1
            messages.append(_message(hook, entry, incident, people, now))
    Message.objects.bulk_create(messages)
    for key, count in skipped.items():
        Hook.objects.filter(pk=key).update(skipped=F("skipped") + count)


def _message(
    hook: Hook, entry: Entry, incident: Incident, people: Mapping[str, User], now: datetime
) -> Message:
    message = Message(
        hook=hook, entry=entry.pk, chain=entry.chain, event=entry.kind, made_at=now, next_at=now
    )
    kind, _, name = entry.who.partition(":")
    by = {"kind": kind, "id": name or None, "name": people[name].name if name in people else None}
    message.body = document(
        message,
        happened_at=entry.happened_at,
        sequence=entry.seq,
        by=by | {"through": entry.through},
        incident=_hushed(incident) if incident.restricted else _shown(incident),
        detail=detail_of(entry.kind, {} if incident.restricted else entry.data),
    )
    return message


def document(
    message: Message,
    *,
    happened_at: datetime,
    sequence: int | None,
    by: Mapping[str, Any],
    incident: Mapping[str, Any] | None,
    detail: Mapping[str, Any],
) -> str:
    """The one shape of all events, as JSON in ASCII."""
    said = {
        "id": str(message.uid),
        "event": message.event,
        "version": VERSION,
        "webhook": message.hook_id,
        "happened_at": _instant(happened_at),
        "sequence": sequence,
        "by": by,
        "incident": incident,
        "detail": detail,
    }
    return json.dumps(said, separators=(",", ":"), allow_nan=False)


def _shown(incident: Incident) -> dict[str, Any]:
    service = incident.service
    return {
        "id": incident.pk,
        "title": incident.title,
        "restricted": False,
        "state": incident.shown_state,
        "priority": incident.priority,
        "urgency": incident.urgency,
        "impact": incident.impact,
        "service": {"id": service.pk, "name": service.name},
        "team": service.team_id,
        "assigned": incident.assigned_id,
        "opened_at": _instant(incident.opened_at),
        "link": f"{settings.CONFIG.url}/incidents/{incident.pk}",
    }


def _hushed(incident: Incident) -> dict[str, Any]:
    """A restricted incident as receivers hear of it: its number, and how much it presses. They read the rest as
    somebody who may."""
    with override(Language.ENGLISH):
        called = name_of(incident)
    return _shown(incident) | {
        "title": called,
        "restricted": True,
        "service": {"id": None, "name": None},
        "team": None,
    }


def _hush(chains: Collection[str]) -> None:
    """Take out of what waits what these incidents are about: they have become restricted since it was written."""
    incidents = Incident.objects.select_related("service").in_bulk(
        [int(chain[len(_CHAIN) :]) for chain in chains]
    )
    rows = Message.objects.select_for_update().filter(chain__in=chains, next_at__isnull=False).order_by("pk")
    for row in rows:
        said, incident = json.loads(row.body), incidents.get(number_of(row) or 0)
        if incident is not None and incident.restricted:
            said |= {"incident": _hushed(incident), "detail": dict.fromkeys(said["detail"])}
            row.body = json.dumps(said, separators=(",", ":"), allow_nan=False)
            row.save(update_fields=["body"])


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(entry: Entry) -> int:
    return int(entry.chain[len(_CHAIN) :])
