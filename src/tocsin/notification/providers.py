"""The accounts with vendors: kept, changed, ordered, switched off, and which of them did what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q

from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug
from tocsin.notification.accounts import callback_url
from tocsin.notification.models import Attempt, Provider
from tocsin.notification.sealing import seal, unseal
from tocsin.notification.vendors import Account, Field, Vendor, vendors
from tocsin.people.checking import check_name

PROVIDERS_MAX = 50
POSITION_MAX = 100
SETTING_LENGTH_MAX = 2_000  # characters; of a secret too, which may be a key of several lines
LATELY = timedelta(hours=1)
TRIED_FOR = timedelta(days=7)  # how far back the last message and the last error are looked for


@dataclass(frozen=True)
class ProviderValue:
    """A provider as it is to be. `given` are the values of its vendor's fields: a plain one that is left out has its
    default, a secret one that is left out stays as it is, and None forgets it."""

    id: str
    vendor: str
    name: str = ""
    given: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    position: int = 1
    enabled: bool = True


def providers() -> list[Provider]:
    """Every provider, in the order in which they are asked."""
    return list(Provider.objects.all())


def find_provider(provider_id: str) -> Provider:
    """The provider. Raises Refused."""
    row = Provider.objects.filter(pk=provider_id).first()
    if row is None:
        raise not_found("provider", provider_id)
    return row


def vendor_of(kind: str) -> Vendor:
    """The vendor that is called so in files. Raises Refused with those there are."""
    known = vendors()
    if kind not in known:
        expected = (
            f"one of {', '.join(sorted(known))}" if known else "a vendor of this version, which has none"
        )
        raise Refused(f"No vendor '{kind[:60]}'", expected, where="vendor")
    return known[kind]


def save_provider(value: ProviderValue, by: By, now: datetime) -> Provider:
    """Make the provider or change it. Raises Refused with the field at fault."""
    with changing():
        saving = Providers([value.id])
        row = saving.save(value, now)
        saving.store(by, now)
    return row


def set_provider_enabled(provider_id: str, enabled: bool, by: By, now: datetime) -> Provider:
    """Ask the provider again, or ask it no more, without forgetting anything of it."""
    with changing():
        row = find_provider(provider_id)
        before = _as_data(row)
        row.enabled = enabled
        row.save(update_fields=["enabled"])
        record(_saved(row, before), by, now)
    return row


def order_providers(ids: Sequence[str], by: By, now: datetime) -> None:
    """Ask them in this order; those that are not named come after, as they were."""
    with changing():
        rows = {row.pk: row for row in Provider.objects.all()}
        wanted = [rows.pop(each) for each in dict.fromkeys(ids) if each in rows]
        facts: list[Fact] = []
        for position, row in enumerate([*wanted, *rows.values()], 1):
            if row.position != position:
                before = _as_data(row)
                row.position = position
                row.save(update_fields=["position"])
                facts += _saved(row, before)
        record(facts, by, now)


def delete_provider(provider_id: str, by: By, now: datetime) -> None:
    """Forget the provider and its secrets; what it sent keeps its name."""
    with changing():
        row = find_provider(provider_id)
        row.delete()
        record([did("provider.deleted", provider=provider_id, vendor=row.vendor)], by, now)


def note_test(provider_id: str, outcome: str, by: By, now: datetime) -> None:
    """Write down that a test message was sent through the provider, and what became of it."""
    with changing():
        record([did("provider.tested", provider=provider_id, outcome=outcome[:200])], by, now)


class Providers:
    """Changes to the providers `ids`: `save` decides about one, `store` writes all. Inside one transaction of the
    caller's."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._rows = Provider.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._new = Provider.objects.count()
        self._changed: dict[str, Provider] = {}
        self._facts: list[Fact] = []

    def save(self, value: ProviderValue, now: datetime) -> Provider:
        """Make the provider or change it. Raises Refused."""
        row = self._rows.get(check_slug(value.id, "id"))
        if row is None and self._new >= PROVIDERS_MAX:
            raise conflict(f"There are {PROVIDERS_MAX} providers", "Delete those that nobody uses.")
        before = _as_data(row) if row else None
        plain, secrets = check_provider(value, row)
        if row is None:
            row = self._rows[value.id] = Provider(id=value.id, vendor=value.vendor)
            self._new += 1
        row.name, row.position, row.enabled = value.name.strip(), value.position, value.enabled
        row.settings = plain
        kept = {name: sealed for name, sealed in row.secrets_sealed.items() if name in secrets}
        had = secrets_of(row)
        row.secrets_sealed = {
            name: kept[name] if name in kept and had.get(name) == said else seal(said)
            for name, said in secrets.items()
        }
        row.changed_at = now
        self._changed[value.id] = row
        self._facts += _saved(row, before)
        return row

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        for row in self._changed.values():
            row.save()
        record(self._facts, by, now)


