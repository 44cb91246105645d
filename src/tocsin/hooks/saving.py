"""Changes to webhooks, one or many at once, from a page, the API or a file: what may be said of one is checked here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.catalog.models import Service
from tocsin.hooks.collecting import newest
from tocsin.hooks.models import Hook, Position
from tocsin.hooks.rules import EVENTS, TEST, MessageState, plain_filters
from tocsin.journal.actions import Fact
from tocsin.journal.changes import record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict
from tocsin.kernel.ids import check_slug, new_secret
from tocsin.notification.channels import check_address, scheme_of
from tocsin.people.checking import check_name
from tocsin.people.models import Team

HOOKS_MAX = 50
FILTERS_MAX = 500


@dataclass(frozen=True)
class HookValue:
    """A webhook as it is to be. No services and no teams: it is told of all."""

    name: str
    address: str
    events: Sequence[str]
    services: Sequence[str] = ()
    teams: Sequence[str] = ()
    enabled: bool = True


class HookChanges:
    """Changes to the webhooks `ids`: `save` decides about one, `store` writes all. Inside `changing()` of the
    caller's."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._rows = Hook.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._count = Hook.objects.count()
        self._services = set(Service.objects.values_list("pk", flat=True))
        self._teams = set(Team.objects.values_list("pk", flat=True))
        self._changed: dict[str, Hook] = {}
        self._off: list[Hook] = []
        self._facts: list[Fact] = []

    def save(self, hook_id: str, value: HookValue, now: datetime) -> Hook:
        """Make the webhook or change it; one that is switched on is told of what happens from now on.

        Raises Refused.
        """
        row = self._rows.get(check_slug(hook_id, "id"))
        if row is None and self._count >= HOOKS_MAX:
            raise conflict(f"There are {HOOKS_MAX} webhooks", "Delete those that nobody needs.")
        address = self._check(value, row)
        before = _as_data(row) if row else None
        was_on = row is not None and row.enabled
        if row is None:
            row = self._rows[hook_id] = Hook(id=hook_id, created_at=now, nonce=new_secret())
            self._count += 1
        if row.address != address:
            row.failures, row.failing_since, row.rest_until = 0, None, None
        row.name, row.address, row.enabled = value.name.strip(), address, value.enabled
        row.events, row.services, row.teams = plain_filters(value.events, value.services, value.teams)
        if value.enabled and not was_on:
            _begin(row)
        if was_on and not value.enabled:
            self._off.append(row)
        self._changed[hook_id] = row
        self._facts += saved("webhook", row.pk, before, _as_data(row), personal=("address",))
        return row

    def store(self, by: By, now: datetime) -> None:
        """Write. What waits for a webhook that was switched off is given up."""
        for row in self._changed.values():
            row.save()
        for row in self._off:
            drop_waiting(row)
        record(self._facts, by, now)

    def _check(self, value: HookValue, row: Hook | None) -> str:
        """The address in its plain form. Raises Refused. What stands in `row` already is not held against it: one whose
        service is gone, or whose address may not be called any more, can still be switched off."""
        check_name(value.name)
        same = row is not None and row.address == value.address and not value.enabled
        address = value.address if same else check_hook_address(value.address)
        if not value.events:
            raise Refused("No event is chosen", "at least one", where="events")
        for each in value.events:
            if each not in EVENTS:
                raise Refused(
                    f"There is no event {each[:60]!r}", f"one of {', '.join(EVENTS)}", where="events"
                )
        had = (row.services, row.teams) if row is not None else ([], [])
        _known(value.services, self._services.union(had[0]), "service", "services")
        _known(value.teams, self._teams.union(had[1]), "team", "teams")
        return address


def check_hook_address(address: str) -> str:
    """The address in its plain form. Raises Refused for one that is none of a webhook, or may not be called."""
    if scheme_of(address) not in ("https", "http"):
        raise Refused(
            "That is no address of a webhook", "an address that begins with https://", where="address"
        )
    return check_address(address)


def drop_waiting(row: Hook) -> int:
    """Give up what waits for a webhook that was switched off; returns how many. In the caller's transaction."""
    waiting = row.messages.filter(next_at__isnull=False).exclude(event=TEST)
    return waiting.update(state=MessageState.DROPPED, next_at=None)


def _begin(row: Hook) -> None:
    """Facts from now on are told. Where no other webhook was on, nobody has kept the position."""
    row.after, row.off_why, row.skipped = newest(), "", 0
    row.failures, row.failing_since, row.rest_until = 0, None, None
    if not Hook.objects.filter(enabled=True).exists():
        Position.objects.update_or_create(pk=1, defaults={"entry": row.after})


def _known(named: Sequence[str], known: set[str], noun: str, where: str) -> None:
    if len(named) > FILTERS_MAX:
        raise Refused(f"{len(named)} {where}", f"at most {FILTERS_MAX}", where=where)
    if missing := sorted(set(named) - known):
        raise Refused(f"There is no {noun} {missing[0][:64]!r}", f"the id of a {noun}", where=where)


def _as_data(row: Hook) -> dict[str, Any]:
    """The webhook for the journal; who knows its address may be able to write there, so it is not repeated."""
    return {
        "name": row.name,
        "address": row.address,
        "events": list(row.events),
        "services": list(row.services),
        "teams": list(row.teams),
        "enabled": row.enabled,
    }
