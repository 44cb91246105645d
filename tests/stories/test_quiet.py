"""What can wait does not wake anybody; what is urgent does, and says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.actions import escalate_now
from tocsin.escalation.models import Climb
from tocsin.kernel.acting import by_user
from tocsin.kernel.spans import Span
from tocsin.notification.models import Delivery
from tocsin.notification.quiet import quiet_of, quiet_until, save_quiet
from tocsin.notification.rules.quiet import quiet_from
from tocsin.oncall.absences import add_absence

BO, ADA = by_user("bo", "web"), by_user("ada", "web")
NIGHT = quiet_from({"hours": [{"from": "22:00", "to": "07:00"}]})
TEN_AT_NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
SEVEN = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    clock.now = TEN_AT_NIGHT
    world.shop.tier = 3
    world.shop.save()
    configuration.refresh()
    return Road(world, clock)


def _quiet(*people: str) -> None:
    for user in people:
        save_quiet(user, NIGHT, by_user(user, "web"), TEN_AT_NIGHT)


def test_low_urgency_waits_for_the_morning_and_says_so(road: Road, outbox: Outbox) -> None:
    _quiet("bo", "cy")
    road.event("db", severity="warning")
    road.look()
    (row,) = Delivery.objects.all()
    assert (row.due_at, row.error) == (SEVEN, "waits until Tue 07:00 UTC: quiet hours")
    road.live(hours=8, minutes=59)
    assert outbox.people == []
    road.live(minutes=2)
    assert outbox.people == ["bo"]


def test_a_climb_gives_who_is_quiet_their_time_in_the_morning(road: Road, outbox: Outbox) -> None:
    _quiet("bo", "cy")
    road.event("db", severity="warning")
    road.look()
    assert Climb.objects.get().due_at == SEVEN + timedelta(minutes=5)
    road.live(hours=9, minutes=6)
    assert outbox.people[0] == "bo" and sorted(outbox.people[1:]) == ["bo", "cy"]


def test_high_urgency_breaks_the_quiet(road: Road, outbox: Outbox) -> None:
    _quiet("bo")
    road.event("db")
    road.look()
    assert outbox.people == ["bo"]


def test_whoever_escalates_by_hand_breaks_it_too(road: Road, outbox: Outbox) -> None:
    _quiet("bo", "cy")
    road.event("db", severity="warning")
    road.look()
    escalate_now(road.incident().pk, ADA, road.now)
    road.look()
    assert "cy" in outbox.people


def test_where_one_of_a_level_is_up_the_climb_does_not_wait(road: Road, outbox: Outbox) -> None:
    _quiet("bo")
    road.event("db", severity="warning")
    road.live(minutes=6)
    road.live(hours=1)
    assert Climb.objects.get().level in (1, 2)
    assert "bo" not in outbox.people


def test_who_is_away_is_not_paged_for_what_can_wait(road: Road, outbox: Outbox) -> None:
    away = Span(TEN_AT_NIGHT - timedelta(hours=1), TEN_AT_NIGHT + timedelta(days=7))
    add_absence("bo", away, "the sea", BO, TEN_AT_NIGHT - timedelta(minutes=5))
    configuration.refresh()
    road.event("db", severity="warning")
    road.look()
    assert outbox.people == ["cy"]


def test_who_is_away_and_still_on_call_is_paged_for_what_is_urgent_and_told_why(
    road: Road, outbox: Outbox
) -> None:
    away = Span(TEN_AT_NIGHT - timedelta(hours=1), TEN_AT_NIGHT + timedelta(days=7))
    add_absence("bo", away, "", BO, TEN_AT_NIGHT - timedelta(minutes=5))
    configuration.refresh()
    road.event("db")
    road.look()
    (message,) = outbox.to("bo")
    assert message.lines[-1] == (
        "You are away until Mon 9 Mar 22:00, and still on call: nobody has your shift."
    )


def test_quiet_hours_are_kept_and_taken_away(world: World, clock: Clock) -> None:
    save_quiet("bo", NIGHT, BO, clock.now)
    configuration.refresh()
    assert quiet_of("bo") == NIGHT
    assert quiet_until("bo", TEN_AT_NIGHT) == SEVEN
    assert quiet_until("bo", SEVEN) is None
    save_quiet("bo", None, BO, clock.now)
    configuration.refresh()
    assert (quiet_of("bo"), quiet_until("bo", TEN_AT_NIGHT)) == (None, None)


def test_a_calendar_that_keeps_somebodys_quiet_is_not_deleted(world: World, clock: Clock) -> None:
    from django.test import Client

    from tocsin.catalog.calendars import save_calendar
    from tocsin.kernel.calendars import calendar_from

    hours = [{"from": "22:00", "to": "07:00"}]
    save_calendar(
        calendar_from({"id": "nights", "name": "Nights", "timezone": "UTC", "hours": hours}), ADA, clock.now
    )
    configuration.refresh()
    save_quiet("bo", quiet_from({"calendar": "nights"}), BO, clock.now)
    client = Client()
    client.force_login(world.ada)
    answer = client.post("/calendars/nights/delete", {"sure": "nights"})
    assert "the quiet hours of bo" in answer.content.decode()
