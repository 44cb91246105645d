"""Who could not be reached, for the first page: the reader's own contacts first, then those who are to be paged, then
services whose incidents would reach nobody."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from tocsin.catalog.actions import configuration, per_configuration
from tocsin.escalation.reading import policies
from tocsin.escalation.rostering import roster
from tocsin.escalation.rules import TargetKind
from tocsin.notification.book import book, everybody
from tocsin.oncall.reading import schedules
from tocsin.people.models import User
from tocsin.telling.models import ServiceGapTold

NAMED_MAX = 5


@dataclass(frozen=True)
class Weakness:
    """One thing that keeps somebody from being reached, and where it is mended."""

    what: str
    address: str


@dataclass(frozen=True)
class WeakReach:
    listed: tuple[Weakness, ...]
    more: int


def weak_reach(reader: User) -> WeakReach:
    """What there is, with one query."""
    found = [*_own(reader), *_of_people(reader.pk), *_of_services()]
    return WeakReach(tuple(found[:NAMED_MAX]), max(0, len(found) - NAMED_MAX))


def _own(reader: User) -> list[Weakness]:
    known, here = book(), reverse("profile") + "#contacts"
    return [
        *(
            Weakness(f"Your contact '{name}' gets no pages before you have entered its code.", here)
            for name in sorted(known.unverified.get(reader.pk, ()))
        ),
        *(
            Weakness(f"Messages to your contact '{name}' do not arrive.", here)
            for name in sorted(known.failing.get(reader.pk, ()))
        ),
    ]


def _of_people(reader: str) -> list[Weakness]:
    known, people = book(), everybody()
    lost, failing = [], []
    for user in sorted(to_be_paged(), key=lambda user: people[user].name):
        address, name = reverse("person", args=[user]), people[user].name
        if not known.reaches(user):
            why = "whose contacts fail" if known.failing.get(user) else "who has no contact that gets pages"
            why = (
                why
                if known.failing.get(user) or not known.unverified.get(user)
                else "whose contacts are unverified"
            )
            lost.append(Weakness(f"Pages cannot reach {name}, {why}.", address))
        elif user != reader:
            failing += [
                Weakness(f"Messages to the contact '{each}' of {name} do not arrive.", address)
                for each in sorted(known.failing.get(user, ()))
            ]
    return [*lost, *failing]


def _of_services() -> list[Weakness]:
    names = configuration().services
    rows = ServiceGapTold.objects.order_by("days", "service_id").values_list("service_id", "days", "why")
    ahead = {1: "", 7: " within a week", 30: " within 30 days"}
    return [
        Weakness(
            f"Incidents of {names[key].name} would reach nobody{ahead.get(days, '')}. {why}",
            reverse("coverage"),
        )
        for key, days, why in rows
        if key in names
    ]


@per_configuration
def to_be_paged() -> frozenset[str]:
    """Everybody active whom a policy of a service names, or who takes turns in a schedule."""
    who, used = roster(), {service.policy for service in configuration().services.values()}
    targets = [
        target
        for policy in policies().values()
        if policy.id in used
        for level in policy.levels
        for target in level.notify
    ]
    users = {target.id for target in targets if target.kind is TargetKind.USER}
    users |= {
        user for target in targets if target.kind is TargetKind.TEAM for user in who.teams.get(target.id, ())
    }
    users |= {
        member.user
        for schedule in schedules().values()
        for layer in schedule.layers
        for slot in layer.slots
        for member in slot
    }
    return frozenset(users & who.users)
