"""Everything that decides who is paged, and what is said about it. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.catalog.rules import ServiceValue
from tocsin.escalation.rules import Policy
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rules import Step
from tocsin.oncall.rules import Calendars, Schedule
from tocsin.organisation.rules import EXPECTED_PEOPLE_MAX, EXPECTED_WITHIN_MAX

FOLLOWED = EXPECTED_WITHIN_MAX  # how long a climb is followed; who is not paged in that time is not paged
WEEKS_MAX = 26
PEOPLE_MAX = EXPECTED_PEOPLE_MAX  # that may be asked for at once


@dataclass(frozen=True)
class Person:
    """Somebody who may be paged. `contacts` is name -> address, and is what paging uses; `broken` names those of them
    that do not count, each with the reason in words, and `failing` those that paging uses last; of those that are
    `untried` nobody knows. `unverified` names contacts that are not paged. `steps` are the person's rules."""

    id: str
    name: str
    timezone: str = "UTC"
    active: bool = True
    contacts: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[Urgency, tuple[Step, ...]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    untried: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    unverified: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Arrangement:
    """Who is paged for what, when, and how, as it stands: the whole input of every proof.

    `fallback` are those who are told when a policy has come to its end; `is_named`: somebody chose them for that.
    """

    services: Mapping[str, ServiceValue] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    calendars: Calendars = field(default_factory=dict)
    fallback: tuple[str, ...] = ()
    is_named: bool = False

    def policy_of(self, service: str) -> Policy | None:
        """The policy that an incident of the service climbs; None when there is none."""
        return self.policies.get(self.services[service].policy or "")

    def name_of(self, user: str) -> str:
        """What the person is called, for a sentence."""
        return self.people[user].name if user in self.people else user


class Weak(NamedTuple):
    """An incident opened from `start` up to `end` does not find enough people in time. `wait` is the longest that any
    of them takes; None when they are not found at all."""

    start: datetime
    end: datetime
    wait: timedelta | None
    why: str

    @property
    def span(self) -> Span:
        """From when to when."""
        return Span(self.start, self.end)


@dataclass(frozen=True)
class Proof:
    """What holds for every instant of `span`: an incident of `service` that nobody answers has paged `people`
    different people who can be reached after `worst` at the latest; None when at some instant it never does.

    `weak` are the instants at which it takes longer than `within` (None: at which it never does), sorted.
    """

    service: str
    urgency: Urgency
    span: Span
    people: int
    within: timedelta | None
    worst: timedelta | None
    worst_at: datetime  # the first instant at which it takes so long
    weak: tuple[Weak, ...]

    @property
    def holds(self) -> bool:
        """Whether everything reaches somebody at every instant."""
        return not self.weak
