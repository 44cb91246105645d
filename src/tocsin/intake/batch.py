"""What one batch of events does, gathered in memory and stored at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from tocsin.catalog.rules import Configuration, IntegrationValue, ServiceValue, urgency_of
from tocsin.incident import actions as incidents
from tocsin.incident import describing
from tocsin.incident.models import Incident, chain_of
from tocsin.incident.rules import OPEN
from tocsin.incident.rules import TITLE_LENGTH_MAX as INCIDENT_TITLE_LENGTH_MAX
from tocsin.incident.storing import insert_incidents
from tocsin.intake.models import Alert, Change
from tocsin.intake.rules import (
    FOLLOW_UPS,
    NEVER_FIRED,
    SAMPLE_BYTES_MAX,
    SAMPLES_MAX,
    SEQS_PER_REQUEST,
    AlertState,
    Effect,
    Event,
    Seen,
    effect,
    group_key,
    key_digest,
    may_join,
    seq_of,
)
from tocsin.intake.storing import AlertRow, Received, add_to_tally, insert_alerts, load_latest, update_alerts
from tocsin.journal.actions import Fact, write
from tocsin.kernel.acting import By
from tocsin.kernel.text import cut
from tocsin.kernel.urgency import Urgency, impact_of_tier, priority_of
from tocsin.notification.beginning_again import begins_again
from tocsin.notification.rules.updates import UPDATE_AFTER

KEYS_PER_QUERY = 400
ENDED_IN_SILENCE = "ended in silence"  # counted beside the events: nobody sent one
TITLES_IN_JOURNAL = 3
COUNTED = ("alerts_total", "alerts_firing", "last_alert_at", "resolve_at", "update_at")  # of an incident
DESCRIPTION_LENGTH_MAX = 2_000  # of an incident; its alert has all of it
Key = tuple[str, str]  # integration, digest of the deduplication key


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event with everything known about it: where it came in, its number, the digest of its key."""

    event: Event
    key: str
    seq: int
    received_at: datetime
    integration: IntegrationValue
    service: ServiceValue

    @property
    def by(self) -> By:
        return By(f"integration:{self.integration.id}", "event")

    @property
    def request(self) -> int:
        return self.seq // SEQS_PER_REQUEST


@dataclass
class Touched:
    """An incident this batch adds to, and what it adds."""

    incident: Incident
    new: bool = False
    by: By = field(default_factory=lambda: By("engine", "event"))
    joined: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    firing: int = 0  # change in the number of firing alerts
    worst: Urgency | None = None
    worst_title: str = ""
    acknowledge: By | None = None
    notes: list[tuple[str, By]] = field(default_factory=list)


