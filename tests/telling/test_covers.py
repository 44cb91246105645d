"""Requests for cover: asked, answered, reminded of."""

from __future__ import annotations

from datetime import timedelta

from tests.oncall.conftest import written
from tests.telling.conftest import Shifts
from tests.world import Clock, Outbox
from tocsin.kernel.acting import by_user
from tocsin.kernel.spans import Span
from tocsin.oncall.actions import add_override, save_schedule
from tocsin.oncall.models import CoverRequest, Override
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.swaps import accept_cover, ask_cover, decline_cover, withdraw_cover

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
BO, CY, MO = (by_user(name, "web") for name in ("bo", "cy", "mo"))


def subjects(outbox: Outbox, who: str) -> list[str]:
    return [message.subject for message in outbox.to(who)]


def ask(clock: Clock, *asked: str, weeks: int = 6, **more: object) -> CoverRequest:
    """Bo asks about a week of theirs, the even ones."""
    start = clock.now.replace(hour=9, minute=0, second=0) + weeks * WEEK
    return ask_cover("web-primary", "bo", Span(start, start + WEEK), BO, clock.now, asked=asked, **more)  # type: ignore[arg-type]


def quiet(shifts: Shifts, outbox: Outbox) -> None:
    shifts.wait(minutes=2)
    outbox.sent.clear()


def test_who_is_asked_is_told_and_so_is_the_answer(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    row = ask(clock, "cy", "mo", note="Wedding")
    shifts.look()
    assert sorted(outbox.people) == ["cy", "mo"]
    assert subjects(outbox, "cy") == ["Can you take a shift? Bo Lind asks: web-primary"]
    assert "“Wedding”" in outbox.to("cy")[0].lines
    outbox.sent.clear()
    decline_cover(row.pk, "cy", CY, clock.forward(minutes=1))
    shifts.look()
    assert subjects(outbox, "bo") == ["Cy Tran cannot take your shift: web-primary"]
    outbox.sent.clear()
    accept_cover(row.pk, "mo", MO, clock.forward(minutes=1))
    shifts.wait(minutes=3)
    assert subjects(outbox, "bo") == ["Mo Haddad takes your shift: web-primary"]
    assert subjects(outbox, "mo") == ["You take a shift of Bo Lind: web-primary"]
    assert len(outbox.sent) == 2  # and not once more because their shifts moved


def test_whoever_can_is_everybody_else_of_the_schedule(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    ask(clock)
    shifts.look()
    assert outbox.people == ["cy"]


def test_when_all_say_no_the_shift_stays(primary: str, shifts: Shifts, outbox: Outbox, clock: Clock) -> None:
    row = ask(clock, "cy")
    quiet(shifts, outbox)
    decline_cover(row.pk, "cy", CY, clock.now)
    shifts.look()
    assert subjects(outbox, "bo") == ["Nobody you asked can take your shift: web-primary"]


def test_who_was_asked_learns_that_it_is_over(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    row = ask(clock, "cy")
    quiet(shifts, outbox)
    withdraw_cover(row.pk, BO, clock.forward(minutes=1))
    shifts.look()
    assert subjects(outbox, "cy") == ["Bo Lind asks no longer: web-primary"]


def test_what_nobody_answers_is_reminded_of_from_four_weeks_to_twelve_hours_before(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    row = ask(clock, "mo")
    quiet(shifts, outbox)
    told = []
    while clock.now < row.starts_at:
        shifts.wait(hours=6)
        told += [row.starts_at - clock.now for who in outbox.people if who == "mo"]
        outbox.sent.clear()
    days = [round(left / DAY * 2) / 2 for left in told]
    assert days == [28, 14, 7, 3, 1, 0.5] or len(told) == 6
    clock.now = row.ends_at
    shifts.look()
    row.refresh_from_db()
    assert row.state == "expired"


def move(clock: Clock, hour: int) -> None:
    """The schedule hands over at another hour."""
    layer = {"rotation": "weekly", "start": f"2026-03-02T{hour:02}:00", "users": ["bo", "cy"]}
    save_schedule(written("web-primary", layer), "web", MO, clock.now)


def test_a_request_goes_along_with_the_shift_it_is_about_and_people_are_told(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    row = ask(clock, "cy", "mo")
    back = ask(clock, "cy", weeks=8, returns=Span(row.ends_at, row.ends_at + WEEK))
    shifts.look()
    decline_cover(row.pk, "mo", MO, clock.forward(minutes=1))
    shifts.wait(minutes=1)
    outbox.sent.clear()
    move(clock, 17)
    shifts.look()
    row.refresh_from_db()
    back.refresh_from_db()
    assert (row.starts_at.hour, row.ends_at.hour, row.state, row.declined_by) == (17, 17, "open", [])
    assert back.returns_start is not None and (back.starts_at.hour, back.returns_start.hour) == (17, 17)
    assert subjects(outbox, "mo") == ["The shift has moved. Can you take it now? Bo Lind asks: web-primary"]
    assert any("Mon 13 Apr 17:00" in line for line in outbox.to("mo")[0].lines)
    assert "Your request has moved with your shift: web-primary" in subjects(outbox, "bo")
    accept_cover(row.pk, "cy", CY, clock.now)
    assert Override.objects.get().starts_at == row.starts_at


def test_a_request_about_part_of_a_shift_stays_where_it_is(
    primary: str, shifts: Shifts, clock: Clock
) -> None:
    start = clock.now.replace(hour=12, minute=0, second=0) + 6 * WEEK + DAY
    row = ask_cover("web-primary", "bo", Span(start, start + DAY), BO, clock.now, asked=["cy"])
    move(clock, 17)
    row.refresh_from_db()
    assert (row.starts_at, row.moved_at) == (start, None)


def test_nobody_is_asked_any_longer_to_take_what_is_somebody_elses(
    primary: str, shifts: Shifts, outbox: Outbox, clock: Clock
) -> None:
    quiet(shifts, outbox)
    row, other = ask(clock, "cy"), ask(clock, "cy", weeks=8)
    shifts.wait(minutes=1)
    outbox.sent.clear()
    add_override("web-primary", OverrideValue("", row.starts_at, row.ends_at, ("mo",)), MO, clock.now)
    shifts.wait(minutes=5)
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state) == ("withdrawn", "open")
    shifts.look()
    assert "Bo Lind asks no longer: web-primary" in subjects(outbox, "cy")
