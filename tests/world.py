"""The fixed small world of the stories: five people, a team, a policy of two levels, a service, a clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from django.contrib.auth.hashers import make_password

from tocsin.catalog.models import Integration, Organisation, Service
from tocsin.catalog.rules import IntegrationType
from tocsin.escalation.models import Policy
from tocsin.kernel.ids import digest
from tocsin.notification.models import Rule
from tocsin.notification.rules import Failed, Limits, Message, Sent
from tocsin.people.models import Contact, Membership, Team, User
from tocsin.people.rules import Role

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday morning
KEY = "0123456789abcdef0123456789abcdef"  # opens the shop's integration, in tests only
PASSWORD = "correct horse battery staple"


class Clock:
    """Time in a test: it stands still until the test moves it."""

    def __init__(self, now: datetime = T0) -> None:
        self.now = now

    def forward(self, **span: float) -> datetime:
        """Let `hours=1`, `minutes=5`, `seconds=90` pass; returns the new instant."""
        self.now += timedelta(**span)
        return self.now


@dataclass(frozen=True)
class World:
    """Rows of the organisation that every story is set in. `key` opens the integration "shop-events"."""

    ada: User  # admin
    mo: User  # manager
    bo: User  # responder, level 1
    cy: User  # responder, level 2
    sam: User  # stakeholder: sees, does nothing
    web: Team
    policy: Policy
    shop: Service
    integration: Integration
    key: str = KEY

    @property
    def people(self) -> tuple[User, ...]:
        return (self.ada, self.mo, self.bo, self.cy, self.sam)


def make_world(now: datetime = T0) -> World:
    """Store the organisation: bo is paged first, after 5 minutes cy and the team, and once more from the top.

    Everybody is reached at once through one contact, "fake:NAME", which the `outbox` fixture serves.
    """
    ada, mo, bo, cy, sam = people = (
        _person("ada", "Ada Ortiz", Role.ADMIN, now),
        _person("mo", "Mo Haddad", Role.MANAGER, now),
        _person("bo", "Bo Lind", Role.RESPONDER, now),
        _person("cy", "Cy Tran", Role.RESPONDER, now),
        _person("sam", "Sam Weiss", Role.STAKEHOLDER, now),
    )
    # More than a thousand tests begin here, so each kind of row goes in with one statement.
    User.objects.bulk_create(people)
    Contact.objects.bulk_create(
        Contact(user=user, name="fake", address=f"fake:{user.pk}", verified_at=now) for user in people
    )
    Rule.objects.bulk_create(
        Rule(user=user, urgency=urgency, position=0, contact="fake", delay=timedelta(0))
        for user in people
        for urgency in ("high", "low")
    )
    web = Team.objects.create(id="web", name="Web", lead=bo)
    Membership.objects.bulk_create(
        Membership(team=web, user=user, position=position) for position, user in enumerate((bo, cy))
    )
    policy = Policy.objects.create(
        id="web",
        name="Web",
        team=web,
        levels=[
            {"notify": ["user:bo"], "timeout": "5m"},
            {"notify": ["user:cy", "team:web"], "timeout": "10m"},
        ],
        repeat=1,
    )
    shop = Service.objects.create(id="shop", name="Web shop", team=web, policy="web", tier=1)
    integration = Integration.objects.create(
        id="shop-events",
        name="Shop events",
        service=shop,
        type=IntegrationType.EVENTS,
        key_digest=digest(KEY),
        key_sealed="",  # nothing in these stories shows the key; what seals it has its own tests
        created_at=now,
    )
    organisation = Organisation.objects.order_by("pk").first() or Organisation()
    organisation.fallback = ada
    organisation.save()
    return World(ada, mo, bo, cy, sam, web, policy, shop, integration)


def _person(name: str, full: str, role: Role, now: datetime) -> User:
    return User(
        id=name,
        name=full,
        email=f"{name}@example.com",
        role=role,
        created_at=now,
        password=_hashed_password(),
    )


@cache
def _hashed_password() -> str:
    return make_password(PASSWORD)


@dataclass
class Outbox:
    """A channel that keeps what it is given. Serves addresses such as "fake:bo"; fails when told to."""

    name: str = "fake"
    schemes: tuple[str, ...] = ("fake",)
    limits: Limits = field(default_factory=Limits)
    sent: list[tuple[str, Message]] = field(default_factory=list)  # (who, what), in the order of sending
    failures: dict[str, deque[Failed]] = field(default_factory=dict)
    at: dict[int, datetime] = field(default_factory=dict)  # when each message was sent, by its identity

    def fail(self, who: str, why: str = "the provider says no", times: int = 1, again: bool = True) -> None:
        """The next `times` messages to `who` do not go."""
        self.failures.setdefault(who, deque()).extend([Failed(why, again)] * times)

    def to(self, who: str) -> list[Message]:
        """Everything that went to one person."""
        return [message for name, message in self.sent if name == who]

    @property
    def people(self) -> list[str]:
        """Who was sent something, in the order of sending; at one instant by name, for nothing else orders them."""
        return [name for _, name in sorted((self.at[id(message)], name) for name, message in self.sent)]

    def check(self, address: str) -> str:
        return address

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        who = address.partition(":")[2]
        if waiting := self.failures.get(who):
            return waiting.popleft()
        self.sent.append((who, message))
        self.at[id(message)] = now
        return Sent(reference=message.replaces or f"fake-{len(self.sent)}")
