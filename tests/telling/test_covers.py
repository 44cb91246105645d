"""Requests for cover: asked, answered, reminded of."""

from __future__ import annotations

from datetime import timedelta

from tests.telling.conftest import Shifts
from tests.world import Clock, Outbox
from tocsin.kernel.acting import by_user
from tocsin.kernel.spans import Span
from tocsin.oncall.models import CoverRequest
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
