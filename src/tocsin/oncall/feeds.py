"""Calendar feeds: secret addresses under which shifts can be subscribed to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import digest, new_secret
from tocsin.oncall.actions import find_schedule
from tocsin.oncall.models import Feed
from tocsin.people.actions import find_user
from tocsin.people.models import Team

FEEDS_MAX = 50  # of one person


class FeedKind(StrEnum):
    """What a feed shows: the person's own shifts in all schedules, a schedule's, a team's schedules'."""

    MINE = "mine"
    SCHEDULE = "schedule"
    TEAM = "team"


def make_feed(kind: str, of: str, user: str, by: By, now: datetime) -> tuple[Feed, str]:
    """Make a feed for `user` and return it with the secret of its address, which is shown now and never again.
    Raises Refused."""
    if kind not in list(FeedKind):
        raise Refused(f"{kind!r} is no feed", f"one of {', '.join(FeedKind)}", where="kind")
    plain = new_secret("cal_")
    with changing():
        if not find_user(user).is_active:
            raise conflict(f"{user} is switched off", "Feeds are for people who may sign in.")
        if kind == FeedKind.SCHEDULE:
            find_schedule(of)
        if kind == FeedKind.TEAM and not Team.objects.filter(pk=of).exists():
            raise not_found("team", of)
        if Feed.objects.filter(user=user, revoked_at=None).count() >= FEEDS_MAX:
            raise conflict(f"{user} has {FEEDS_MAX} feeds", "Revoke those that nobody reads.")
        row = Feed.objects.create(
            kind=kind,
            of="" if kind == FeedKind.MINE else of,
            user_id=user,
            token_digest=digest(plain),
            made_at=now,
        )
        record([did("feed.made", feed=row.pk, user=user, of=str(row))], by, now)
    return row, plain


def find_feed(token: str) -> Feed | None:
    """The feed behind a secret; None when it is unknown or revoked, or its person switched off."""
    feeds = Feed.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    return feeds.filter(token_digest=digest(token)).first()


def revoke_feed(feed_id: int, by: By, now: datetime) -> None:
    """End the feed at once: its address shows nothing any more. Raises Refused."""
    with changing():
        row = Feed.objects.filter(pk=feed_id, revoked_at=None).first()
        if row is None:
            raise not_found("feed", feed_id)
        row.revoked_at = now
        row.save(update_fields=["revoked_at"])
        record([did("feed.revoked", feed=feed_id, user=row.user_id)], by, now)
