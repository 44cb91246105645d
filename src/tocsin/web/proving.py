"""Prove that a contact is mine: have a code sent there, and enter it. One form, on whatever page the contact stands."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from tocsin.kernel.errors import Refused
from tocsin.notification.contact_actions import send_code
from tocsin.people.contacts import prove_contact
from tocsin.people.rules import May
from tocsin.web.devices import my_devices
from tocsin.web.forms import asker, by, instant, words
from tocsin.web.guard import needs
from tocsin.web.layout import say
from tocsin.web.profile import my_page

TYPED_MAX = 20
DEVICES = "devices"  # in the field `at` of a form that stands on the page of my devices


@needs(May.OWN_PROFILE)
@require_POST
def code(request: HttpRequest, contact: str) -> HttpResponse:
    """Send a code to one of my contacts."""
    try:
        send_code(asker(request).pk, contact, by(request), instant(request))
    except Refused as refused:
        return _wrong(request, contact, refused)
    say(request, f"A code is on its way to {contact}. Enter it here.")
    return _back(request, contact)


@needs(May.OWN_PROFILE)
@require_POST
def verify(request: HttpRequest, contact: str) -> HttpResponse:
    """Verify one of my contacts by the code that was sent there."""
    typed = request.POST.get("code", "")[:TYPED_MAX]
    try:
        prove_contact(asker(request).pk, contact, typed, by(request), instant(request))
    except Refused as refused:
        return _wrong(request, contact, refused)
    say(request, f"{contact} is verified: pages go there.")
    return _back(request, contact)


def _wrong(request: HttpRequest, contact: str, refused: Refused) -> HttpResponse:
    """The page where the form stood, with what is wrong beside the contact."""
    if refused.status == 404:
        raise refused
    page = my_devices if request.POST.get("at") == DEVICES else my_page
    return page(request, {contact: words(refused)})


def _back(request: HttpRequest, contact: str) -> HttpResponse:
    if request.POST.get("at") == DEVICES:
        return redirect(f"{reverse('devices')}#{contact}")
    return redirect(reverse("profile") + "#contacts")


urlpatterns = [
    path("me/contacts/<slug:contact>/code", code, name="contact_code"),
    path("me/contacts/<slug:contact>/verify", verify, name="contact_verify"),
]
