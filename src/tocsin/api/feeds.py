"""Calendar feeds over REST."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from ninja import Query, Status
from pydantic import BaseModel

from tocsin.api.auth import Asked
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.words import RowInPath, Sent, Slug, shown
from tocsin.kernel.errors import not_found
from tocsin.oncall import feeds
from tocsin.oncall.feeds import FeedKind
from tocsin.oncall.models import Feed
from tocsin.people.rules import May

room = Room("calendar feeds")


class FeedBody(Sent):
    """`kind`: mine shows your own shifts, schedule and team those of the one that `of` names."""

    kind: FeedKind
    of: Slug | None = None


class FeedOut(BaseModel):
    """`address` is said once: in the answer that made it. Only a digest of its secret is stored."""

    id: int
    kind: FeedKind
    of: str | None
    user: str
    made_at: datetime
    address: str | None


@room.get("/feeds", may=May.OWN_PROFILE, answer=Listing[FeedOut])
def list_feeds(request: Asked, paged: Query[Paged]) -> Listing[FeedOut]:
    """Your own that are not revoked; everybody's for those who may edit people. Never their addresses."""
    rows = Feed.objects.filter(revoked_at=None)
    if May.PEOPLE not in request.auth.rights:
        rows = rows.filter(user=request.auth.user)
    return page_of(rows, paged, show_feed, BY_NUMBER)


@room.post("/feeds", may=May.OWN_PROFILE, answer=FeedOut, status=201)
def make_feed(request: Asked, body: FeedBody) -> FeedOut:
    """Makes a feed of yours and says its address once."""
    caller = request.auth
    row, token = feeds.make_feed(body.kind, body.of or "", caller.user.pk, caller.by, request.now)
    return show_feed(row, f"{settings.CONFIG.url}/ical/{token}.ics")


@room.delete("/feeds/{id}", may=May.OWN_PROFILE)
def revoke_feed(request: Asked, id: RowInPath) -> Status[None]:
    """Ends the feed at once."""
    rows = Feed.objects.filter(pk=id, revoked_at=None)
    if May.PEOPLE not in request.auth.rights:
        rows = rows.filter(user=request.auth.user)
    if not rows.exists():
        raise not_found("feed", id)
    feeds.revoke_feed(id, request.auth.by, request.now)
    return Status(204, None)


def show_feed(row: Feed, address: str | None = None) -> FeedOut:
    """A feed, with its address when it was made just now."""
    return shown(FeedOut, row, user=row.user_id, of=row.of or None, address=address)
