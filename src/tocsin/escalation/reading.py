"""Policies, people, and who is told last, as the configuration has them."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.catalog.actions import configuration, per_configuration
from tocsin.escalation.models import Policy
from tocsin.escalation.rules import Policy as PolicyValue
from tocsin.people.models import User
from tocsin.people.rules import Role

NO_POLICY = PolicyValue(id="", name="no policy", levels=())


def policy_of(service_id: str) -> PolicyValue:
    """The policy of a service as it is now; one without levels when it has none."""
    service = configuration().services.get(service_id)
    return policies().get(service.policy or "", NO_POLICY) if service else NO_POLICY


@per_configuration
def policies() -> Mapping[str, PolicyValue]:
    """Every policy by its id."""
    return {row.pk: row.as_value() for row in Policy.objects.all()}


def fallback() -> tuple[str, ...]:
    """Who is told when a policy has come to its end: the organisation's fallback, else its administrators."""
    named = configuration().fallback
    active = User.objects.people().filter(is_active=True)
    if named is not None and active.filter(pk=named).exists():
        return (named,)
    admins = active.filter(role=Role.ADMIN).order_by("id")
    return tuple(admins.values_list("id", flat=True))
