"""Everything the engine does, in the order in which it does it.

The order is the way of an alert, so that one look carries it from the inbox to the first page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from tocsin.engine.loop import Duty
from tocsin.escalation.actions import CLIMBS_MAX, climb_due, pass_on_unreachable, start_climbs
from tocsin.incident.actions import SWEEP_MAX as INCIDENTS_MAX
from tocsin.incident.actions import expire_acknowledgements, resolve_settled
from tocsin.intake.actions import SWEEP_MAX as ALERTS_MAX
from tocsin.intake.actions import digest, end_silent_alerts, forget_old_answers
from tocsin.intake.rules import Reader
from tocsin.journal.actions import HEADS_PER_SEAL, seal, take_lease

SEAL_EVERY = timedelta(seconds=10)
SEAL_LEASE = timedelta(seconds=30)  # a node that dies holding it delays the seals by this much, nothing else
SWEEP_EVERY = timedelta(minutes=1)


def duties(readers: Mapping[str, Reader], seal_key: bytes, node: str) -> tuple[Duty, ...]:
    """The list. `readers` are the sources by name; `node` is who holds a lease."""

    def digest_inbox(now: datetime) -> int:
        return digest(readers, now)

    def seal_journal(now: datetime) -> int:
        if take_lease("seal", node, now, SEAL_LEASE) is None:
            return 0
        return seal(seal_key, now)

    return (
        Duty("digest the inbox", digest_inbox, limit=1),
        Duty("end silent alerts", end_silent_alerts, limit=ALERTS_MAX),
        Duty("expire acknowledgements", expire_acknowledgements, limit=INCIDENTS_MAX),
        Duty("resolve what has settled", resolve_settled, limit=INCIDENTS_MAX),
        Duty("start climbs", start_climbs, limit=CLIMBS_MAX),
        Duty("climb", climb_due, limit=CLIMBS_MAX),
        Duty("pass on the unreachable", pass_on_unreachable, limit=CLIMBS_MAX),
        Duty("seal the journal", seal_journal, limit=HEADS_PER_SEAL, every=SEAL_EVERY),
        Duty("forget old answers", forget_old_answers, limit=ALERTS_MAX, every=SWEEP_EVERY),
    )
