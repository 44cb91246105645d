"""Change services, integrations and the organisation's settings. Each verb is one transaction and writes down what
it changed; whoever asks for the `configuration()` after it gets it as changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import models

from tocsin.catalog.keys import KEY_LENGTH_MAX as KEY_LENGTH_MAX  # noqa: PLC0414 - offered here too
from tocsin.catalog.keys import KEY_LENGTH_MIN as KEY_LENGTH_MIN  # noqa: PLC0414 - offered here too
from tocsin.catalog.keys import check_key as check_key  # noqa: PLC0414 - offered here too
from tocsin.catalog.keys import reveal_key as reveal_key  # noqa: PLC0414 - offered here too
from tocsin.catalog.keys import set_key
from tocsin.catalog.models import Integration, Organisation, Service
from tocsin.catalog.rules import (
    IntegrationType,
    ServiceValue,
    check_matrix,
    matrix_as_data,
    matrix_from,
)
from tocsin.catalog.saving import DESCRIPTION_LENGTH_MAX as DESCRIPTION_LENGTH_MAX  # noqa: PLC0414 - offered here too
from tocsin.catalog.saving import INTEGRATIONS_MAX as INTEGRATIONS_MAX  # noqa: PLC0414 - offered here too
from tocsin.catalog.saving import WORKAROUND_LENGTH_MAX as WORKAROUND_LENGTH_MAX  # noqa: PLC0414 - offered here too
from tocsin.catalog.saving import Integrations, Services, integration_as_data
from tocsin.catalog.snapshot import configuration as configuration  # noqa: PLC0414 - offered here too
from tocsin.catalog.snapshot import fresh_or_none as fresh_or_none  # noqa: PLC0414 - offered here too
from tocsin.catalog.snapshot import per_configuration as per_configuration  # noqa: PLC0414 - offered here too
from tocsin.catalog.snapshot import refresh as refresh  # noqa: PLC0414 - offered here too
from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import digest, new_key
from tocsin.kernel.urgency import Matrix
from tocsin.people.actions import check_name
from tocsin.people.models import User


def touch(by: By, now: datetime, facts: Sequence[Fact]) -> None:
    """End an action: write `facts`, and have every copy of the configuration read again."""
    record(facts, by, now)


# --- the organisation ------------------------------------------------------------------------------------


def organisation() -> Organisation:
    """The one row of settings, made when it is absent."""
    return Organisation.objects.order_by("pk").first() or Organisation.objects.get_or_create(pk=1)[0]


def save_organisation(
    name: str,
    matrix: Matrix,
    fallback: str | None,
    by: By,
    now: datetime,
    *,
    expectations: Sequence[Mapping[str, Any]] | None = None,
) -> Organisation:
    """Change the settings that hold for everything; `fallback` is paged when a policy reaches nobody.

    `expectations`, checked by the caller, say what has to be so; None: they stay as they are.
    """
    name = check_name(name)
    check_matrix(matrix)
    with changing():
        row = organisation()
        before = _organisation_as_data(row)
        if fallback and not User.objects.people().filter(pk=fallback, is_active=True).exists():
            raise Refused(f"No active person '{fallback}'", "the id of a person", where="fallback")
        row.name, row.matrix, row.fallback_id = name, matrix_as_data(matrix), fallback or None
        if expectations is not None:
            row.expectations = [dict(each) for each in expectations]
        after = _organisation_as_data(row)
        row.save()
        touch(by, now, saved("organisation", str(row.pk), before, after))
    return row


def _organisation_as_data(row: Organisation) -> dict[str, Any]:
    return {
        "name": row.name,
        "priorities": matrix_as_data(matrix_from(row.matrix)),
        "fallback": row.fallback_id,
        "expectations": row.expectations,
    }


# --- services --------------------------------------------------------------------------------------------


def save_service(
    value: ServiceValue, description: str, by: By, now: datetime, *, policies: Collection[str] | None = None
) -> Service:
    """Make the service or change it. Raises Refused.

    `policies` are the ids that exist, since they live in a room above; None: the caller has checked.
    """
    with changing():
        saving = Services([value.id], policies)
        row = saving.save(value, description)
        saving.store(by, now)
    return row


def delete_service(service_id: str, by: By, now: datetime) -> None:
    """Forget the service, its integrations, and what is expected of it. Refused while it has a past: that would be
    lost with it."""
    with changing():
        row = find_service(service_id)
        if has_past(row):
            raise conflict(
                f"Service {service_id} has incidents or alerts",
                "Keep it, and switch its integrations off instead.",
            )
        row.delete()
        touch(by, now, [*_expect_no_more_of(service_id), did("service.deleted", service=service_id)])


def _expect_no_more_of(service_id: str) -> list[Fact]:
    """Forget what the organisation expects of a service, which nobody could judge any more; the fact of it."""
    row = organisation()
    before = _organisation_as_data(row)
    row.expectations = [each for each in row.expectations if each.get("service") != service_id]
    row.save(update_fields=["expectations"])
    return saved("organisation", str(row.pk), before, _organisation_as_data(row))


def expectations_of(service_id: str) -> int:
    """How many of the organisation's expectations are about the service."""
    return sum(1 for each in organisation().expectations if each.get("service") == service_id)


