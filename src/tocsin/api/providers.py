"""Accounts with vendors, and the places that policies name, over REST."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.paging import Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import Data, Name, Sent, Slug, SlugInPath
from tocsin.escalation.policy_actions import policies_naming
from tocsin.notification import accounts, places, providers
from tocsin.notification.channels import ADDRESS_LENGTH_MAX, is_served
from tocsin.notification.finding import EMAIL_LENGTH_MAX, find_address, manifest_of
from tocsin.notification.introducing import introduce
from tocsin.notification.models import Place, Provider
from tocsin.notification.providers import POSITION_MAX, SETTING_LENGTH_MAX, ProviderValue
from tocsin.notification.rules import Sent as Taken
from tocsin.notification.rules.circuit import Health
from tocsin.notification.trying import first_target, try_provider
from tocsin.notification.vendors import vendors
from tocsin.organisation.provider_kinds import SETTINGS_MAX
from tocsin.people.rules import Language, May

room = Room("ways to reach people")

SettingName = Annotated[str, Field(max_length=64)]
SettingValue = Annotated[str, Field(max_length=SETTING_LENGTH_MAX)] | None


# -- vendors --------------------------------------------------------------------------------------------------------


class VendorField(BaseModel):
    """One thing that an account needs. A secret one is never shown again."""

    name: str
    label: str
    help: str
    secret: bool
    required: bool
    default: str


class VendorOut(BaseModel):
    """Whose accounts this version can use; `schemes` are the beginnings of the addresses that they serve."""

    kind: str
    title: str
    schemes: list[str]
    fields: list[VendorField]


class VendorsOut(BaseModel):
    items: list[VendorOut]


@room.get("/vendors", may=May.SETTINGS, answer=VendorsOut)
def list_vendors(request: Asked) -> VendorsOut:
    """By kind, with what an account with each needs."""
    return VendorsOut(
        items=[
            VendorOut(
                kind=vendor.kind,
                title=vendor.title,
                schemes=list(vendor.schemes),
                fields=[
                    VendorField(**{name: getattr(each, name) for name in VendorField.model_fields})
                    for each in vendor.fields
                ],
            )
            for _, vendor in sorted(vendors().items())
        ]
    )


class ManifestOut(BaseModel):
    """The app to be made with the vendor: paste `manifest` there, then make the account under the id `provider`."""

    provider: str
    manifest: Data


class ManifestFor(BaseModel):
    """`provider` is the id of the account; left out, the next free one."""

    provider: Slug | None = None


@room.get("/vendors/{id}/manifest", may=May.SETTINGS, answer=ManifestOut)
def show_manifest(request: Asked, id: SlugInPath, asked: Query[ManifestFor]) -> ManifestOut:
    """The description of our app that the vendor makes it from, where it takes one. Nothing in it is secret."""
    account, manifest = manifest_of(id, asked.provider or "")
    return ManifestOut(provider=account, manifest=dict(manifest))


# -- providers ------------------------------------------------------------------------------------------------------


class ProviderBody(Sent):
    """An account with a vendor. `settings` holds the values of its vendor's fields: a secret that is left out stays as
    it is, null forgets it; any other one that is left out is as the vendor has it."""

    vendor: Annotated[str, Field(min_length=1, max_length=32)]
    name: Annotated[str, Field(max_length=120)] = ""
    position: Annotated[int, Field(strict=True, ge=1, le=POSITION_MAX)] = 1
    enabled: Annotated[bool, Field(strict=True)] = True
    settings: Annotated[dict[SettingName, SettingValue], Field(max_length=SETTINGS_MAX)] = {}


class ProviderOut(BaseModel):
    """`secrets` names those that are kept; none is ever shown. `health`, `until` and `problem` are how it is on the
    node that answers; the other figures are of every node: of the last hour, and the last within a week."""

    id: str
    vendor: str
    name: str
    position: int
    enabled: bool
    settings: dict[str, str]
    secrets: list[str]
    callback_url: str
    health: Health | None
    until: datetime | None
    problem: str
    sent: int
    failed: int
    last_sent_at: datetime | None
    last_failed_at: datetime | None
    last_error: str


class TryBody(Sent):
    """`to` is the address of one of the asker's own contacts, or of a place; left out: the first that it serves."""

    to: Annotated[str | None, Field(min_length=1, max_length=ADDRESS_LENGTH_MAX)] = None


class TriedOut(BaseModel):
    """What the provider made of it; `why` it did not go is in words."""

    to: str
    sent: bool
    reference: str = ""
    why: str = ""


@room.get("/providers", may=May.SETTINGS, answer=Listing[ProviderOut])
def list_providers(request: Asked, paged: Query[Paged]) -> Listing[ProviderOut]:
    """By id."""
    return page_of(Provider.objects.order_by("pk"), paged, lambda row: show_provider(row, request.now))


@room.get("/providers/{id}", may=May.SETTINGS, answer=ProviderOut)
def show_one_provider(request: Asked, id: SlugInPath) -> ProviderOut:
    """One account, without its secrets."""
    return show_provider(providers.find_provider(id), request.now)


