"""What became of every message: numbers that add up, and the list behind each."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from tocsin.kernel.errors import not_found
from tocsin.notification.totals import Which, messages_of, totals
from tocsin.people.rules import May
from tocsin.web.forms import instant
from tocsin.web.guard import needs
from tocsin.web.incidents import parties_named, way_of
from tocsin.web.names import names_of

SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
SPAN = "24h"
PER_PAGE = 100
MEANINGS = {
    Which.ACCEPTED: "decided upon",
    Which.SUPPRESSED: "not needed any more, or told together with another",
    Which.DUE: "to go out",
    Which.SENT: "a provider took it",
    Which.UNDELIVERABLE: "given up, and somebody else was told",
    Which.WAITING: "for its time, a retry or a result",
    Which.CONFIRMED: "known to have arrived",
    Which.UNCONFIRMED: "sent, and nobody has said that it arrived",
}
INSIDE = {
    Which.ACCEPTED: 0,
    Which.SUPPRESSED: 1,
    Which.DUE: 1,
    Which.SENT: 2,
    Which.CONFIRMED: 3,
    Which.UNCONFIRMED: 3,
    Which.UNDELIVERABLE: 2,
    Which.WAITING: 2,
}


@needs(May.AUDIT)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The numbers over a span that ends now."""
    span, now = _span(request), instant(request)
    # What falls due later was accepted too; it waits.
    sums = totals(now - SPANS[span], now + SPANS["30d"])
    context = {
        "rows": [(which, sums[which], MEANINGS[which], depth) for which, depth in INSIDE.items()],
        "adds_up": sums.adds_up,
        "span": span,
        "spans": list(SPANS),
    }
    return render(request, "messages/totals.html", context)


@needs(May.AUDIT)
@require_safe
def listed(request: HttpRequest, which: str) -> HttpResponse:
    """The messages behind one number, the latest first."""
    if which not in tuple(Which):
        raise not_found("number", which)
    span, now = _span(request), instant(request)
    rows = messages_of(now - SPANS[span], now + SPANS["30d"], Which(which))
    asked = request.GET.get("page", "1")
    number = int(asked) if asked.isdecimal() and 1 <= len(asked) <= 6 else 1
    skip = (max(number, 1) - 1) * PER_PAGE
    shown = list(rows.select_related("page__user").prefetch_related("tries")[skip : skip + PER_PAGE + 1])
    names = names_of(parties_named(row.error for row in shown))
    context = {
        "which": which,
        "meaning": MEANINGS[Which(which)],
        "span": span,
        "lines": [(row, way_of(row, names)) for row in shown[:PER_PAGE]],
        "next": number + 1 if len(shown) > PER_PAGE else None,
        "now": now,
    }
    return render(request, "messages/listed.html", context)


def _span(request: HttpRequest) -> str:
    span = request.GET.get("span", SPAN)
    return span if span in SPANS else SPAN


urlpatterns = [
    path("messages", page, name="totals"),
    path("messages/<slug:which>", listed, name="messages_listed"),
]
