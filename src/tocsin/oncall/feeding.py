"""What a calendar feed shows: what was served, as it was known then, and what is planned; the same as every page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import Count, Max
from django.utils.translation import gettext, override

from tocsin.catalog.actions import configuration
from tocsin.kernel.ids import digest, in_parts
from tocsin.kernel.spans import Span
from tocsin.oncall.feeds import FeedKind
from tocsin.oncall.ical.writing import LEAD, Entry, Source, feed_of, window
from tocsin.oncall.models import Change, Feed, Override, Schedule, Version
from tocsin.oncall.past import told
from tocsin.oncall.rules import Shift, shifts_of
from tocsin.people.models import User

SCHEDULES_MAX = 200  # that one feed shows; the first by their ids
FORM = "3"  # rises when the same shifts are written otherwise


def stamp_of(feed: Feed, now: datetime) -> str:
    """A text that is another one whenever the feed may show something else: nothing has to be computed for it.

    All that a feed shows hangs on the configuration, schedules and names of people, and on the months that it shows.
    """
    said = (FORM, feed.token_digest, str(configuration().version), window(now).start.isoformat())
    return digest("\n".join(said))[:32]


def calendar_of(feed: Feed, now: datetime, base: str) -> bytes:
    """The feed as an iCalendar file, in the language of whose it is; `base` is the public address of this instance."""
    rows = list(_schedules(feed, window(now))[:SCHEDULES_MAX])
    sources = _sources(rows, base)
    names = dict(User.objects.values_list("pk", "name"))
    entries = [
        entry
        for row in rows
        for entry in _entries(sources[row.pk], window(now), feed.user_id if _is_own(feed) else "", names)
    ]
    with override(feed.user.language):
        return feed_of(_title(feed), entries, urlsplit(base).hostname or "tocsin")


def _is_own(feed: Feed) -> bool:
    return feed.kind == FeedKind.MINE


def _title(feed: Feed) -> str:
    if _is_own(feed):
        what = gettext("my shifts")
    elif feed.kind == FeedKind.TEAM:
        what = gettext("team %(team)s") % {"team": feed.of}
    else:
        what = str(Schedule.objects.filter(pk=feed.of).first() or feed.of)
    return gettext("On call: %(what)s") % {"what": what}


def _schedules(feed: Feed, shown: Span) -> list[Schedule]:
    """The schedules that the feed is about, by their ids."""
    live = Schedule.objects.live().order_by("pk")
    if feed.kind == FeedKind.SCHEDULE:
        return list(live.filter(pk=feed.of))
    if feed.kind == FeedKind.TEAM:
        return list(live.filter(team=feed.of))
    return list(live.filter(pk__in=_naming(feed.user_id, shown)))


def _naming(user: str, shown: Span) -> set[str]:
    """The schedules that have named this person, in layers that held in `shown` or in overrides of it."""
    # Ids are words of their own in JSON, so looking for one in the text spares reading every definition.
    word = json.dumps(user)
    found = {
        key
        for key, data in Version.objects.filter(data__isnull=False).values_list("schedule", "data")
        if word in json.dumps(data)
    }
    overrides = Override.objects.filter(ends_at__gt=shown.start, starts_at__lt=shown.end)
    for key, users, layers in overrides.values_list("schedule", "users", "layers").iterator():
        if user in users or (layers and word in json.dumps(layers)):
            found.add(key)
    return found


def _sources(rows: list[Schedule], base: str) -> dict[str, Source]:
    """Each schedule as its events name it, with how often it has changed and when last."""
    changes: dict[str, tuple[int, datetime]] = {}
    for keys in in_parts([row.pk for row in rows]):
        counted = Change.objects.filter(schedule__in=keys).values_list("schedule")
        changes |= {
            key: (count, last) for key, count, last in counted.annotate(count=Count("pk"), last=Max("at"))
        }
    return {
        row.pk: Source(row.pk, str(row), *changes[row.pk], address=f"{base}/schedules/{row.pk}")
        for row in rows
        if row.pk in changes
    }


def _entries(source: Source, shown: Span, whose: str, names: Mapping[str, str]) -> Iterator[Entry]:
    """The events of one schedule, sorted: the shifts that reach into `shown`, whole where they can be."""
    first = shown.start - LEAD
    shifts = told(source.id, first, shown.end).shifts
    for shift in shifts_of(shifts, whose) if whose else _together(shifts):
        if shift.end > shown.start:
            ongoing = shift.start == first
            span = Span(max(shift.start, shown.start) if ongoing else shift.start, shift.end)
            yield Entry(source, span, tuple(names.get(user, user) for user in shift.users), whose, ongoing)


def _together(shifts: tuple[Shift, ...]) -> Iterator[Shift]:
    """`shifts` with those of the same people that meet made one, whatever put them there."""
    last: Shift | None = None
    for shift in shifts:
        if last and last.end == shift.start and last.users == shift.users:
            last = last._replace(end=shift.end)
            continue
        if last:
            yield last
        last = shift
    if last:
        yield last
