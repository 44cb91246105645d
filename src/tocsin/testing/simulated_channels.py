"""What the simulated providers are like: their limits, their receipts, the screens that their cards are on; and the
promises about these, found by another way than the one that keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from uuid import UUID

from django.db.models import Q

from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.journal.models import Entry
from tocsin.notification import channels
from tocsin.notification.claimed import Claimed
from tocsin.notification.models import Card, Delivery, Page
from tocsin.notification.rules import DeliveryState, Failed, Kind, Limits, Message, Sent
from tocsin.notification.rules.throttling import STORM
from tocsin.notification.rules.updates import UPDATE_EVERY
from tocsin.notification.throttling import limits_of
from tocsin.testing.promises import PromiseBroken

RECEIPT = timedelta(seconds=30)
ON_ITS_WAY = timedelta(seconds=5)  # between the claim that counts a message and its arrival, at most


@dataclass
class SimulatedChannel:
    """Serves one scheme. Nothing is ever sent through it: the simulation decides what becomes of messages."""

    name: str
    limits: Limits
    schemes: Sequence[str] = ()

    def check(self, address: str) -> str:
        """The address as it is: every one is sound here."""
        return address

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        raise NotImplementedError


@dataclass
class Screens:
    """What the outside world shows and has counted."""

    shown: dict[UUID, str] = field(default_factory=dict)  # a card's delivery -> the state that it shows
    arrived: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    first: set[UUID] = field(default_factory=set)

    def received(self, one: Claimed, limits: Limits, now: datetime) -> None:
        """A message has arrived. Checks that its address gets no more than it bears."""
        if one.id in self.first or one.page.incident_id is None:
            return  # a repeat, which counted when it was first tried
        self.first.add(one.id)
        times = self.arrived[one.address]
        times.append(now)
        if one.attempt > 1:
            return  # a retry never waits; what follows it is held to the limit
        for rate in limits.storm:
            recent = sum(now - at < rate.per - ON_ITS_WAY for at in times)
            if recent > rate.count:
                raise PromiseBroken(f"{one.address} got {recent} messages in {rate.per}")


@contextmanager
def simulated_channels(random: Random) -> Iterator[dict[str, SimulatedChannel]]:
    """Channels for the schemes of this world, drawn from the seed: some throttle, some give receipts, some change."""
    made = {
        "sim-mail": SimulatedChannel("mail", Limits(storm=random.choice([(), STORM]), gathers=True)),
        "sim-hook": SimulatedChannel(
            "hook",
            Limits(receipt_within=random.choice([None, RECEIPT]), updates=random.choice([False, True])),
        ),
    }
    before = dict(channels._by_scheme)
    for scheme, channel in made.items():
        channels._by_scheme[scheme] = channel
    try:
        yield made
    finally:
        channels._by_scheme.clear()
        channels._by_scheme.update(before)


def check_cards(screens: Screens) -> None:
    """Every card shows its incident as it is. Raises PromiseBroken."""
    states = {incident.pk: incident.shown_state for incident in Incident.objects.all()}
    for card in Card.objects.exclude(error="gone for good"):
        shown = screens.shown.get(card.pk)
        if shown is not None and shown != states[card.incident_id]:
            raise PromiseBroken(
                f"A29: #{card.incident_id} is {states[card.incident_id]}, its card says {shown}"
            )


def check_ends() -> None:
    """Whoever was told of what is over now was told that it is over, but who ended it. Raises PromiseBroken."""
    for incident in Incident.objects.filter(resolved_at__isnull=False):
        ended = Entry.objects.filter(chain=incident.chain, kind="incident.resolved").order_by("seq").last()
        told = Delivery.objects.filter(
            Q(state__in=(DeliveryState.SENT, DeliveryState.CONFIRMED), sent_at__lt=incident.resolved_at),
            incident_id=incident.pk,
            page__kind=Kind.PAGE,
        )
        ways = {
            (row.page.user_id, Card.objects.filter(pk=row.pk).exists()) for row in told.select_related("page")
        }
        users = {user for user, _ in ways} - {user for user, changes in ways if changes}
        again = Page.objects.filter(incident_id=incident.pk, kind=Kind.OVER).values_list("user_id", flat=True)
        missed = {f"user:{user}" for user in users - set(again)} - {ended.who if ended else ""}
        if missed:
            raise PromiseBroken(f"A30: {sorted(missed)} were told of #{incident.pk} and not of its end")


def check_updates() -> None:
    """Updates were few, went to who had been paged, and left nobody who could be told with less than is so. Raises
    PromiseBroken."""
    for incident in Incident.objects.all():
        pages = Page.objects.filter(incident_id=incident.pk, kind__in=(Kind.PAGE, Kind.UPDATE))
        for user in set(pages.values_list("user_id", flat=True)):
            mine = list(pages.filter(user=user).order_by("created_at"))
            _few(incident, [page for page in mine if page.kind == Kind.PAGE or not _spared(page)])
            if incident.state == State.TRIGGERED and _can_be_told(mine):
                told = [
                    page.details["alerts"] for page in mine if page.kind == Kind.PAGE or not _spared(page)
                ]
                if told[-1] < incident.alerts_firing:
                    raise PromiseBroken(
                        f"{user} knows of {told[-1]} alerts of #{incident.pk}; {incident.alerts_firing} fire"
                    )


def _few(incident: Incident, told: Sequence[Page]) -> None:
    """Between two updates to one person passes the time between two updates, unless somebody answered meanwhile."""
    if told and told[0].kind == Kind.UPDATE:
        raise PromiseBroken(f"{told[0].user_id} got an update of #{incident.pk} and no page")
    updates = [page.created_at for page in told if page.kind == Kind.UPDATE]
    for before, after in pairwise(updates):
        answers = Entry.objects.filter(chain=incident.chain, happened_at__gte=before, happened_at__lte=after)
        answered = answers.filter(kind__in=("incident.acknowledged", "incident.resolved", "page.suppressed"))
        if after - before < UPDATE_EVERY and not answered.exists():
            raise PromiseBroken(f"{told[0].user_id} got two updates of #{incident.pk} in {after - before}")


def _spared(page: Page) -> bool:
    return page.deliveries.filter(state=DeliveryState.SUPPRESSED, told_with=None).exists()


def _can_be_told(pages: Sequence[Page]) -> bool:
    """Whether a page that nobody answered has reached them where updates go, and no card tells them by changing."""
    rows = Delivery.objects.filter(
        page__in=[page for page in pages if page.quieted_at is None], page__kind=Kind.PAGE
    )
    if Card.objects.filter(pk__in=rows.values("pk")).exists():
        return False
    went = rows.filter(state__in=(DeliveryState.SENT, DeliveryState.CONFIRMED))
    return any(limits_of(row.address).gathers for row in went)
