"""Calendar feeds: the file that calendars fetch, and where people make the addresses and revoke them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tocsin.kernel.errors import not_found
from tocsin.oncall.feeding import calendar_of, stamp_of
from tocsin.oncall.feeds import FeedKind, find_feed, make_feed, revoke_feed
from tocsin.oncall.models import Feed, Schedule
from tocsin.people.models import Team
from tocsin.people.rules import May
from tocsin.web.forms import asker, by, instant, show, told_beside
from tocsin.web.guard import needs, public
from tocsin.web.layout import say

TOKEN_LENGTH_MAX = 100
FRESH = "private, max-age=300"  # seconds in which a calendar need not even ask
MINE = "mine"


@public
@require_safe
def serve(request: HttpRequest, token: str) -> HttpResponse:
    """The feed behind the secret; 304 when the calendar has what it would get."""
    feed = find_feed(token) if len(token) <= TOKEN_LENGTH_MAX else None
    if feed is None:
        raise not_found("calendar", "of this address")
    now, base = instant(request), settings.CONFIG.url
    etag = quote_etag(stamp_of(feed, now))
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in {tag.removeprefix("W/") for tag in known}:
        response = HttpResponse(status=304)
    else:
        body = calendar_of(feed, now, base)
        response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="on-call.ics"'
    response["ETag"], response["Cache-Control"] = etag, FRESH
    return response


def address_of(token: str) -> str:
    """The public address of a feed, which is shown once."""
    return f"{settings.CONFIG.url}/ical/{token}.ics"


class FeedForm(forms.Form):
    """What a new feed is to show."""

    of = forms.ChoiceField(label="What it shows")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        schedules = [(f"{FeedKind.SCHEDULE}:{row.pk}", str(row)) for row in Schedule.objects.live()]
        teams = [(f"{FeedKind.TEAM}:{row.pk}", f"Team {row.name}") for row in Team.objects.all()]
        groups = (("Everybody of a schedule", schedules), ("All schedules of a team", teams))
        choices = [(MINE, "My own shifts, in all schedules"), *(group for group in groups if group[1])]
        field = self.fields["of"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


@needs(May.OWN_PROFILE)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    """My feeds; the address of a new one is shown this once."""
    form = FeedForm(request.POST or None, initial={"of": request.GET.get("of", MINE)})
    address = ""
    if request.method == "POST" and form.is_valid():
        kind, _, of = form.cleaned_data["of"].partition(":")
        with told_beside(form):
            _, token = make_feed(kind, of, asker(request).pk, by(request), instant(request))
            address = address_of(token)
        if not form.errors:
            form = FeedForm()
    return show(request, "settings/feeds.html", form, address=address, **feeds_shown(request))


def feeds_shown(request: HttpRequest) -> Mapping[str, Any]:
    """What `parts/feeds.html` needs: the reader's feeds that are not revoked, each in words."""
    rows = Feed.objects.filter(user=asker(request).pk, revoked_at=None).order_by("pk")
    names = {f"{FeedKind.SCHEDULE}:{row.pk}": str(row) for row in Schedule.objects.all()}
    names |= {f"{FeedKind.TEAM}:{row.pk}": f"Team {row.name}" for row in Team.objects.all()}
    return {
        "feeds": [
            (row.pk, names.get(f"{row.kind}:{row.of}", row.of) if row.of else "My shifts", row.made_at)
            for row in rows
        ]
    }


@needs(May.OWN_PROFILE)
@require_POST
def revoke(request: HttpRequest, feed_id: int) -> HttpResponse:
    """End one of my feeds at once; who may edit people ends anybody's."""
    rows = Feed.objects.filter(pk=feed_id)
    if not asker(request).may(May.PEOPLE):
        rows = rows.filter(user=asker(request).pk)
    if not rows.exists():
        raise not_found("feed", feed_id)
    revoke_feed(feed_id, by(request), instant(request))
    say(request, "Revoked. Calendars that fetch it find nothing from now on.")
    return redirect("feeds")


urlpatterns = [
    path("ical/<str:token>.ics", serve, name="ical"),
    path("me/calendars", mine, name="feeds"),
    path("me/calendars/<int:feed_id>/revoke", revoke, name="feed_revoke"),
]
