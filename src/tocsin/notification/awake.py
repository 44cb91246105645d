"""Who is up and at work on something: what else comes of the same reaches them quietly, by one way instead of all.

It begins with an acknowledgement, or because they say so, and ends by itself. The table is asked only while somebody
may be awake: who has become so is told to every node with the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.journal.waking import listen, wake
from tocsin.notification.models import Awake

AWAKE = timedelta(minutes=20)  # after the last thing they did
TOPIC = "awake"

_perhaps = True  # whether somebody may be awake; what is not known is looked up


@dataclass(frozen=True)
class Related:
    """What one person is up for: services, and policies, whose other incidents are thought to be the same trouble."""

    services: frozenset[str]
    policies: frozenset[str]

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Whether (service, policy) is related; a service without a policy only to itself."""
        service, policy = place
        return service in self.services or (policy != "" and policy in self.policies)


def note_awake(user_id: str, service_id: str, policy_id: str, now: datetime) -> datetime:
    """The person is up, at work on this service; returns until when that is thought. In the caller's transaction."""
    until = now + AWAKE
    Awake.objects.update_or_create(
        user_id=user_id, service=service_id, defaults={"policy": policy_id, "until": until}
    )
    _heard(TOPIC)
    wake(TOPIC)
    return until


def awake_people(now: datetime) -> Mapping[str, Related]:
    """Who is awake at `now`, and for what. One statement, and none while nobody is."""
    global _perhaps  # noqa: PLW0603 - of the process
    if not _perhaps:
        return {}
    _perhaps = False  # before looking: whoever wakes from here on says so again
    found: dict[str, tuple[set[str], set[str]]] = {}
    for user, service, policy in Awake.objects.filter(until__gt=now).values_list(
        "user_id", "service", "policy"
    ):
        services, policies = found.setdefault(user, (set(), set()))
        services.add(service)
        policies.add(policy)
    if found:
        _perhaps = True
    return {user: Related(frozenset(a), frozenset(b - {""})) for user, (a, b) in found.items()}


def _heard(topic: str) -> None:
    global _perhaps  # noqa: PLW0603 - of the process
    if topic == TOPIC:
        _perhaps = True


listen(_heard)  # for the life of the process
