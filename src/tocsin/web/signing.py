"""The secrets by which receivers tell that what is posted to a contact or a place is from here, and their change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tocsin.channels.signing import HEADER, secret_for
from tocsin.hooks.addresses import end_old_of_address, rotate_address, secrets_at
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.notification.places import find_place
from tocsin.people.models import Contact
from tocsin.people.rules import May
from tocsin.web.forms import asker, by, instant
from tocsin.web.guard import needs
from tocsin.web.layout import say

WEBHOOKS = ("http://", "https://")
ROTATED = "There is a new secret. For a day both sign, so the receiver can change over in peace."
ENDED = "Only the new secret signs now."


@dataclass(frozen=True)
class Signed:
    """One address and what signs for it. `of` says whose it is, for the journal; without a `secret` it is not shown."""

    name: str
    address: str
    noun: str
    of: Mapping[str, str]
    here: str
    secret: str = ""
    old_secret: str = ""
    old_until: datetime | None = None

    @property
    def rotate_at(self) -> str:
        return f"{self.here}/rotate"

    @property
    def end_old_at(self) -> str:
        return f"{self.here}/end-old"


def _signed(name: str, address: str, noun: str, of: Mapping[str, str], here: str, now: datetime) -> Signed:
    nonces = secrets_at(address)
    old = nonces.still_old(now)
    return Signed(
        name,
        address,
        noun,
        of,
        here,
        secret_for(address, nonces.nonce),
        secret_for(address, nonces.old) if old else "",
        nonces.old_until if old else None,
    )


def _of_contact(contact: Contact, now: datetime) -> Signed:
    """Shown once the contact is proved: who writes down somebody else's receiver must not be able to sign for it."""
    of = {"user": contact.user_id, "contact": contact.name}
    here = f"{reverse('signing')}/{contact.name}"
    if not contact.as_value().is_paged:
        return Signed(contact.name, contact.address, "contact", of, here)
    return _signed(contact.name, contact.address, "contact", of, here, now)


def _own(request: HttpRequest, name: str) -> Signed:
    contact = asker(request).contacts.filter(name=name).first()
    if contact is None or not contact.address.startswith(WEBHOOKS):
        raise not_found("contact", name)
    signed = _of_contact(contact, instant(request))
    if not signed.secret:
        raise conflict(f"The contact {name} is not proved", "Prove it first, with a code that is sent there.")
    return signed


def _of_place(request: HttpRequest, place_id: str) -> Signed:
    row = find_place(place_id)
    if not row.address.startswith(WEBHOOKS):
        raise Refused(f"What is sent to {row} is not signed", "a place with an https:// address", status=404)
    here = reverse("place_signing", args=[row.pk])
    return _signed(str(row), row.address, "place", {"place": row.pk}, here, instant(request))


@needs(May.OWN_PROFILE)
@require_safe
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    """The secrets of my own receivers."""
    hooks = [each for each in asker(request).contacts.all() if each.address.startswith(WEBHOOKS)]
    rows = [_of_contact(each, instant(request)) for each in hooks]
    return render(request, "settings/signing.html", {"rows": rows, "header": HEADER})


@needs(May.CONFIGURE)
@require_safe
@never_cache
def of_place(request: HttpRequest, place_id: str) -> HttpResponse:
    """The secret of a place."""
    place = find_place(place_id)
    rows = [_of_place(request, place_id)]
    return render(request, "settings/signing.html", {"rows": rows, "header": HEADER, "place": place})


def _act(
    may: May,
    find: Callable[[HttpRequest, str], Signed],
    do: Callable[[str, str, Mapping[str, str], By, datetime], None],
    said: str,
    back: Callable[[str], str],
) -> Callable[..., HttpResponse]:
    """A button that does one thing to a secret, and says so."""

    @needs(may)
    @require_POST
    def press(request: HttpRequest, name: str) -> HttpResponse:
        signed = find(request, name)
        do(signed.address, signed.noun, signed.of, by(request), instant(request))
        say(request, said)
        return redirect(back(name))

    return press


def _to_mine(name: str) -> str:
    return reverse("signing")


def _to_place(name: str) -> str:
    return reverse("place_signing", args=[name])


urlpatterns = [
    path("me/signing", mine, name="signing"),
    path(
        "me/signing/<slug:name>/rotate",
        _act(May.OWN_PROFILE, _own, rotate_address, ROTATED, _to_mine),
        name="signing_rotate",
    ),
    path(
        "me/signing/<slug:name>/end-old",
        _act(May.OWN_PROFILE, _own, end_old_of_address, ENDED, _to_mine),
        name="signing_end_old",
    ),
    path("places/<slug:place_id>/signing", of_place, name="place_signing"),
    path(
        "places/<slug:name>/signing/rotate",
        _act(May.CONFIGURE, _of_place, rotate_address, ROTATED, _to_place),
        name="place_signing_rotate",
    ),
    path(
        "places/<slug:name>/signing/end-old",
        _act(May.CONFIGURE, _of_place, end_old_of_address, ENDED, _to_place),
        name="place_signing_end_old",
    ),
]
