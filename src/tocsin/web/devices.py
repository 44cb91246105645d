"""My devices: browsers that pages wake, and the worker in them that shows a page and says that it did.

1. On the page of my devices the browser asks its person, and gives an address: a contact like any other.
2. A code goes there; the worker hands it to the open page, which enters it. So the contact is proved.
3. A page that comes is shown by the worker until somebody looks; that it was shown is the receipt (`/push/TOKEN`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tocsin.answering.actions import answer
from tocsin.channels import webpush
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import SLUG_LENGTH_MAX, slug_of
from tocsin.notification.channels import check_address
from tocsin.notification.contact_actions import save_contacts, send_code
from tocsin.notification.hearing import Receipt
from tocsin.people.models import Contact, User
from tocsin.people.rules import May
from tocsin.web import assets
from tocsin.web.contacts import own_ways
from tocsin.web.forms import UNPROCESSABLE, asker, by, instant, show, told_beside
from tocsin.web.guard import needs, own_key, public
from tocsin.web.layout import say

SCHEME = "push:"
WORKER = "worker.js"
TOKEN_LENGTH_MAX = 60
ENDPOINT_LENGTH_MAX = 500


class DeviceForm(forms.Form):
    """What the browser gives, and what its person calls it."""

    name = forms.CharField(max_length=40, label="Name", initial="phone")
    endpoint = forms.CharField(max_length=ENDPOINT_LENGTH_MAX, widget=forms.HiddenInput)
    key = forms.CharField(max_length=100, widget=forms.HiddenInput)
    secret = forms.CharField(max_length=40, widget=forms.HiddenInput)


@needs(May.OWN_PROFILE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def devices(request: HttpRequest) -> HttpResponse:
    """The browsers that wake me, and the button that makes this one wake me."""
    form = DeviceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with told_beside(form):
            name = _add(request, form.cleaned_data)
        if not form.errors:
            return redirect(f"{reverse('devices')}#{name}" if name else "devices")
    return show(request, "settings/devices.html", form, **_context(request))


def my_devices(request: HttpRequest, wrong: Mapping[str, str]) -> HttpResponse:
    """The same page, with what is `wrong` with a code beside its device."""
    context = {"form": DeviceForm(), **_context(request, wrong)}
    return render(request, "settings/devices.html", context, status=UNPROCESSABLE)


def _context(request: HttpRequest, wrong: Mapping[str, str] | None = None) -> dict[str, Any]:
    ways = [
        way
        for way in own_ways(asker(request), instant(request), wrong)
        if way.contact.address.startswith(SCHEME)
    ]
    return {"ways": ways, "server_key": webpush.keys().public}


def _devices(person: User) -> list[Contact]:
    return list(person.contacts.filter(address__startswith=SCHEME))


def _add(request: HttpRequest, given: dict[str, str]) -> str:
    """Make the device a contact, and send it a code; returns its name, "" when it is one already. Raises Refused."""
    person = asker(request)
    address = check_address(webpush.address_of(given["endpoint"], given["key"], given["secret"]))
    known = {each.name: each.address for each in person.contacts.all()}
    for contact in _devices(person):
        if contact.address == address and contact.verified_at is not None:
            say(request, "This device wakes you already.")
            return ""
        if contact.address == address:
            send_code(person.pk, contact.name, by(request), instant(request))
            return contact.name
    name = _free(slug_of(given["name"]) or "device", known)
    save_contacts(person.pk, known | {name: address}, by(request), instant(request))
    send_code(person.pk, name, by(request), instant(request))
    return name


def _free(wanted: str, taken: dict[str, str]) -> str:
    """`wanted`, with a number after it where somebody has that name."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted[: SLUG_LENGTH_MAX - 4]}-{number}"
    return name


@needs(May.OWN_PROFILE)
@require_POST
def forget(request: HttpRequest, name: str) -> HttpResponse:
    """Let a device wake me no more."""
    person = asker(request)
    known = {each.name: each.address for each in person.contacts.all()}
    if not known.pop(name, "").startswith(SCHEME):
        raise Refused(f"You have no device '{name[:60]}'", status=404)
    save_contacts(person.pk, known, by(request), instant(request))
    say(request, f"{name} is not woken any more.")
    return redirect("devices")


@public
@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """The worker; at the root, because a worker serves what lies below it."""
    asset = assets.load(WORKER)
    assert asset is not None
    response = HttpResponse(asset.body, content_type=asset.type)
    response["Cache-Control"] = "no-cache"
    return response


@csrf_exempt  # the token is the secret
@own_key
@require_POST
def seen(request: HttpRequest, token: str) -> HttpResponse:
    """The receipt of a message: its browser has shown it."""
    delivery = webpush.shown_delivery(token) if len(token) <= TOKEN_LENGTH_MAX else ""
    if not delivery:
        raise Refused("This is no receipt of ours", status=404)
    answer(Receipt(True, delivery), "", instant(request))
    return HttpResponse(status=204)


urlpatterns = [
    path("me/devices", devices, name="devices"),
    path("me/devices/<slug:name>/forget", forget, name="forget_device"),
    path("sw.js", worker, name="worker"),
    path("push/<str:token>", seen, name="push_seen"),
]
