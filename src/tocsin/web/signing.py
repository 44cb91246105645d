"""The secrets by which receivers tell that what is posted to a contact or a place is from here, and their change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
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
    """One address and what signs for it. `of` says whose it is, for the journal; without a `secret` it is not shown.

    `page` shows it, and its buttons lie below `here`.
    """

    name: str
    address: str
    noun: str
    of: Mapping[str, str]
    page: str
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


def _shown(signed: Signed, now: datetime) -> Signed:
    """With its secret, and the one before while that still signs."""
    nonces = secrets_at(signed.address)
    old = nonces.still_old(now)
    return replace(
        signed,
        secret=secret_for(signed.address, nonces.nonce),
        old_secret=secret_for(signed.address, nonces.old) if old else "",
        old_until=nonces.old_until if old else None,
    )


def _of_contact(contact: Contact, now: datetime) -> Signed:
    """Shown once the contact is proved: who writes down somebody else's receiver must not be able to sign for it."""
    of = {"user": contact.user_id, "contact": contact.name}
    page = reverse("signing")
    signed = Signed(contact.name, contact.address, "contact", of, page, f"{page}/{contact.name}")
    return _shown(signed, now) if contact.as_value().is_paged else signed


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
    page = reverse("place_signing", args=[row.pk])
    return _shown(Signed(str(row), row.address, "place", {"place": row.pk}, page, page), instant(request))


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
def of_place(request: HttpRequest, name: str) -> HttpResponse:
    """The secret of a place."""
    place = find_place(name)
    rows = [_of_place(request, name)]
    return render(request, "settings/signing.html", {"rows": rows, "header": HEADER, "place": place})


def _buttons(
    under: str, called: str, may: May, find: Callable[[HttpRequest, str], Signed]
) -> list[URLPattern]:
    """The two buttons of each secret that `find` finds, below its address; `called` is the name of its page."""
    return [
        path(f"{under}/rotate", _act(may, find, rotate_address, ROTATED), name=f"{called}_rotate"),
        path(f"{under}/end-old", _act(may, find, end_old_of_address, ENDED), name=f"{called}_end_old"),
    ]


def _act(
    may: May,
    find: Callable[[HttpRequest, str], Signed],
    do: Callable[[str, str, Mapping[str, str], By, datetime], None],
    said: str,
) -> Callable[..., HttpResponse]:
    """A button that does one thing to a secret, and says so on the page where the secret stands."""

    @needs(may)
    @require_POST
    def press(request: HttpRequest, name: str) -> HttpResponse:
        signed = find(request, name)
        do(signed.address, signed.noun, signed.of, by(request), instant(request))
        say(request, said)
        return redirect(signed.page)

    return press


urlpatterns = [
    path("me/signing", mine, name="signing"),
    *_buttons("me/signing/<slug:name>", "signing", May.OWN_PROFILE, _own),
    path("places/<slug:name>/signing", of_place, name="place_signing"),
    *_buttons("places/<slug:name>/signing", "place_signing", May.CONFIGURE, _of_place),
]
