"""Which services' pages go through a schedule: the policies that name it, and the services they answer for."""

from __future__ import annotations

from tocsin.catalog.models import Service
from tocsin.escalation.models import Policy


def policies_through(schedule_id: str) -> list[Policy]:
    """The policies with a level that names the schedule, in whatever way: who is on call, was, or is next."""
    ways = {f"schedule:{schedule_id}{shift}" for shift in ("", "/next", "/previous")}
    return [row for row in Policy.objects.all() if any(ways & set(level["notify"]) for level in row.levels)]


def services_of(schedule_id: str) -> list[str]:
    """The names of the services whose pages go through the schedule, the most critical first."""
    policies = [row.pk for row in policies_through(schedule_id)]
    names = (
        Service.objects.filter(policy__in=policies).order_by("tier", "name").values_list("name", flat=True)
    )
    return list(names) if policies else []
