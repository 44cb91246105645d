"""The five numbers that must add up (accepted, due, sent, confirmed, undeliverable), and everything beside them.

All of them are read from the tables when somebody asks, so that every node says the same and a restart forgets nothing.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from ipaddress import ip_address
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connection, models
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tocsin.api.auth import caller_of
from tocsin.api.errors import refuse
from tocsin.escalation.alarm_actions import how_many_alone
from tocsin.escalation.models import Climb
from tocsin.incident.models import Incident
from tocsin.incident.rules import OPEN, State
from tocsin.intake.models import Alert, Inbox, Tally
from tocsin.intake.rules import AlertState, Effect
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Delivery
from tocsin.notification.rules import DeliveryState
from tocsin.people.rules import May

PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
# What intake counts an event as whose integration was gone meanwhile.
INTEGRATION_DELETED = "integration deleted"
OF_EVENTS = frozenset({*map(str, Effect), INTEGRATION_DELETED})  # the tally holds other counts too


# -- the numbers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Totals:
    """Where everything is that was ever accepted. Each number is the sum of those it is made of.

    Events: accepted = what each of them did (`events`), and beside them the requests still waiting to be read.
    Messages: planned = suppressed + due; due = waiting + sent + undeliverable; sent = confirmed + unconfirmed.
    """

    events: Mapping[str, int]  # effect -> how many
    requests_waiting: int
    requests_quarantined: int
    deliveries: Mapping[DeliveryState, int]

    @property
    def accepted(self) -> int:
        return sum(self.events.values())

    @property
    def planned(self) -> int:
        return sum(self.deliveries.values())

    @property
    def suppressed(self) -> int:
        return self.deliveries[DeliveryState.SUPPRESSED]

    @property
    def due(self) -> int:
        return self.planned - self.suppressed

    @property
    def waiting(self) -> int:
        return self.deliveries[DeliveryState.DUE] + self.deliveries[DeliveryState.SENDING]

    @property
    def sent(self) -> int:
        return self.deliveries[DeliveryState.SENT] + self.confirmed

    @property
    def confirmed(self) -> int:
        return self.deliveries[DeliveryState.CONFIRMED]

    @property
    def undeliverable(self) -> int:
        return self.deliveries[DeliveryState.UNDELIVERABLE]


def totals(now: datetime) -> Totals:
    """The numbers at this moment."""
    waiting = Inbox.objects.aggregate(
        all=Count("*"), aside=Count("pk", filter=models.Q(quarantined_at__isnull=False))
    )
    states = dict(Delivery.objects.values_list("state").annotate(rows=Count("*")))
    return Totals(
        events=_events(now),
        requests_waiting=waiting["all"] - waiting["aside"],
        requests_quarantined=waiting["aside"],
        deliveries={state: states.get(state, 0) for state in DeliveryState},
    )


def _events(now: datetime) -> Mapping[str, int]:
    today = Tally.objects.filter(day__gte=now.date(), effect__in=OF_EVENTS)
    counts = dict(_events_before(now.date()))
    for effect, count in today.values_list("effect").annotate(Sum("count")):
        counts[effect] = counts.get(effect, 0) + count
    return counts


@cache
def _events_before(day: date) -> Mapping[str, int]:
    """The counts of the days before `day`, which change no more: summed once a day."""
    rows = Tally.objects.filter(day__lt=day, effect__in=OF_EVENTS)
    return dict(rows.values_list("effect").annotate(Sum("count")))


def age_of_due_work(now: datetime) -> timedelta:
    """How long the oldest work that is due has been waiting, seen from the tables; zero when nothing is late.

    It grows also while no engine looks at all, which the engine's own figure cannot say.
    """
    oldest = min((at for at in _due_instants() if at is not None), default=now)
    return max(timedelta(0), now - oldest)


def _due_instants() -> Iterator[datetime | None]:
    sending = (DeliveryState.DUE, DeliveryState.SENDING)
    yield Delivery.objects.filter(state__in=sending).aggregate(at=Min("next_at"))["at"]
    yield Climb.objects.filter(due_at__isnull=False).aggregate(at=Min("due_at"))["at"]
    yield Incident.objects.filter(state=State.ACKNOWLEDGED).aggregate(at=Min("ack_expires_at"))["at"]
    yield Incident.objects.filter(state__in=OPEN, resolve_at__isnull=False).aggregate(at=Min("resolve_at"))[
        "at"
    ]
    yield Alert.objects.filter(state=AlertState.FIRING, ends_at__isnull=False).aggregate(at=Min("ends_at"))[
        "at"
    ]
    received = Inbox.objects.filter(quarantined_at=None).order_by("id").values_list("received_at", flat=True)
    yield received.first()


# -- /metrics -------------------------------------------------------------------------------------------------------


class Numbers(Collector):
    """The tables in Prometheus' words, read at each scrape."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterable[Metric]:
        """Every number of the page, read in one look at the tables."""
        found = totals(self.now)
        yield _by_label(
            CounterMetricFamily("tocsin_events", "Events accepted, by what they did", labels=["effect"]),
            found.events,
        )
        yield GaugeMetricFamily(
            "tocsin_inbox_waiting", "Accepted requests not yet digested", found.requests_waiting
        )
        yield GaugeMetricFamily(
            "tocsin_inbox_quarantined",
            "Accepted requests that nobody could digest",
            found.requests_quarantined,
        )
        yield _by_label(
            GaugeMetricFamily("tocsin_deliveries", "Messages, by their state now", labels=["state"]),
            found.deliveries,
        )
        yield GaugeMetricFamily(
            "tocsin_deliveries_due", "Messages not suppressed: waiting, sent, undeliverable", found.due
        )
        for name, text, value in (
            ("sent", "Messages a provider took", found.sent),
            ("confirmed", "Messages known to have arrived", found.confirmed),
            ("undeliverable", "Messages given up", found.undeliverable),
            ("suppressed", "Messages not needed any more", found.suppressed),
        ):
            yield CounterMetricFamily(f"tocsin_deliveries_{name}", text, value)
        yield from self._incidents()
        yield GaugeMetricFamily(
            "tocsin_due_work_age_seconds",
            "How long the oldest due work has been waiting, seen from the tables",
            age_of_due_work(self.now).total_seconds(),
        )
        yield InfoMetricFamily("tocsin_build", "What is running", _build())

    def _incidents(self) -> Iterable[Metric]:
        opened = GaugeMetricFamily("tocsin_incidents_open", "Open incidents", labels=["priority", "state"])
        rows = Incident.objects.filter(state__in=OPEN).order_by()
        for priority, state, count in rows.values_list("priority", "state").annotate(rows=Count("*")):
            opened.add_metric([priority, state], count)
        yield opened
        yield GaugeMetricFamily(
            "tocsin_incidents_unreached", "Open incidents that nobody can be reached about", how_many_alone()
        )
        running = Climb.objects.filter(due_at__isnull=False).count()
        yield GaugeMetricFamily(
            "tocsin_climbs_running", "Incidents for which somebody is being looked for", running
        )


