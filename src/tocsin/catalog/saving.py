"""Save services and integrations, one of them or thousands at once.

Each class collects changes of one kind: `save` decides about one object, against what those before it have changed,
and raises Refused for what cannot be; `store` writes all of them in few statements, and into the journal. Both belong
inside one transaction of the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count

from tocsin.catalog.keys import set_key
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import IntegrationType, ServiceValue, check_service
from tocsin.journal.actions import Fact
from tocsin.journal.changes import record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug, digest, in_parts, new_key
from tocsin.people.checking import check_name
from tocsin.people.models import Team

DESCRIPTION_LENGTH_MAX = 5_000
WORKAROUND_LENGTH_MAX = 300  # messages say it
INTEGRATIONS_MAX = 50  # per service


class Services:
    """Changes to the services `ids`. `policies` are the ids that exist, since they live in a room above; None: the
    caller has checked."""

    def __init__(self, ids: Iterable[str], policies: Collection[str] | None) -> None:
        self._policies = policies
        self._teams = set(Team.objects.values_list("pk", flat=True))
        self._rows = Service.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._changed: dict[str, Service] = {}
        self._facts: list[Fact] = []

    def save(self, value: ServiceValue, description: str) -> Service:
        """Make the service or change it."""
        check_service(value)
        check_name(value.name)
        if len(description) > DESCRIPTION_LENGTH_MAX:
            raise Refused(
                "The description is too long",
                f"at most {DESCRIPTION_LENGTH_MAX} characters",
                where="description",
            )
        if len(value.workaround) > WORKAROUND_LENGTH_MAX:
            raise Refused(
                "The workaround is too long",
                f"at most {WORKAROUND_LENGTH_MAX} characters",
                "Messages say it: name the first thing to do, and link to the rest.",
                "workaround",
            )
        if value.policy and self._policies is not None and value.policy not in self._policies:
            raise Refused(f"No policy '{value.policy}'", "the id of a policy", where="policy")
        if value.team and value.team not in self._teams:
            raise Refused(f"No team '{value.team}'", "the id of a team", where="team")
        row = self._rows.get(value.id)
        before = _service_as_data(row) if row else None
        row = row or self._rows.setdefault(value.id, Service(id=value.id))
        row.name, row.description, row.tier = value.name.strip(), description.strip(), value.tier
        row.team_id, row.policy, row.urgency = value.team, value.policy or "", value.urgency
        row.group_by = None if value.grouping is None else list(value.grouping.by)
        if value.grouping is not None:
            row.group_window = value.grouping.window
        row.resolve_delay, row.ack_timeout = value.resolve_delay, value.ack_timeout
        row.restricted, row.workaround = value.restricted, value.workaround.strip()
        self._changed[value.id] = row
        self._facts += saved("service", value.id, before, _service_as_data(row))
        return row

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        Service.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[
                "name",
                "description",
                "team",
                "policy",
                "tier",
                "urgency",
                "group_by",
                "group_window",
                "resolve_delay",
                "ack_timeout",
                "restricted",
                "workaround",
            ],
        )
        record(self._facts, by, now)


def _service_as_data(row: Service) -> dict[str, Any]:
    value = row.as_value()
    return {
        "name": value.name,
        "description": row.description,
        "team": value.team,
        "policy": value.policy,
        "tier": value.tier,
        "urgency": str(value.urgency),
        "grouping": {"by": value.grouping.by, "window": value.grouping.window} if value.grouping else None,
        "resolve_delay": value.resolve_delay,
        "ack_timeout": value.ack_timeout,
        "restricted": value.restricted,
        "workaround": value.workaround,
    }


class Integrations:
    """Changes to the integrations `ids` of `services`; `keys` are those that will be given to any of them."""

    def __init__(self, ids: Iterable[str], services: Collection[str], keys: Iterable[str]) -> None:
        self._services = Service.objects.in_bulk(list(services))
        self._rows = Integration.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._owners = Integration.objects.in_bulk([digest(key) for key in keys], field_name="key_digest")
        self._count: Counter[str] = Counter()
        for some in in_parts(services):
            rows = Integration.objects.filter(service__in=some).values("service")
            self._count.update(dict(rows.annotate(n=Count("pk")).values_list("service", "n")))
        self._changed: dict[str, Integration] = {}
        self._facts: list[Fact] = []

    def save(
        self,
        integration_id: str,
        service: str,
        type: IntegrationType | str,
        name: str,
        key: str | None,
        enabled: bool | None = None,
        *,
        now: datetime,
    ) -> tuple[Integration, str | None]:
        """Make the integration or change it. Returns it with its key when one was made just now, else with None.

        `key` None keeps the key there is, or makes one; `enabled` None keeps what is, or lets a new one in.
        """
        check_slug(integration_id, "id")
        if type not in list(IntegrationType):
            raise Refused(f"{type!r} is not a type", f"one of {', '.join(IntegrationType)}", where="type")
        if name:
            check_name(name)
        if (owner := self._services.get(service)) is None:
            raise not_found("service", service)
        row = self._rows.get(integration_id)
        before = integration_as_data(row) if row else None
        if row is None and self._count[service] >= INTEGRATIONS_MAX:
            raise conflict(
                f"Service {service} has {INTEGRATIONS_MAX} integrations", "Remove those nobody uses."
            )
        made = new_key() if row is None and key is None else None
        if row is None:
            row = self._rows[integration_id] = Integration(id=integration_id, created_at=now)
            self._count[service] += 1
        row.service, row.type, row.name = owner, IntegrationType(type), name.strip()
        if enabled is not None:
            row.enabled = enabled
        if (plain := key or made) is not None:
            self._owners.pop(row.key_digest, None)
            set_key(row, plain, self._owners.get(digest(plain)))
            self._owners[row.key_digest] = row
        self._changed[integration_id] = row
        self._facts += saved("integration", integration_id, before, integration_as_data(row))
        return row, made

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        Integration.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["service", "type", "name", "enabled", "key_digest", "key_sealed"],
        )
        record(self._facts, by, now)


def integration_as_data(row: Integration) -> dict[str, Any]:
    """The integration for the journal. The print of a key tells keys apart without opening anything."""
    return {
        "service": row.service_id,
        "type": str(row.type),
        "name": row.name,
        "enabled": row.enabled,
        "key": f"#{row.key_digest[:8]}",
    }
