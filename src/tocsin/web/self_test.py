"""The test of how somebody is reached: begun, watched as it goes, and what each message led to.

1. `/me/test` and `/people/ID/test`: every contact with what became of its message; changes by itself, and by reload.
2. `/t/TOKEN`, the link in a test message. Looking (GET, HEAD) shows; only pressing (POST) says that it arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext, override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.kernel.durations import in_words
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.actions import test_rules
from tocsin.notification.channels import shown_address
from tocsin.notification.models import Delivery, SelfTestReply
from tocsin.notification.rule_actions import rules_of
from tocsin.notification.rules import ACT_LINK_LIFE, Step
from tocsin.notification.rules.self_test import GOOD, OPEN, Came
from tocsin.notification.self_test import (
    SelfTest,
    Tested,
    find_by_token,
    latest,
    say_by_code,
    say_reached,
    say_whether_it_rang,
)
from tocsin.notification.throttling import limits_of
from tocsin.people.actions import find_user
from tocsin.people.models import User
from tocsin.people.rules import May
from tocsin.web.forms import UNPROCESSABLE, asker, by, instant, words
from tocsin.web.guard import activate_zone, needs, public
from tocsin.web.layout import say, warn
from tocsin.web.names import names_of

TOKEN_LENGTH_MAX = 100
CODE_LENGTH_MAX = 20
GONE = 410
TONES = {Came.FAILED: "bad", Came.UNCONFIRMED: "warn", Came.SILENT: "warn"} | dict.fromkeys(GOOD, "good")
SIGNS = {"good": "✓", "warn": "▲", "bad": "▲", "": "·"}


@dataclass(frozen=True)
class Line:
    """One contact for the reader: when the rules use it, and what became of its message (None: none was sent)."""

    name: str
    address: str
    used: str
    way: Tested | None
    tone: str = ""
    sign: str = "·"
    why_not: str = ""
    asks: bool = False  # whether it rang


# -- the test of one person ------------------------------------------------------------------------------------------


@needs(May.OWN_PROFILE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def mine(request: HttpRequest) -> HttpResponse:
    """My test: POST begins one."""
    if request.method == "POST":
        return _begin(request, asker(request), reverse("my_test"))
    return _page(request, asker(request))


@needs(May.PEOPLE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def of_person(request: HttpRequest, user_id: str) -> HttpResponse:
    """Somebody's test, for who looks after people; they say themselves what arrived."""
    person = find_user(user_id)
    if request.method == "POST":
        return _begin(request, person, reverse("person_test", args=[person.pk]))
    return _page(request, person)


def _begin(request: HttpRequest, person: User, after: str) -> HttpResponse:
    try:
        test_rules(person.pk, by(request), instant(request))
    except Refused as refused:
        warn(request, str(refused))
    return redirect(after)


@needs(May.OWN_PROFILE)
@require_POST
def code(request: HttpRequest) -> HttpResponse:
    """Say by its code which message reached me."""
    typed = request.POST.get("code", "")[:CODE_LENGTH_MAX]
    try:
        delivery = say_by_code(asker(request).pk, typed, by(request), instant(request))
    except Refused as refused:
        return _page(request, asker(request), words(refused))
    say(request, f"{delivery.contact} reached you.")
    return redirect("my_test")


@needs(May.OWN_PROFILE)
@require_POST
def rang(request: HttpRequest, delivery: UUID) -> HttpResponse:
    """Say whether a message rang."""
    answer = request.POST.get("rang") == "yes"
    try:
        say_whether_it_rang(asker(request).pk, delivery, answer, by(request), instant(request))
    except Refused as refused:
        if refused.status == 404:
            raise
        warn(request, str(refused))
    return redirect("my_test")


def _page(request: HttpRequest, person: User, wrong: str = "") -> HttpResponse:
    now, own = instant(request), person.pk == asker(request).pk
    test = latest(person.pk, now)
    context = {
        "person": person,
        "own": own,
        "test": test,
        "running": test is not None and not test.settled,
        "lines": lines_of(person, test, own),
        "asked_by": names_of([test.asked_by]).get(test.asked_by, "") if test is not None else "",
        "can_enter": own
        and test is not None
        and any(way.came in (*OPEN, Came.UNCONFIRMED) for way in test.ways),
        "wrong": wrong,
        "address": reverse("my_test") if own else reverse("person_test", args=[person.pk]),
        "live": "console",
        "now": now,
    }
    fragment = request.headers.get("HX-Request") and not wrong
    template = "parts/self_test.html" if fragment else "people/self_test.html"
    return render(request, template, context, status=UNPROCESSABLE if wrong else 200)