def _by_label(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, int] | Mapping[DeliveryState, int]
) -> Metric:
    for label, value in sorted(values.items()):
        family.add_metric([str(label)], value)
    return family


@cache
def _build() -> dict[str, str]:
    return {
        "version": version("tocsin"),
        "python": platform.python_version(),
        "django": django.get_version(),
        "database": connection.vendor,
    }


def metrics(request: HttpRequest) -> HttpResponse:
    """Everything for a Prometheus: to this machine's own, or to whoever has a token."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    try:
        if not from_this_machine(request):
            caller_of(request).must(May.SEE)
        own = CollectorRegistry(auto_describe=False)
        own.register(Numbers(request.now))  # type: ignore[attr-defined]
        # The other registry holds what the process counts itself: the engine's duties, memory, garbage collection.
        return HttpResponse(
            generate_latest(own) + generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST
        )
    except Refused as refused:
        return refuse(request, refused)


def from_this_machine(request: HttpRequest) -> bool:
    """Whether the request comes over loopback, and neither through a proxy nor from a page in a browser here.

    A proxy says so in a header, or not at all; where the public address is https there is one, so nothing is local.
    """
    if settings.CONFIG.https or any(name in request.headers for name in PROXY_HEADERS):
        return False
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and _is_loopback(_host_of(request))


def _host_of(request: HttpRequest) -> str:
    # A name of somebody else's that leads here is how a web page would read this through its visitor's browser.
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return "127.0.0.1" if host == "localhost" else host


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