def check_provider(value: ProviderValue, row: Provider | None) -> tuple[dict[str, str], dict[str, str]]:
    """The plain settings and the secrets that `value` comes to where `row` is what there is. Raises Refused, with
    "settings." before the name of a field; a value that is wrong is not repeated when it is secret."""
    vendor = vendor_of(value.vendor)
    if row is not None and row.vendor != value.vendor:
        raise Refused(
            f"Provider {row.pk} is an account with {row.vendor}",
            "the same vendor",
            "Make another provider for another vendor.",
            "vendor",
        )
    if value.name:
        check_name(value.name)
    if not 1 <= value.position <= POSITION_MAX:
        raise Refused(f"Position {value.position}", f"1 to {POSITION_MAX}", where="position")
    fields = {each.name: each for each in vendor.fields}
    for name in value.given:
        if name not in fields:
            expected = f"one of {', '.join(fields)}" if fields else "no settings"
            raise Refused(
                f"{vendor.title} has no setting '{name[:60]}'", expected, where=f"settings.{name[:60]}"
            )
    had = secrets_of(row) if row is not None else {}
    plain = {name: _value(each, value.given.get(name)) for name, each in fields.items() if not each.secret}
    secrets = {
        name: said
        for name, each in fields.items()
        if each.secret and (said := _secret(each, value.given, had, row)) is not None
    }
    try:
        vendor.open(Account(value.id, {**plain, **secrets}, callback_url(value.id)))
    except Refused as refused:
        if refused.where in fields:
            refused.where = f"settings.{refused.where}"
        raise
    return plain, secrets


def _value(each: Field, given: str | None) -> str:
    said = (given or "").strip() or each.default
    if each.required and not said:
        raise _missing(each)
    if len(said) > SETTING_LENGTH_MAX or any(ord(c) < 32 for c in said):
        raise Refused(
            f"{each.label} cannot be used",
            f"one line of at most {SETTING_LENGTH_MAX} characters",
            where=f"settings.{each.name}",
        )
    return said


def _secret(
    each: Field, given: Mapping[str, str | None], had: Mapping[str, str | None], row: Provider | None
) -> str | None:
    """The secret as it is to be; None when there is none."""
    said = given[each.name] if each.name in given else had.get(each.name)
    if each.name not in given and row is not None and each.name in row.secrets_sealed and said is None:
        raise Refused(
            f"{each.label} was sealed under another secret key, and cannot be kept",
            "the secret",
            "Write it again, or set TOCSIN_SECRET_KEY as it was.",
            f"settings.{each.name}",
        )
    said = (said or "").strip()
    if not said:
        if each.required:
            raise _missing(each)
        return None
    if len(said) > SETTING_LENGTH_MAX:
        raise Refused(
            f"{each.label} is too long",
            f"at most {SETTING_LENGTH_MAX} characters",
            where=f"settings.{each.name}",
        )
    return said


def _missing(each: Field) -> Refused:
    return Refused(f"{each.label} is missing", "a value", each.help, f"settings.{each.name}")


def secrets_of(row: Provider) -> dict[str, str | None]:
    """The secrets in plain text, to compare with what is given; None for one that another secret key has sealed."""
    plain: dict[str, str | None] = {}
    for name, sealed in row.secrets_sealed.items():
        try:
            plain[name] = unseal(sealed)
        except Refused:
            plain[name] = None
    return plain


def secret_names(row: Provider) -> tuple[str, ...]:
    """Which secrets are kept."""
    return tuple(row.secrets_sealed)


def _as_data(row: Provider) -> dict[str, Any]:
    """The provider for the journal; that a secret is another one is said, and no more."""
    secrets = {f"secret {name}": sealed for name, sealed in row.secrets_sealed.items()}
    return {
        "vendor": row.vendor,
        "name": row.name,
        "position": row.position,
        "enabled": row.enabled,
        "settings": dict(row.settings),
        **secrets,
    }


def _saved(row: Provider, before: Mapping[str, Any] | None) -> list[Fact]:
    after = _as_data(row)
    gone = {name: None for name in before or {} if name not in after}  # a secret that was forgotten
    secret = [name for name in (*after, *gone) if name.startswith("secret ")]
    return saved("provider", row.pk, before, {**after, **gone}, personal=secret)


# --- what they did ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """What the attempts say of one provider, on whatever node."""

    sent: int = 0  # within LATELY
    failed: int = 0
    sent_at: datetime | None = None  # the last, within TRIED_FOR
    failed_at: datetime | None = None
    error: str = ""  # the last


def figures(ids: Iterable[str], now: datetime) -> dict[str, Figures]:
    """The figures of the providers `ids`."""
    return {each: _figures(each, now) for each in ids}


def _figures(provider: str, now: datetime) -> Figures:
    tried = Attempt.objects.filter(provider=provider).exclude(provider="")
    went = Q(outcome="sent")
    lately = tried.filter(at__gt=now - LATELY).aggregate(sent=Count("pk", went), failed=Count("pk", ~went))
    times = tried.filter(at__gt=now - TRIED_FOR).aggregate(
        sent=Max("at", filter=went), failed=Max("at", filter=~went)
    )
    last = tried.exclude(went).filter(at=times["failed"]).order_by("-pk").first() if times["failed"] else None
    return Figures(
        lately["sent"], lately["failed"], times["sent"], times["failed"], last.outcome if last else ""
    )


def provider_that_took(delivery_id: UUID) -> str:
    """The provider that took the message, whose name for it is the delivery's reference; "" when none was needed."""
    took = Attempt.objects.filter(delivery_id=delivery_id, outcome="sent").order_by("-pk")
    return took.values_list("provider", flat=True).first() or ""
