"""Change services, integrations and the organisation's settings. Each verb is one transaction and writes down what
it changed; whoever asks for the `configuration()` after it gets it as changed."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models, transaction

from tocsin.catalog.models import Integration, Organisation, Service
from tocsin.catalog.rules import (
    IntegrationType,
    ServiceValue,
    check_matrix,
    check_service,
    matrix_as_data,
    matrix_from,
)
from tocsin.catalog.snapshot import configuration as configuration  # noqa: PLC0414 - offered here too
from tocsin.catalog.snapshot import fresh_or_none as fresh_or_none  # noqa: PLC0414 - offered here too
from tocsin.catalog.snapshot import per_configuration as per_configuration  # noqa: PLC0414 - offered here too
from tocsin.catalog.snapshot import refresh as refresh  # noqa: PLC0414 - offered here too
from tocsin.journal.actions import Fact
from tocsin.journal.changes import did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug, digest, new_key
from tocsin.kernel.urgency import Matrix
from tocsin.people.actions import check_name
from tocsin.people.models import Team, User

DESCRIPTION_LENGTH_MAX = 5_000
KEY_LENGTH_MIN = 16
KEY_LENGTH_MAX = 128
INTEGRATIONS_MAX = 50  # per service
_KEY = re.compile(r"[A-Za-z0-9_.~-]+\Z")  # what stands in an address without escaping


def touch(by: By, now: datetime, facts: Sequence[Fact]) -> None:
    """End an action: write `facts`, and have every copy of the configuration read again."""
    record(facts, by, now)


# --- the organisation ------------------------------------------------------------------------------------


def organisation() -> Organisation:
    """The one row of settings, made when it is absent."""
    return Organisation.objects.order_by("pk").first() or Organisation.objects.get_or_create(pk=1)[0]


def save_organisation(name: str, matrix: Matrix, fallback: str | None, by: By, now: datetime) -> Organisation:
    """Change the settings that hold for everything; `fallback` is paged when a policy reaches nobody."""
    name = check_name(name)
    check_matrix(matrix)
    with transaction.atomic():
        row = organisation()
        before = _organisation_as_data(row)
        if fallback and not User.objects.filter(pk=fallback, is_active=True).exists():
            raise Refused(f"No active person '{fallback}'", "the id of a person", where="fallback")
        row.name, row.matrix, row.fallback_id = name, matrix_as_data(matrix), fallback or None
        after = _organisation_as_data(row)
        row.save()
        touch(by, now, saved("organisation", str(row.pk), before, after))
    return row


def _organisation_as_data(row: Organisation) -> dict[str, Any]:
    return {
        "name": row.name,
        "priorities": matrix_as_data(matrix_from(row.matrix)),
        "fallback": row.fallback_id,
    }


# --- services --------------------------------------------------------------------------------------------


def save_service(
    value: ServiceValue, description: str, by: By, now: datetime, *, policies: Collection[str] | None = None
) -> Service:
    """Make the service or change it. Raises Refused.

    `policies` are the ids that exist, since they live in a room above; None: the caller has checked.
    """
    check_service(value)
    check_name(value.name)
    if len(description) > DESCRIPTION_LENGTH_MAX:
        raise Refused(
            "The description is too long", f"at most {DESCRIPTION_LENGTH_MAX} characters", where="description"
        )
    if value.policy and policies is not None and value.policy not in policies:
        raise Refused(f"No policy '{value.policy}'", "the id of a policy", where="policy")
    with transaction.atomic():
        if value.team and not Team.objects.filter(pk=value.team).exists():
            raise Refused(f"No team '{value.team}'", "the id of a team", where="team")
        row = Service.objects.select_for_update().filter(pk=value.id).first()
        before = _service_as_data(row) if row else None
        row = row or Service(id=value.id)
        row.name, row.description, row.tier = value.name.strip(), description.strip(), value.tier
        row.team_id, row.policy, row.urgency = value.team, value.policy or "", value.urgency
        row.group_by = None if value.grouping is None else list(value.grouping.by)
        if value.grouping is not None:
            row.group_window = value.grouping.window
        row.resolve_delay, row.ack_timeout = value.resolve_delay, value.ack_timeout
        row.save()
        touch(by, now, saved("service", value.id, before, _service_as_data(row)))
    return row


def delete_service(service_id: str, by: By, now: datetime) -> None:
    """Forget the service and its integrations. Refused while it has a past: that would be lost with it."""
    with transaction.atomic():
        row = find_service(service_id)
        if has_past(row):
            raise conflict(
                f"Service {service_id} has incidents or alerts",
                "Keep it, and switch its integrations off instead.",
            )
        row.delete()
        touch(by, now, [did("service.deleted", service=service_id)])


def find_service(service_id: str) -> Service:
    """The service. Raises Refused."""
    row = Service.objects.filter(pk=service_id).first()
    if row is None:
        raise not_found("service", service_id)
    return row


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
    }


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
    check_slug(integration_id, "id")
    if type not in list(IntegrationType):
        raise Refused(f"{type!r} is not a type", f"one of {', '.join(IntegrationType)}", where="type")
    if name:
        check_name(name)
    with transaction.atomic():
        owner = find_service(service)
        row = Integration.objects.select_for_update().filter(pk=integration_id).first()
        before = _integration_as_data(row) if row else None
        if row is None and owner.integrations.count() >= INTEGRATIONS_MAX:
            raise conflict(
                f"Service {service} has {INTEGRATIONS_MAX} integrations", "Remove those nobody uses."
            )
        made = new_key() if row is None and key is None else None
        row = row or Integration(id=integration_id, created_at=now)
        row.service, row.type, row.name = owner, IntegrationType(type), name.strip()
        if (plain := key or made) is not None:
            _set_key(row, plain)
        row.save()
        touch(by, now, saved("integration", integration_id, before, _integration_as_data(row)))
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
    with transaction.atomic():
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
    with transaction.atomic():
        row = Integration.objects.select_for_update().filter(pk=integration_id).first()
        if row is None:
            raise not_found("integration", integration_id)
        before = _integration_as_data(row)
        if key is not None:
            _set_key(row, key)
        if enabled is not None:
            row.enabled = enabled
        row.save()
        facts = saved("integration", integration_id, before, _integration_as_data(row))
        touch(by, now, [Fact(fact.chain, kind, fact.data) for fact in facts])
    return row


def _integration_as_data(row: Integration) -> dict[str, Any]:
    # The print of a key tells keys apart in the audit log without opening anything.
    return {
        "service": row.service_id,
        "type": str(row.type),
        "name": row.name,
        "enabled": row.enabled,
        "key": f"#{row.key_digest[:8]}",
    }


# --- keys ------------------------------------------------------------------------------------------------


def check_key(key: object, where: str = "key") -> str:
    """Return `key` when it may open an integration. Raises Refused, without repeating it."""
    if not isinstance(key, str) or not KEY_LENGTH_MIN <= len(key) <= KEY_LENGTH_MAX or not _KEY.match(key):
        raise Refused(
            "This key cannot be used",
            f"{KEY_LENGTH_MIN} to {KEY_LENGTH_MAX} letters, digits, dashes, nothing that can be guessed",
            "Leave it out to have one made.",
            where,
        )
    return key


def reveal_key(row: Integration) -> str:
    """The key in plain text, for those who may see it. Raises Refused when another secret key sealed it."""
    try:
        return _seal(settings.SECRET_KEY).decrypt(row.key_sealed.encode()).decode()
    except InvalidToken:
        raise Refused(
            f"The key of integration {row.id} cannot be shown",
            "the secret key of this installation it was sealed with",
            "Set TOCSIN_SECRET_KEY as it was, or make a new key. Senders are still let in with the old one.",
            status=409,
        ) from None


def _set_key(row: Integration, plain: str) -> None:
    check_key(plain)
    if row.key_digest == digest(plain):
        return
    other = Integration.objects.filter(key_digest=digest(plain)).exclude(pk=row.pk).first()
    if other:
        raise conflict(
            f"Integration {other.id} has the same key", "Every integration needs a key of its own."
        )
    row.key_digest = digest(plain)
    row.key_sealed = _seal(settings.SECRET_KEY).encrypt(plain.encode()).decode()


@lru_cache(maxsize=2)
def _seal(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"tocsin integration keys").derive(secret.encode())
    return Fernet(urlsafe_b64encode(derived))