def find_service(service_id: str) -> Service:
    """The service. Raises Refused."""
    row = Service.objects.filter(pk=service_id).first()
    if row is None:
        raise not_found("service", service_id)
    return row


def _past_of(row: models.Model, but: type[models.Model] | None = None) -> bool:
    """Whether rows hang on `row`; those of rooms above are asked through the model, being unknown here."""
    return any(
        relation.related_model is not but
        and relation.related_model._default_manager.filter(**{relation.field.name: row}).exists()
        for relation in row._meta.related_objects
    )


# --- integrations ----------------------------------------------------------------------------------------


def save_integration(
    integration_id: str,
    service: str,
    type: IntegrationType | str,
    name: str,
    key: str | None,
    by: By,
    now: datetime,
) -> tuple[Integration, str | None]:
    """Make the integration or change it. Returns it with its key when one was made just now, else with None.

    `key` None keeps the key there is, or makes one. Raises Refused.
    """
    with changing():
        saving = Integrations([integration_id], [service], [key] if key is not None else [])
        row, made = saving.save(integration_id, service, type, name, key, now=now)
        saving.store(by, now)
    return row, made


def rotate_key(integration_id: str, by: By, now: datetime) -> tuple[Integration, str]:
    """Give the integration a fresh key and return both; the old key opens nothing from now on."""
    plain = new_key()
    row = _change_integration(integration_id, by, now, "integration.rotated", key=plain)
    return row, plain


def set_enabled(integration_id: str, enabled: bool, by: By, now: datetime) -> Integration:
    """Let the integration's sender in, or shut it out without forgetting its key."""
    return _change_integration(integration_id, by, now, "integration.saved", enabled=enabled)


def delete_integration(integration_id: str, by: By, now: datetime) -> None:
    """Forget the integration and its key. Refused when alerts came through it: they would be lost with it."""
    with changing():
        row = find_integration(integration_id)
        if _past_of(row):
            raise conflict(f"Alerts came through integration {integration_id}", "Switch it off instead.")
        row.delete()
        touch(by, now, [did("integration.deleted", integration=integration_id, service=row.service_id)])


def has_past(row: Service | Integration) -> bool:
    """Whether something that must not be lost hangs on it, so that it cannot be deleted."""
    if isinstance(row, Integration):
        return _past_of(row)
    return _past_of(row, but=Integration) or any(_past_of(each) for each in row.integrations.all())


def find_integration(integration_id: str) -> Integration:
    """The integration. Raises Refused."""
    row = Integration.objects.filter(pk=integration_id).first()
    if row is None:
        raise not_found("integration", integration_id)
    return row


def _change_integration(
    integration_id: str,
    by: By,
    now: datetime,
    kind: str,
    *,
    key: str | None = None,
    enabled: bool | None = None,
) -> Integration:
    with changing():
        row = Integration.objects.select_for_update().filter(pk=integration_id).first()
        if row is None:
            raise not_found("integration", integration_id)
        before = integration_as_data(row)
        if key is not None:
            set_key(row, key, Integration.objects.filter(key_digest=digest(key)).first())
        if enabled is not None:
            row.enabled = enabled
        row.save()
        facts = saved("integration", integration_id, before, integration_as_data(row))
        touch(by, now, [Fact(fact.chain, kind, fact.data) for fact in facts])
    return row
