"""Everything the engine does, in the order in which it does it.

The order is the way of an alert, so that one look carries it from the inbox to the first page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from tocsin.answering.once import SWEEP_MAX as HEARD_MAX
from tocsin.answering.once import forget_heard
from tocsin.answering.reports import TELL_MAX as REPORTERS_MAX
from tocsin.answering.reports import tell_reporters
from tocsin.engine.calendars import LOOKS_MAX
from tocsin.engine.cards import change_now
from tocsin.engine.loop import Duty
from tocsin.escalation.actions import CLIMBS_MAX, climb_due, pass_on_unreachable, start_climbs
from tocsin.escalation.alarm_actions import ALARMS_MAX, sound_alarms
from tocsin.escalation.models import Climb
from tocsin.hooks.collecting import FACTS_MAX, collect
from tocsin.hooks.sending import SWEEP_MAX as MESSAGES_MAX
from tocsin.hooks.sending import forget_old
from tocsin.incident.by_time import SWEEP_MAX as INCIDENTS_MAX
from tocsin.incident.by_time import expire_acknowledgements, resolve_settled
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.incident.updating import GROWN_MAX, tell_growth
from tocsin.intake.actions import ROWS_MAX, digest, end_silent_alerts, forget_old_answers
from tocsin.intake.actions import SWEEP_MAX as ALERTS_MAX
from tocsin.intake.hot_pace import PACE
from tocsin.intake.hot_store import ARRIVED
from tocsin.intake.models import Alert, Inbox
from tocsin.intake.rules import AlertState, Reader
from tocsin.journal.actions import HEADS_PER_SEAL, seal, take_lease
from tocsin.notification.cards import CARDS_MAX
from tocsin.notification.models import Card, Delivery, Page
from tocsin.notification.receipts import RECEIPTS_MAX, give_up_waiting
from tocsin.notification.rules import DeliveryState
from tocsin.notification.self_test import ENDED_MAX as TESTS_MAX
from tocsin.notification.self_test import end_tests
from tocsin.oncall.models import Import
from tocsin.telling.changes import SCHEDULES_MAX as CHANGES_MAX
from tocsin.telling.changes import tell_changes
from tocsin.telling.contacts import EVERY as CONTACTS_EVERY
from tocsin.telling.contacts import tell_contacts
from tocsin.telling.covers import REQUESTS_MAX as COVERS_MAX
from tocsin.telling.covers import end_covers, remind, tell_covers
from tocsin.telling.gaps import LOOKS_MAX as GAPS_MAX
from tocsin.telling.gaps import tell_gaps
from tocsin.telling.handovers import hand_over
from tocsin.telling.imports import tell_imports
from tocsin.telling.starts import STARTS_MAX, tell_starts
from tocsin.telling.unreached import tell_unreached

SEAL_EVERY = timedelta(seconds=10)
SEAL_LEASE = timedelta(seconds=30)  # a node that dies holding it delays the seals by this much, nothing else
SWEEP_EVERY = timedelta(minutes=1)

SHIFTS_EVERY = timedelta(seconds=2)
HOOKS_EVERY = timedelta(seconds=1)

Leaving = Callable[[datetime], AbstractContextManager[object]]
Act = Callable[[datetime], int]  # how many were moved on

_log = structlog.get_logger("tocsin.engine")


def _each_by_itself(now: datetime) -> AbstractContextManager[object]:
    """Every action commits alone, and the sender finds what it has made due."""
    return nullcontext()


def _first(rows: QuerySet[Any], instant: str, *order: str) -> QuerySet[Any, Any]:
    """The `instant` of the row that comes first in `order`, by itself in the order of the instants."""
    return rows.order_by(*(order or (instant,))).values_list(instant, flat=True)[:1]


_inbox = _first(Inbox.objects.filter(quarantined_at=None), "received_at", "lane", "id")
_firing = _first(Alert.objects.filter(state=AlertState.FIRING, ends_at__isnull=False), "ends_at")
_held = _first(
    Incident.objects.filter(state=State.ACKNOWLEDGED, ack_expires_at__isnull=False), "ack_expires_at"
)
_settled = _first(Incident.objects.filter(state__in=OPEN, resolve_at__isnull=False), "resolve_at")
_wanted = _first(Incident.objects.filter(needs_climb=True), "opened_at", "id")
_climbing = _first(Climb.objects.filter(due_at__isnull=False), "due_at")
_unconfirmed = _first(
    Delivery.objects.filter(state=DeliveryState.SENT, receipt_by__isnull=False, unconfirmed_at=None),
    "receipt_by",
)
_unreached = _first(
    Page.objects.filter(undeliverable_at__isnull=False, passed_on_at=None), "undeliverable_at"
)
_alarms = _first(Climb.objects.filter(alarm_at__isnull=False), "alarm_at")
_grown = _first(Incident.objects.filter(update_at__isnull=False), "update_at")
_cards = _first(Card.objects.filter(next_at__isnull=False), "next_at")
_imports = _first(Import.objects.filter(due_at__isnull=False), "due_at")

# What an instant that has passed ends.
ENDING = (
    Duty("end silent alerts", end_silent_alerts, ALERTS_MAX, waits=_firing),
    Duty("expire acknowledgements", expire_acknowledgements, INCIDENTS_MAX, waits=_held),
    Duty("resolve what has settled", resolve_settled, INCIDENTS_MAX, waits=_settled),
)
CLIMBING = (
    Duty("start climbs", start_climbs, CLIMBS_MAX, waits=_wanted),
    Duty("climb", climb_due, CLIMBS_MAX, waits=_climbing),
    Duty("give up waiting for receipts", give_up_waiting, RECEIPTS_MAX, waits=_unconfirmed),
    Duty("pass on the unreachable", pass_on_unreachable, CLIMBS_MAX, waits=_unreached),
)
FORGETTING = (
    Duty("forget old answers", forget_old_answers, ALERTS_MAX, every=SWEEP_EVERY),
    Duty("forget what was heard", forget_heard, HEARD_MAX, every=SWEEP_EVERY),
)
# What people are told about their shifts. It can wait some seconds, and comes after all that pages.
TELLING = (
    Duty("hand over", hand_over, every=SHIFTS_EVERY),
    Duty("tell of changed shifts", tell_changes, CHANGES_MAX, every=SHIFTS_EVERY),
    Duty("tell of requests for cover", tell_covers, COVERS_MAX, every=SHIFTS_EVERY),
    Duty("remind of requests for cover", remind, COVERS_MAX, every=SWEEP_EVERY),
    Duty("end requests for cover", end_covers, COVERS_MAX, every=SWEEP_EVERY),
    Duty("tell of gaps", tell_gaps, GAPS_MAX, every=SHIFTS_EVERY),
    Duty("tell of shifts that begin", tell_starts, STARTS_MAX, every=SWEEP_EVERY),
    Duty("tell of calendars", tell_imports, every=SWEEP_EVERY),
    Duty("tell reporters", tell_reporters, REPORTERS_MAX, every=SHIFTS_EVERY),
    Duty("tell of services that reach nobody", tell_unreached, every=SHIFTS_EVERY),
    Duty("tell of contacts", tell_contacts, every=CONTACTS_EVERY),
    Duty("end tests of contacts", end_tests, TESTS_MAX, every=SWEEP_EVERY),
)

# What other programs are told of incidents, a moment later.
TELLING_PROGRAMS = (
    Duty("collect for webhooks", collect, FACTS_MAX, every=HOOKS_EVERY),
    Duty("forget what webhooks were sent", forget_old, MESSAGES_MAX, every=SWEEP_EVERY),
)


def duties(
    readers: Mapping[str, Reader],
    seal_key: bytes,
    node: str,
    *,
    leaving: Leaving = _each_by_itself,
    look_at_calendars: Act | None = None,
    change_cards: Act = change_now,
    sound: Act = sound_alarms,
    send_to_hooks: Act | None = None,
) -> tuple[Duty, ...]:
    """The list. `readers` are the sources by name; `node` is who holds a lease; `leaving(now)` goes around what makes
    pages of events, so that they leave with its commit; `look_at_calendars` begins looks at calendars elsewhere;
    `change_cards` begins changes of cards, or makes them itself; `sound` sounds the alarm where nobody is reached;
    `send_to_hooks` begins to send what webhooks wait for."""

    def digest_inbox(now: datetime) -> int:
        with PACE.batch(ROWS_MAX) as rows, leaving(now):
            moved = digest(readers, now, rows)
            if moved:
                _climb_at_once(now)
        return moved

    def seal_journal(now: datetime) -> int:
        if take_lease("seal", node, now, SEAL_LEASE) is None:
            return 0
        return seal(seal_key, now)

    elsewhere = []
    if send_to_hooks:
        elsewhere.append(Duty("send to webhooks", send_to_hooks, every=HOOKS_EVERY))
    if look_at_calendars:
        elsewhere.append(Duty("look at calendars", look_at_calendars, LOOKS_MAX, waits=_imports))
    return (
        Duty("digest the inbox", digest_inbox, waits=_inbox, hears=ARRIVED),
        *ENDING,
        *CLIMBING,
        Duty("sound the alarm", sound, ALARMS_MAX, waits=_alarms),
        Duty("tell what has grown", tell_growth, GROWN_MAX, waits=_grown),
        Duty("change cards", change_cards, CARDS_MAX, waits=_cards),
        Duty("seal the journal", seal_journal, HEADS_PER_SEAL, every=SEAL_EVERY),
        *FORGETTING,
        *TELLING,
        *TELLING_PROGRAMS,
        *elsewhere,
    )


def _climb_at_once(now: datetime) -> None:
    """Page for what was just digested. Where that fails, the digest stands, and the duty of that name says why."""
    try:
        start_climbs(now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        _log.exception("a climb could not begin with its incident; it is tried again by itself")
