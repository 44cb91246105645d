"""Schedules as rows: what is asked is what was saved, at once, and the past stays what it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from tests.oncall.conftest import BY, WEEKLY, written
from tests.world import Clock, World
from tocsin.journal.models import Entry
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.errors import Refused
from tocsin.kernel.spans import Span
from tocsin.oncall.actions import (
    add_override,
    calendars,
    delete_calendar,
    delete_schedule,
    known_before,
    known_then,
    on_call_at,
    remove_override,
    save_calendar,
    save_schedule,
    schedules,
    served,
    timelines,
)
from tocsin.oncall.models import Change, Override, Schedule, Version
from tocsin.oncall.past import on_call_then
from tocsin.oncall.rules import Mode, Temporary, layer_from, on_call, previous_shift
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.rules.sizes import NAMES_AT_ONCE_MAX

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)


def override(start: datetime, length: timedelta, *users: str, **more: object) -> OverrideValue:
    return OverrideValue("", start, start + length, users, **more)  # type: ignore[arg-type]


def test_what_was_saved_is_asked_at_once(primary: str, clock: Clock) -> None:
    assert schedules()[primary] == written()
    assert on_call_at(primary, clock.now) == ("bo",)
    assert on_call_at(primary, clock.now + WEEK) == ("cy",)
    assert on_call_at(primary, clock.now, "next") == ("cy",)
    assert on_call_at(primary, clock.now + WEEK, "previous") == ("bo",)
    assert on_call_at("nowhere", clock.now) == ()
    save_schedule(written("web-primary", {**WEEKLY, "users": ["mo"]}), "web", BY, clock.now)
    assert on_call_at(primary, clock.now) == ("mo",)


def test_nothing_changes_when_nothing_differs(primary: str, clock: Clock) -> None:
    before = Entry.objects.count(), Schedule.objects.get().stamp
    save_schedule(written(), "web", BY, clock.forward(hours=1))
    assert (Entry.objects.count(), Schedule.objects.get().stamp) == before
    assert Version.objects.count() == Change.objects.count() == 1


def test_the_warm_timelines_agree_with_the_rules_at_any_instant(primary: str, clock: Clock) -> None:
    add_override(primary, override(clock.now + 3 * DAY, DAY, "mo"), BY, clock.now)
    lines = timelines()[primary]
    for hours in range(-2000, 4000, 37):
        at = clock.now + timedelta(hours=hours)
        assert lines.on_call(at) == on_call(lines.schedule, at)
        if hours % 5 == 0:
            found = previous_shift(lines.schedule, at)
            assert lines.on_call(at, "previous") == (found.users if found else ())


def test_what_another_change_did_not_touch_stays_warm(primary: str, clock: Clock) -> None:
    save_schedule(written("platform"), None, BY, clock.now)
    warm = timelines()[primary]
    add_override("platform", override(clock.now, DAY, "mo"), BY, clock.now)
    assert timelines()[primary] is warm
    assert on_call_at("platform", clock.now) == ("mo",)


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_was_never_on_call(transactional_db: None, primary: str, clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add_override(primary, override(clock.now, DAY, "mo"), BY, clock.now)
        assert on_call_at(primary, clock.now) == ("mo",)
        raise ZeroDivisionError
    assert on_call_at(primary, clock.now) == ("bo",)


def test_overrides_win_over_those_before_them_until_they_are_taken_back(primary: str, clock: Clock) -> None:
    first = add_override(primary, override(clock.now, DAY, "mo"), BY, clock.now)
    add_override(primary, override(clock.now, DAY, "ada", mode=Mode.ADD), BY, clock.now)
    assert on_call_at(primary, clock.now) == ("mo", "ada")
    remove_override(first, BY, clock.now)
    assert on_call_at(primary, clock.now) == ("bo", "ada")
    with pytest.raises(Refused, match="No override"):
        remove_override(first, BY, clock.now)


def test_so_many_overrides_hold_at_once_and_not_one_more(primary: str, clock: Clock) -> None:
    """Each hour is looked at once for every override that holds then: it must not become a matter of minutes."""
    for _ in range(NAMES_AT_ONCE_MAX // 2):
        add_override(primary, override(clock.now, DAY, "cy", replaces=("bo",)), BY, clock.now)
    with pytest.raises(Refused, match="at once") as refused:
        add_override(primary, override(clock.now + DAY / 2, WEEK, "mo"), BY, clock.now)
    assert refused.value.status == 409 and not refused.value.where
    add_override(primary, override(clock.now + DAY, WEEK, "mo"), BY, clock.now)  # when those are over
    assert on_call_at(primary, clock.now) == ("cy",) and on_call_at(primary, clock.now + DAY) == ("mo",)


def test_a_temporary_schedule_replaces_everything_for_its_span(primary: str, clock: Clock) -> None:
    layer = layer_from({"rotation": "fixed", "start": "2026-01-01", "users": ["ada", "mo"]})
    add_override(primary, Temporary("", clock.now, clock.now + DAY, (layer,), "Fair"), BY, clock.now)
    assert on_call_at(primary, clock.now) == ("ada", "mo")
    assert on_call_at(primary, clock.now + DAY) == ("bo",)


def test_an_override_goes_along_with_the_shift_it_covers(primary: str, clock: Clock) -> None:
    add_override(primary, override(clock.now + WEEK, WEEK, "mo", replaces=("cy",)), BY, clock.now)
    save_schedule(
        written("web-primary", {**WEEKLY, "start": "2026-03-03T09:00"}), "web", BY, clock.forward(hours=1)
    )
    (row,) = Override.objects.standing()
    assert (row.starts_at, row.users) == (datetime(2026, 3, 10, 9, tzinfo=UTC), ["mo"])
    assert Override.objects.count() == 2  # the old one is known to have been
    assert Entry.objects.filter(kind="override.followed").count() == 1


def test_only_what_makes_sense_is_saved(primary: str, clock: Clock) -> None:
    for value, why in (
        (written("web-primary", {**WEEKLY, "users": ["bo", "nobody"]}), "No person 'nobody'"),
        (written("web-primary", {**WEEKLY, "restrict": [{"calendar": "office"}]}), "No calendar 'office'"),
    ):
        with pytest.raises(Refused, match=why):
            save_schedule(value, "web", BY, clock.now)
    with pytest.raises(Refused, match="No team 'ops'"):
        save_schedule(written(), "ops", BY, clock.now)
    with pytest.raises(Refused, match="No person 'nobody'"):
        add_override(primary, override(clock.now, DAY, "nobody"), BY, clock.now)
    with pytest.raises(Refused, match="No schedule 'platform'"):
        add_override("platform", override(clock.now, DAY, "bo"), BY, clock.now)
    assert on_call_at(primary, clock.now) == ("bo",)


def test_a_schedule_that_a_policy_names_cannot_go(primary: str, clock: Clock) -> None:
    with pytest.raises(Refused, match="named by policy night"):
        delete_schedule(primary, BY, clock.now, named_by=["night"])
    delete_schedule(primary, BY, clock.now, named_by=[])
    assert schedules() == {} and on_call_at(primary, clock.now) == ()
    with pytest.raises(Refused, match="No schedule"):
        delete_schedule(primary, BY, clock.now, named_by=[])


def test_the_past_is_told_as_it_was_served(primary: str, clock: Clock) -> None:
    """Bo was on call until the schedule said mo; that it says ada for all of it since then changes nothing of that."""
    began = clock.now
    save_schedule(written("web-primary", {**WEEKLY, "users": ["mo"]}), "web", BY, clock.forward(hours=5))
    save_schedule(
        written("web-primary", {**WEEKLY, "start": "2026-01-05T09:00", "users": ["ada"]}),
        "web",
        BY,
        clock.forward(hours=5),
    )
    line = served(primary, began - DAY, began + WEEK)
    assert [(shift.start - began, shift.users) for shift in line.stretches] == [
        (-DAY, ()),
        (timedelta(0), ("bo",)),
        (timedelta(hours=5), ("mo",)),
        (timedelta(hours=10), ("ada",)),
    ]
    then = known_then(primary, began + timedelta(hours=6))
    assert then is not None and on_call(then, began) == ("mo",)
    before = known_before(primary, began + timedelta(hours=5))
    assert before is not None and on_call(before, began) == ("bo",)
    assert known_before(primary, began) is None


def test_an_override_counts_in_the_past_only_while_it_was_known(primary: str, clock: Clock) -> None:
    began = clock.now
    key = add_override(primary, override(began, DAY, "mo"), BY, clock.forward(hours=2))
    remove_override(key, BY, clock.forward(hours=3))
    shifts = served(primary, began, began + DAY).shifts
    assert [(shift.start - began, shift.users) for shift in shifts] == [
        (timedelta(0), ("bo",)),
        (timedelta(hours=2), ("mo",)),
        (timedelta(hours=5), ("bo",)),
    ]


def test_who_was_on_call_is_told_without_reading_every_override_there_ever_was(
    primary: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred instants were asked of a schedule with ten thousand overrides: that took a minute."""
    for number in range(20):
        add_override(primary, override(clock.now + number * DAY, DAY, "cy"), BY, clock.now)
    read: list[int] = []
    as_value = Override.as_value

    def counted(row: Override) -> OverrideValue | Temporary:
        read.append(row.pk)
        return as_value(row)

    monkeypatch.setattr(Override, "as_value", counted)
    asked = clock.now + 3 * DAY
    assert on_call_then(primary, asked, clock.forward(days=30)) == ("cy",)
    assert len(read) == 1