@room.put("/providers/{id}", may=May.SETTINGS, answer=ProviderOut)
def save_provider(request: Asked, id: SlugInPath, body: ProviderBody) -> Status[ProviderOut]:
    """Makes the provider, or replaces all that it says but its secrets."""
    new = not Provider.objects.filter(pk=id).exists()
    value = ProviderValue(id, body.vendor, body.name, body.settings, body.position, body.enabled)
    row = providers.save_provider(value, request.auth.by, request.now)
    return Status(201 if new else 200, show_provider(row, request.now))


@room.delete("/providers/{id}", may=May.SETTINGS)
def delete_provider(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the provider and its secrets."""
    providers.delete_provider(id, request.auth.by, request.now)
    return Status(204, None)


@room.post("/providers/{id}/test", may=May.SETTINGS, answer=TriedOut)
def test_provider(request: Asked, id: SlugInPath, body: TryBody) -> TriedOut:
    """Sends a test message now, and answers when the provider has taken it or not."""
    to = body.to or first_target(id, request.auth.user.pk)
    outcome = try_provider(id, to, request.auth.user, request.auth.by, request.now)
    if isinstance(outcome, Taken):
        return TriedOut(to=to, sent=True, reference=outcome.reference)
    return TriedOut(to=to, sent=False, why=outcome.why)


class IntroducedOut(BaseModel):
    """Whether the vendor agreed; `why` not is in words."""

    agreed: bool
    why: str = ""


class FindBody(Sent):
    email: Annotated[str, Field(min_length=3, max_length=EMAIL_LENGTH_MAX)]


class FoundOut(BaseModel):
    """The contact address of that person there."""

    address: str


@room.post("/providers/{id}/introduce", may=May.SETTINGS, answer=IntroducedOut)
def introduce_provider(request: Asked, id: SlugInPath) -> IntroducedOut:
    """Tells the vendor where to call us, for vendors that are told by a call."""
    failed = introduce(id, request.auth.by, request.now)
    return IntroducedOut(agreed=failed is None, why=failed.why if failed is not None else "")


@room.post("/providers/{id}/find", may=May.SETTINGS, answer=FoundOut)
def find_with_provider(request: Asked, id: SlugInPath, body: FindBody) -> FoundOut:
    """Asks the vendor who has an e-mail address there; nothing is stored."""
    return FoundOut(address=find_address(id, body.email))


def show_provider(row: Provider, now: datetime) -> ProviderOut:
    """A provider with how it is."""
    opened = accounts.ready().opened.get(row.pk)
    state = accounts.states(now).get(row.pk)
    done = providers.figures([row.pk], now)[row.pk]
    return ProviderOut(
        id=row.pk,
        vendor=row.vendor,
        name=str(row),
        position=row.position,
        enabled=row.enabled,
        settings=_settings(row.settings),
        secrets=list(providers.secret_names(row)),
        callback_url=accounts.callback_url(row.pk),
        health=state.health if state is not None and opened is not None and not opened.problem else None,
        until=state.until if state is not None else None,
        problem=opened.problem if opened is not None else "",
        sent=done.sent,
        failed=done.failed,
        last_sent_at=done.sent_at,
        last_failed_at=done.failed_at,
        last_error=done.error,
    )


def _settings(stored: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in stored.items()}


# -- places ---------------------------------------------------------------------------------------------------------


class PlaceBody(Sent):
    """A chat room or a webhook that policies name as "place:ID". A room is told; nobody is woken by it."""

    name: Name
    address: Annotated[str, Field(min_length=1, max_length=ADDRESS_LENGTH_MAX)]
    language: Annotated[
        Language | None, Field(description="Of its messages; left out or null: that of TOCSIN_LANGUAGE.")
    ] = None


class PlaceOut(BaseModel):
    """`served` says whether something is set up that delivers there; `language` is null where it is the instance's."""

    id: Slug
    name: str
    address: str
    language: Language | None
    served: bool


@room.get("/places", may=May.CONFIGURE, answer=Listing[PlaceOut])
def list_places(request: Asked, paged: Query[Paged]) -> Listing[PlaceOut]:
    """By id."""
    return page_of(Place.objects.order_by("pk"), paged, show_place)


@room.get("/places/{id}", may=May.CONFIGURE, answer=PlaceOut)
def show_one_place(request: Asked, id: SlugInPath) -> PlaceOut:
    """One place."""
    return show_place(places.find_place(id))


@room.put("/places/{id}", may=May.CONFIGURE, answer=PlaceOut)
def save_place(request: Asked, id: SlugInPath, body: PlaceBody) -> Status[PlaceOut]:
    """Makes the place, or replaces all that it says."""
    new = not Place.objects.filter(pk=id).exists()
    row = places.save_place(id, body.name, body.address, request.auth.by, request.now, body.language or "")
    return Status(201 if new else 200, show_place(row))


@room.delete("/places/{id}", may=May.CONFIGURE)
def delete_place(request: Asked, id: SlugInPath) -> Status[None]:
    """Forgets the place. Refused while a policy names it."""
    places.delete_place(id, request.auth.by, request.now, named_by=policies_naming(f"place:{id}"))
    return Status(204, None)


def show_place(row: Place) -> PlaceOut:
    """A place with whether it can be reached at all."""
    language = Language(row.language) if row.language else None
    served = is_served(row.address)
    return PlaceOut(id=row.pk, name=str(row), address=row.address, language=language, served=served)