class Batch:
    """Collects the effects of events in the order they are added; `store` writes them, in the caller's transaction."""

    def __init__(self, config: Configuration, now: datetime) -> None:
        self.config, self.now = config, now
        self.waiting: list[Arrived] = []
        self.latest: dict[Key, AlertRow] = {}
        self.fresh: list[AlertRow] = []
        self.changed: dict[int, AlertRow] = {}
        self.superseded: list[int] = []
        self.again: dict[int, Touched] = {}  # for what is over: where one of its alerts fires again
        self.touched: dict[int, Touched] = {}  # by id() of the incident row: new ones have no number yet
        self.groups: dict[tuple[str, str], Touched | None] = {}
        self.changes: list[Change] = []
        self.tally: Counter[tuple[str, Effect | str]] = Counter()
        self.rows: dict[int, Incident] = {}  # stored incidents, locked, by number

    def add(self, row: Received, events: Sequence[Event]) -> None:
        """Queue the events of one request. Those of an integration that was deleted meanwhile are only counted."""
        integration = self.config.integrations.get(row.integration_id)
        service = self.config.services.get(integration.service) if integration else None
        if integration is None or service is None:
            self.tally[row.integration_id, "integration deleted"] += len(events)
            return
        for position, event in enumerate(events):
            key = event.key if event.key_is_digest else key_digest(integration.id, event.key)
            seq = seq_of(row.id, position)
            self.waiting.append(Arrived(event, key, seq, row.received_at, integration, service))

    def end(self, alert: AlertRow, why: str) -> None:
        """Resolve a stored, locked alert without an event."""
        alert.why = why
        self._load_incidents({alert.incident_id} if alert.incident_id else set())
        self._resolve(alert, None)
        self.tally[alert.integration_id, ENDED_IN_SILENCE] += 1

    def unsettled(self) -> set[int]:
        """The requests with nothing but follow-ups, one of them to an alert that does not fire, as far as is known."""
        follow_ups = {(one.integration.id, one.key) for one in self.waiting if one.event.action in FOLLOW_UPS}
        if not follow_ups:
            return set()
        self._load(follow_ups)
        firing = {key for key, alert in self.latest.items() if alert.state == AlertState.FIRING}
        found, others = set[int](), set[int]()
        for one in self.waiting:
            key = (one.integration.id, one.key)
            if one.event.action not in FOLLOW_UPS:
                others.add(one.request)
                firing.add(key)  # or it ends here: told in this batch either way
            elif key not in firing:
                found.add(one.request)
        return found - others

    def store(self, but: Collection[int] = ()) -> None:
        """Decide everything that waits and write it, `but` for the events of these requests."""
        self.waiting = [one for one in self.waiting if one.request not in but]
        self._load({(one.integration.id, one.key) for one in self.waiting})
        for one in self.waiting:
            self._apply(one)
        self._write()

    # -- loading ----------------------------------------------------------------------------------------------------

    def _load(self, keys: set[Key]) -> None:
        by_integration: dict[str, list[str]] = {}
        for integration, key in keys:
            by_integration.setdefault(integration, []).append(key)
        for integration, digests in by_integration.items():
            for start in range(0, len(digests), KEYS_PER_QUERY):
                some = digests[start : start + KEYS_PER_QUERY]
                self.latest |= {(integration, a.key_digest): a for a in load_latest(integration, some)}
        self._load_incidents({a.incident_id for a in self.latest.values() if a.incident_id is not None})

    def _load_incidents(self, numbers: Iterable[int | None]) -> None:
        missing = {number for number in numbers if number is not None} - self.rows.keys()
        if missing:
            rows = Incident.objects.select_for_update(of=("self",)).select_related("service")
            self.rows |= {row.id: row for row in rows.filter(pk__in=missing).order_by("id")}

    # -- deciding ---------------------------------------------------------------------------------------------------

    def _apply(self, one: Arrived) -> None:
        event, by = one.event, one.by
        alert = self.latest.get((one.integration.id, one.key))
        what = effect(self._seen(alert), event, one.seq)
        self.tally[one.integration.id, what] += 1
        if what is Effect.NEW:
            self._new(one, alert)
        elif what is Effect.EARLY_RESOLVE:
            self._remember_resolve(one)
        elif what is Effect.CHANGE:
            self._change(one)
        elif alert is not None:
            if what is not Effect.STALE and event.action not in FOLLOW_UPS:
                alert.last_seq = one.seq
                self._mark(alert)
            if what in (Effect.REPEAT, Effect.REFIRE):
                self._repeat(alert, one, what)
            elif what is Effect.RESOLVE:
                self._resolve(alert, event)
                if event.note.strip() and (held := self._holding(alert)) is not None:
                    held.notes.append((event.note, by))
            elif what is Effect.ACKNOWLEDGE and (held := self._holding(alert)) is not None:
                held.acknowledge = by
                if event.note:
                    held.notes.append((event.note, by))
            elif what is Effect.UPDATE:
                alert.title = event.title or alert.title
                alert.description = event.description or alert.description
                self._mark(alert)
            elif what is Effect.NOTE and (held := self._holding(alert)) is not None and event.note.strip():
                held.notes.append((event.note, by))

    def _seen(self, alert: AlertRow | None) -> Seen | None:
        if alert is None:
            return None
        held = self._holding(alert)
        still_open = held is not None and held.incident.state in OPEN
        return Seen(AlertState(alert.state), alert.last_seq, still_open, alert.ended_at)

    def _new(self, one: Arrived, before: AlertRow | None) -> None:
        if before is not None:
            self._supersede(before)
        urgency = urgency_of(one.service, one.event.severity)
        alert = self._alert(one, urgency)
        held = self._place(one, urgency, alert)
        alert.incident = held.incident
        held.joined.append(alert.title)
        held.firing += 1
        if before is not None and before.incident_id is not None:
            self.again[before.incident_id] = held
        self._may_worsen(held, urgency, alert.title)
        self.fresh.append(alert)
        self.latest[one.integration.id, one.key] = alert

    def _alert(self, one: Arrived, urgency: Urgency) -> AlertRow:
        event = one.event
        at = event.happened_at or one.received_at
        return AlertRow(
            integration_id=one.integration.id,
            service_id=one.service.id,
            key=event.key[:512],
            key_digest=one.key,
            title=event.title or "(no title)",
            severity=event.severity,
            urgency=urgency,
            description=event.description,
            fields=dict(event.fields),
            links=list(event.links),
            first_seen_at=min(at, one.received_at),
            last_seen_at=one.received_at,
            ends_at=event.ends_at,
            last_seq=one.seq,
            samples=[sample(event, one.received_at)],
        )

    def _place(self, one: Arrived, urgency: Urgency, alert: AlertRow) -> Touched:
        """The incident a new alert belongs to: an open one of its group, or a new one."""
        service, event = one.service, one.event
        group = group_key(service.grouping, event.fields)
        held = self.groups.get((service.id, group)) if group else None
        if group and held is None:
            rows = Incident.objects.select_for_update(of=("self",)).select_related("service")
            # That it has a group is said for the index of those that have one.
            joinable = rows.filter(service=service.id, group_key=group, state__in=OPEN).exclude(group_key="")
            found = joinable.order_by("-id").first()
            if found is not None and may_join(service.grouping, found.last_alert_at, self.now):
                held = self._touch(self.rows.setdefault(found.pk, found))
        if held is not None and held.incident.state in OPEN:
            alert.why = (
                f"joined: same {', '.join(service.grouping.by) or 'service'}" if service.grouping else ""
            )
            self.groups[service.id, group] = held
            return held
        impact = impact_of_tier(service.tier)
        incident = Incident(
            service_id=service.id,
            title=cut(event.title or "(no title)", INCIDENT_TITLE_LENGTH_MAX),
            description=cut(event.description, DESCRIPTION_LENGTH_MAX),
            urgency=urgency,
            impact=impact,
            priority=priority_of(self.config.matrix, impact, urgency),
            opened_at=self.now,
            group_key=group,
        )
        held = Touched(incident, new=True, by=one.by)
        self.touched[id(incident)] = held
        alert.why = "opened the incident"
        if group:
            self.groups[service.id, group] = held
        return held

    def _repeat(self, alert: AlertRow, one: Arrived, what: Effect) -> None:
        event = one.event
        held = self._holding(alert)
        alert.count += 1
        alert.last_seen_at = one.received_at
        alert.ends_at = event.ends_at
        if what is Effect.REFIRE:
            alert.state, alert.resolved_at, alert.ended_at = AlertState.FIRING, None, None
            if held is not None:
                held.firing += 1
                held.joined.append(alert.title)
        title = event.title or alert.title
        urgency = urgency_of(one.service, event.severity)
        if (title, event.severity, event.description) != (alert.title, alert.severity, alert.description):
            alert.title, alert.severity, alert.description = title, event.severity, event.description
            alert.urgency, alert.fields = urgency, dict(event.fields)
            kept = [*alert.samples, sample(event, one.received_at)]
            alert.samples = kept[:1] + kept[1:][-(SAMPLES_MAX - 1) :]
        if held is not None:
            self._may_worsen(held, urgency, title)

    def _resolve(self, alert: AlertRow, event: Event | None) -> None:
        alert.state, alert.resolved_at, alert.ends_at = AlertState.RESOLVED, self.now, None
        alert.ended_at = event.happened_at if event else None
        self._mark(alert)
        if (held := self._holding(alert)) is not None:
            held.firing -= 1
            held.resolved.append(alert.title)

    def _remember_resolve(self, one: Arrived) -> None:
        alert = self._alert(one, Urgency.LOW)
        alert.state, alert.resolved_at, alert.ended_at = AlertState.RESOLVED, self.now, one.event.happened_at
        alert.ends_at, alert.why = None, NEVER_FIRED
        self.fresh.append(alert)
        self.latest[one.integration.id, one.key] = alert

    def _change(self, one: Arrived) -> None:
        event = one.event
        self.changes.append(
            Change(
                integration_id=one.integration.id,
                service_id=one.service.id,
                title=event.title,
                fields=dict(event.fields),
                links=[list(link) for link in event.links],
                happened_at=event.happened_at or one.received_at,
                received_at=one.received_at,
            )
        )

    def _supersede(self, before: AlertRow) -> None:
        """A newer alert takes the key; what still fired in an incident that is over has its end there."""
        before.latest = False
        if before.state == AlertState.FIRING:
            before.state, before.resolved_at = AlertState.RESOLVED, self.now
            before.why = "fired on after its incident was resolved"
            if (held := self._holding(before)) is not None:
                held.firing -= 1
        before.ends_at = None
        if before.id is not None:
            self.superseded.append(before.id)
            self._mark(before)

    def _holding(self, alert: AlertRow) -> Touched | None:
        """The incident of an alert, as this batch has it."""
        incident = self.rows.get(alert.incident_id) if alert.incident_id is not None else None
        if incident is None and alert.id is None:
            incident = alert.incident
        return self._touch(incident) if incident is not None else None

    def _touch(self, incident: Incident) -> Touched:
        return self.touched.setdefault(id(incident), Touched(incident))

    def _may_worsen(self, held: Touched, urgency: Urgency, title: str) -> None:
        if urgency.worse_than(held.worst or Urgency(held.incident.urgency)):
            held.worst, held.worst_title = urgency, title

    def _mark(self, alert: AlertRow) -> None:
        if alert.id is not None:
            self.changed[alert.id] = alert

    # -- writing ----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        new = [held for held in self.touched.values() if held.new]
        for held in new:
            if held.worst is not None:  # a later event of the same batch was worse: open at that
                held.incident.urgency = held.worst
                impact = impact_of_tier(self.config.services[held.incident.service_id].tier)
                held.incident.priority = priority_of(self.config.matrix, impact, held.worst)
                held.worst = None
            self._count(held)
        insert_incidents([held.incident for held in new])
        if self.superseded:
            Alert.objects.filter(pk__in=self.superseded).update(latest=False)
        for alert in self.fresh:
            alert.incident_id = alert.incident.pk if alert.incident is not None else None
        insert_alerts(self.fresh)
        update_alerts(self.changed.values())
        Change.objects.bulk_create(self.changes)
        if self.again:
            begins_again({ended: held.incident.pk for ended, held in self.again.items()})
        facts: dict[By, list[Fact]] = {}
        for held in self.touched.values():
            if held.new:
                opened = incidents.opened_data(held.incident) | {"alerts": len(held.joined)}
                facts.setdefault(held.by, []).append(
                    Fact(chain_of(held.incident.pk), "incident.opened", opened)
                )
            else:
                self._update_incident(held)
                for kind, titles in (("alert.joined", held.joined), ("alert.resolved", held.resolved)):
                    if titles:
                        data = {"count": len(titles), "titles": titles[:TITLES_IN_JOURNAL]}
                        facts.setdefault(held.by, []).append(Fact(chain_of(held.incident.pk), kind, data))
        for by, some in facts.items():
            write(some, by, self.now)
        for held in list(self.touched.values()):
            self._follow(held)
        add_to_tally(self.tally, self.now.date())

    def _count(self, held: Touched) -> None:
        """Bring the incident's counters to date."""
        incident = held.incident
        incident.alerts_total += len(held.joined)
        incident.alerts_firing = max(0, incident.alerts_firing + held.firing)
        if held.joined:
            incident.last_alert_at = self.now
        service = self.config.services.get(incident.service_id)
        if incident.alerts_firing:
            incident.resolve_at = None
        elif held.resolved and incident.state in OPEN and service is not None:
            incident.resolve_at = self.now + service.resolve_delay

    def _update_incident(self, held: Touched) -> None:
        if held.joined or held.resolved or held.firing:
            self._count(held)
            if held.joined and held.incident.update_at is None:
                held.incident.update_at = self.now + UPDATE_AFTER
            held.incident.save(update_fields=COUNTED)

    def _follow(self, held: Touched) -> None:
        """What the batch asks of an incident beside counting: page again, acknowledge, note."""
        if held.worst is not None:
            why = cut(f"a worse alert joined: {held.worst_title}", 300)
            describing.worsen(held.incident, held.worst, why, held.by, self.now)
        if held.acknowledge is not None:
            incidents.acknowledge(held.incident.pk, held.acknowledge, self.now)
        for text, by in held.notes:
            describing.add_note(held.incident.pk, text, by, self.now)


def sample(event: Event, at: datetime) -> Mapping[str, Any]:
    """The payload as it came, with its time; one too large is cut and says so."""
    raw = event.raw
    text = msgspec.json.encode(raw)
    if len(text) > SAMPLE_BYTES_MAX:
        raw = {"truncated": text[: SAMPLE_BYTES_MAX // 4].decode("utf-8", "ignore")}
    return {"at": at.isoformat(), "raw": raw}