def lines_of(person: User, test: SelfTest | None, own: bool) -> list[Line]:
    """Every contact there is and each that was tested, in the order of their names."""
    used = used_when(rules_of(person.pk))
    ways = {way.contact: way for way in test.ways} if test is not None else {}
    lines = []
    for row in person.contacts.all():
        way = ways.pop(row.name, None)
        if way is not None and way.address != row.address:
            way = None  # it was another address that was tested
        why_not = ""
        if not row.as_value().is_paged:
            why_not = "It is not verified, so nothing goes there but its code."
        elif test is not None and way is None:
            why_not = "It is newer than this test."
        tone = TONES.get(way.came, "") if way is not None else ""
        asks = own and way is not None and way.rings and way.came in (
            Came.ACCEPTED, Came.DELIVERED, Came.UNCONFIRMED, Came.SILENT
        )  # fmt: skip
        shown = shown_address(row.address)
        lines.append(Line(row.name, shown, used.get(row.name, ""), way, tone, SIGNS[tone], why_not, asks))
    return lines


def used_when(rules: Mapping[Urgency, Sequence[Step]]) -> dict[str, str]:
    """For each contact that a rule names, when it is used: "high urgency at once, low after 5 min"."""
    said: dict[str, list[str]] = {}
    for urgency in Urgency:
        for step in rules.get(urgency, ()):
            when = f"after {in_words(step.delay)}" if step.delay else "at once"
            said.setdefault(step.contact, []).append(f"{urgency} urgency {when}")
    return {contact: ", ".join(parts) for contact, parts in said.items()}


# -- the link in a message -------------------------------------------------------------------------------------------


@public
@csrf_exempt  # the token in the address is the secret; the guard refuses posts from other sites
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def arrived(request: HttpRequest, token: str) -> HttpResponse:
    """Show which message of a test this is, or note that it reached its person. No session is needed: a message may
    be read on whatever device it came to."""
    delivery = find_by_token(token) if len(token) <= TOKEN_LENGTH_MAX else None
    person = delivery.page.user if delivery is not None else None
    if delivery is None or person is None:
        raise Refused(
            "This link opens nothing",
            "a link as it stands in a message",
            "It may have been cut: copy all of it, or sign in and enter the code.",
            status=404,
        )
    activate_zone(person.timezone)
    now = instant(request)
    with override(person.language):
        if request.method == "POST" and not _is_old(delivery, now):
            rings = {"yes": True, "no": False}.get(request.POST.get("rang", ""))
            say_reached(delivery, "link", now, rings if _rings(delivery) else None)
            response = HttpResponseRedirect(reverse("test_arrived", args=[token]))
            response.status_code = 303
            return response
        return _arrived_page(request, delivery, person, now)


def _arrived_page(request: HttpRequest, delivery: Delivery, person: User, now: datetime) -> HttpResponse:
    reply = SelfTestReply.objects.filter(delivery=delivery).first()
    old = reply is None and _is_old(delivery, now)
    which = gettext("The message to %(contact)s of %(who)s.") % {
        "contact": delivery.contact,
        "who": person.name,
    }
    context = {
        "language": person.language,
        "which": which,
        "sent_at": delivery.sent_at or delivery.page.created_at,
        "reply": reply,
        "silent": reply is not None and reply.rang is False,
        "old": old,
        "rings": _rings(delivery),
        "now": now,
    }
    return render(request, "test_arrived.html", context, status=GONE if old else 200)


def _is_old(delivery: Delivery, now: datetime) -> bool:
    return now >= delivery.page.created_at + ACT_LINK_LIFE


def _rings(delivery: Delivery) -> bool:
    limits = limits_of(delivery.address)
    return limits.rings or limits.loud


urlpatterns = [
    path("me/test", mine, name="my_test"),
    path("me/test/code", code, name="my_test_code"),
    path("me/test/<uuid:delivery>/rang", rang, name="my_test_rang"),
    path("people/<slug:user_id>/test", of_person, name="person_test"),
]
