"""Schedules as they were known at an instant, and who was on call as it was known then.

Overrides carry when they were made and ended, the rest has versions. So what was served in a span is one schedule per
version, whose overrides are cut to the time in which they were known; and where the span lies ahead, it is the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from tocsin.catalog.calendars import calendars_changed, calendars_then
from tocsin.kernel.errors import not_found
from tocsin.kernel.moments import whole_seconds
from tocsin.kernel.spans import Span
from tocsin.oncall import rules
from tocsin.oncall.models import Override, Schedule, Version
from tocsin.oncall.reading import on_call_at, timelines

_EVER = datetime.max.replace(tzinfo=UTC)


def known_then(schedule_id: str, at: datetime, within: Span | None = None) -> rules.Schedule | None:
    """The schedule as it was known at `at`, with the calendars it named, and with `within` only the overrides that have
    hours in it; None when there was none."""
    row = Version.objects.filter(schedule=schedule_id, from_at__lte=at).last()
    standing = Override.objects.filter(schedule=schedule_id, made_at__lte=at).exclude(ended_at__lte=at)
    if within:
        standing = standing.filter(starts_at__lt=within.end, ends_at__gt=within.start)
    return _known(row, standing.order_by("place", "pk"), at)


def known_before(schedule_id: str, at: datetime) -> rules.Schedule | None:
    """The schedule as it was known until `at`: before what was changed at that instant. None when there was none."""
    row = Version.objects.filter(schedule=schedule_id, from_at__lt=at).last()
    standing = Override.objects.filter(schedule=schedule_id, made_at__lt=at).exclude(ended_at__lt=at)
    return _known(row, standing.order_by("place", "pk"), at - rules.INSTANT)


def _known(row: Version | None, standing: Iterable[Override], at: datetime) -> rules.Schedule | None:
    if row is None or row.data is None:
        return None
    bare = rules.schedule_from(row.data)
    overrides = tuple(each.as_value() for each in standing)
    return replace(bare, overrides=overrides, calendars=calendars_then(named_calendars(bare, overrides), at))


def named_calendars(
    schedule: rules.Schedule, overrides: tuple[rules.Override | rules.Temporary, ...]
) -> set[str]:
    """The ids of the calendars that a schedule with these overrides names."""
    whole = replace(schedule, overrides=overrides)
    return {key for _, kind, key in rules.references(whole) if kind == "calendar"}


def served(schedule_id: str, start: datetime, end: datetime) -> rules.Timeline:
    """Who was on call in [start, end), at each instant as it was known then; of what lies ahead, the plan.

    Raises Refused for an unknown schedule, and for a span that cannot be computed at once.
    """
    if not Schedule.objects.filter(pk=schedule_id).exists():
        raise not_found("schedule", schedule_id)
    rules.check_span(start, end)
    versions = list(Version.objects.filter(schedule=schedule_id, from_at__lt=end))
    rows = list(
        Override.objects.filter(schedule=schedule_id, starts_at__lt=end, ends_at__gt=start).order_by(
            "place", "pk"
        )
    )
    overrides = tuple(each for row in rows if (each := _while_known(row)))
    nothing = rules.Schedule(schedule_id, "UTC", ())
    stretches: list[rules.Shift] = []
    # Before the first version there was nothing.
    times = [version.from_at for version in versions]
    for version, (begin, until) in zip([None, *versions], pairwise([start, *times, end]), strict=True):
        span = Span(begin, until).common(Span(start, end))
        if span is None or not span.length:  # changed twice at the same instant: the later change counts
            continue
        data = version.data if version else None
        bare = rules.schedule_from(data) if data is not None else nothing
        known = replace(bare, overrides=overrides if data is not None else ())
        stretches += _as_calendars_were(known, span)
    return rules.Timeline(start, end, tuple(_joined(stretches)))


def first_known(schedule_id: str) -> datetime:
    """The instant at which the schedule was first saved. Raises Refused for an unknown one."""
    row = Version.objects.filter(schedule=schedule_id).first()
    if row is None:
        raise not_found("schedule", schedule_id)
    return row.from_at


def told(schedule_id: str, start: datetime, end: datetime) -> rules.Timeline:
    """Who is on call in [start, end): as `served`; before the schedule was first known, as it stands now. Raises
    Refused."""
    rules.check_span(start, end)
    known = first_known(schedule_id)
    stretches: list[rules.Shift] = []
    if start < known:
        lines = timelines().get(schedule_id)
        now = lines.schedule if lines else rules.Schedule(schedule_id, "UTC", ())
        stretches += rules.timeline(now, start, min(known, end)).stretches
    if end > known:
        stretches += served(schedule_id, max(start, known), end).stretches
    return rules.Timeline(start, end, tuple(_joined(stretches)))


def on_call_then(schedule_id: str, at: datetime, now: datetime) -> tuple[str, ...]:
    """Who is on call at `at`, in the order of their slot: of what is past, as it was known then; before the schedule
    was first known, and from `now` on, as it stands now."""
    if at < now and at >= first_known(schedule_id):
        then = known_then(schedule_id, at, Span(at, at + rules.INSTANT))
        return rules.on_call(then, at) if then else ()
    return on_call_at(schedule_id, at)


def _joined(stretches: Iterable[rules.Shift]) -> Iterator[rules.Shift]:
    """`stretches` with those that follow each other and are alike made one."""
    last: rules.Shift | None = None
    for each in stretches:
        if last and (last.users, last.sources) == (each.users, each.sources):
            last = last._replace(end=each.end)
            continue
        if last:
            yield last
        last = each
    if last:
        yield last


def _as_calendars_were(schedule: rules.Schedule, span: Span) -> Iterable[rules.Shift]:
    """The stretches of `span`, at each instant with the calendars of that instant."""
    names = named_calendars(schedule, schedule.overrides)
    cuts = [span.start, *(calendars_changed(names, *span) if names else ()), span.end]
    for begin, until in pairwise(cuts):
        then = calendars_then(names, begin) if names else {}
        yield from rules.timeline(replace(schedule, calendars=then), begin, until).stretches


def _while_known(row: Override) -> rules.Override | rules.Temporary | None:
    """The override cut to the time in which it was known, to the second; None when that is never in its hours."""
    known = Span(row.starts_at, row.ends_at).common(Span(row.made_at, row.ended_at or _EVER))
    if known is None or (start := whole_seconds(known.start)) >= (end := whole_seconds(known.end)):
        return None
    return replace(row.as_value(), start=start, end=end)