def test_a_removed_schedule_is_still_known_to_have_served(primary: str, clock: Clock) -> None:
    began = clock.now
    delete_schedule(primary, BY, clock.forward(hours=4), named_by=[])
    assert [shift.length for shift in served(primary, began, began + DAY).shifts] == [timedelta(hours=4)]
    save_schedule(written(), None, BY, clock.forward(hours=4))
    assert served(primary, began, began + DAY).gaps == (Span(began + timedelta(hours=4), clock.now),)
    assert on_call_at(primary, clock.now) == ("bo",)


def office(*days: str) -> object:
    return calendar_from(
        {"id": "office", "timezone": "UTC", "hours": [{"days": list(days), "from": "09:00", "to": "17:00"}]}
    )


def test_a_calendar_changes_the_shifts_that_it_restricts_and_not_the_past(world: World, clock: Clock) -> None:
    save_calendar(office("mon-fri"), BY, clock.now)  # type: ignore[arg-type]
    assert calendars()["office"].is_open(clock.now)
    save_schedule(written("day", {**WEEKLY, "restrict": [{"calendar": "office"}]}), None, BY, clock.now)
    began = clock.now
    assert on_call_at("day", began) == ("bo",)
    told = Change.objects.count()
    save_calendar(office("sat"), BY, clock.forward(hours=2))  # type: ignore[arg-type]
    assert on_call_at("day", began) == ()
    assert Change.objects.count() == told + 1
    assert [shift.length for shift in served("day", began, began + DAY).shifts] == [timedelta(hours=2)]
    with pytest.raises(Refused, match="named by schedule day"):
        delete_calendar("office", BY, clock.now, named_by=[])
    delete_schedule("day", BY, clock.now, named_by=[])
    delete_calendar("office", BY, clock.now, named_by=[])
    assert calendars() == {}


def test_every_change_is_noted_until_people_have_been_told(primary: str, clock: Clock) -> None:
    Change.objects.update(told_at=clock.now)
    add_override(primary, override(clock.now, DAY, "mo"), BY, clock.forward(hours=1))
    (left,) = Change.objects.filter(told_at=None)
    assert (left.schedule_id, left.at, left.by) == (primary, clock.now, "user:mo")
