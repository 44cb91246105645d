"""An incident is put off until a time: it is somebody's, pages nobody, and then climbs again from the top."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests.answering.conftest import Says
from tests.stories.road import Road
from tests.web.conftest import text_of
from tests.world import T0, Outbox, World
from tocsin.catalog.calendars import next_open, save_calendar
from tocsin.incident.actions import acknowledge, open_incident, snooze
from tocsin.incident.models import Incident
from tocsin.incident.rules import State, To, Verb, transition
from tocsin.incident.rules.snoozing import SNOOZE_MAX, SNOOZE_MIN, Reader, check_until, snooze_until
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import ActVerb, Message
from tocsin.people.models import User

MADRID = Reader("Europe/Madrid", lambda calendar, at: None)
NIGHT = datetime(2026, 3, 27, 2, 0, tzinfo=UTC)  # 3:00 in Madrid, two nights before its clocks change


@pytest.fixture(autouse=True)
def _pages_on_the_storys_clock(clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.site.clock.now", lambda: clock.now)  # type: ignore[attr-defined]


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("2h", NIGHT + timedelta(hours=2)),
        ("for 2 hours", NIGHT + timedelta(hours=2)),
        ("1h30m", NIGHT + timedelta(minutes=90)),
        ("45 min", NIGHT + timedelta(minutes=45)),
        ("für 2 Stunden", NIGHT + timedelta(hours=2)),
        ("3 días", NIGHT + timedelta(days=3)),
        ("until 8:00", datetime(2026, 3, 27, 7, 0, tzinfo=UTC)),
        ("02:30", datetime(2026, 3, 28, 1, 30, tzinfo=UTC)),
        ("jusqu'à 9h", datetime(2026, 3, 27, 8, 0, tzinfo=UTC)),
        ("bis 9 Uhr", datetime(2026, 3, 27, 8, 0, tzinfo=UTC)),
        ("until 9", datetime(2026, 3, 27, 8, 0, tzinfo=UTC)),
        ("9h", NIGHT + timedelta(hours=9)),
        ("for 9h", NIGHT + timedelta(hours=9)),
        ("until 9am please", datetime(2026, 3, 27, 8, 0, tzinfo=UTC)),
        ("1:30 pm", datetime(2026, 3, 27, 12, 30, tzinfo=UTC)),
        ("until 12am", datetime(2026, 3, 27, 23, 0, tzinfo=UTC)),
        ("tomorrow morning", datetime(2026, 3, 28, 7, 0, tzinfo=UTC)),
        ("demain à 9h", datetime(2026, 3, 28, 8, 0, tzinfo=UTC)),
        ("until tomorrow", datetime(2026, 3, 28, 7, 0, tzinfo=UTC)),
        ("bis morgen 9:15 Uhr", datetime(2026, 3, 28, 8, 15, tzinfo=UTC)),
        ("hasta mañana a las 10:00", datetime(2026, 3, 28, 9, 0, tzinfo=UTC)),
        ("jusqu’à demain 7h30", datetime(2026, 3, 28, 6, 30, tzinfo=UTC)),
        ("2026-03-30T08:00", datetime(2026, 3, 30, 6, 0, tzinfo=UTC)),  # after the change of the clocks
        ("until 2026-03-30T08:00Z", datetime(2026, 3, 30, 8, 0, tzinfo=UTC)),
    ],
)
def test_until_when_is_read_on_the_readers_clock(text: str, until: datetime) -> None:
    assert snooze_until(text, MADRID, NIGHT) == until


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2",
        "until 24",
        "13pm",
        "please",
        "2 parsecs",
        "25:00",
        "5m",
        "8d",
        "2020-01-01",
        "until",
        "99999d",
        "-2h",
    ],
)
def test_what_is_no_time_or_too_near_or_too_far_is_refused_in_words(text: str) -> None:
    with pytest.raises(Refused) as refused:
        snooze_until(text, MADRID, NIGHT)
    assert refused.value.expected


@given(st.text(max_size=120))
def test_whatever_is_written_is_bounded(text: str) -> None:
    try:
        until = snooze_until(text, MADRID, NIGHT)
    except Refused:
        return
    assert SNOOZE_MIN <= until - NIGHT <= SNOOZE_MAX


def test_the_bounds_themselves_are_allowed() -> None:
    assert check_until(NIGHT + SNOOZE_MIN, NIGHT) and check_until(NIGHT + SNOOZE_MAX, NIGHT)


def test_until_the_working_calendar_opens(world: World) -> None:
    hours = {
        "id": "office",
        "timezone": "Europe/Madrid",
        "hours": [{"from": "09:00", "to": "17:00", "days": ["mon", "tue", "wed", "thu", "fri"]}],
    }
    save_calendar(calendar_from(hours), By("cli", "cli"), T0)
    reader = Reader("UTC", next_open)
    opens = datetime(2026, 3, 27, 8, 0, tzinfo=UTC)
    for text in ("until open", "open office", "until the working calendar opens", "calendar office opens"):
        assert snooze_until(text, reader, NIGHT) == opens
    with pytest.raises(Refused):
        snooze_until("until open elsewhere", reader, NIGHT)
    save_calendar(calendar_from(hours | {"id": "other"}), By("cli", "cli"), T0)
    with pytest.raises(Refused, match="not clear which"):
        snooze_until("until open", reader, NIGHT)


def test_what_somebody_works_on_only_they_put_off() -> None:
    for state in State:
        for snoozed in (False, True):
            for mine in (False, True):
                allowed = isinstance(transition(state, Verb.SNOOZE, snoozed=snoozed, mine=mine), To)
                open_ = state in (State.TRIGGERED, State.ACKNOWLEDGED)
                assert allowed == (open_ and (state is State.TRIGGERED or snoozed or mine))


# -- the act -----------------------------------------------------------------------------------------------------------


def test_a_snoozed_incident_pages_nobody_and_then_climbs_from_the_top(road: Road, outbox: Outbox) -> None:
    number, until = road.incident().pk, road.now + timedelta(hours=2)
    assert snooze(number, until, by_user("bo", "web"), road.now).changed
    incident = road.incident()
    assert (incident.state, incident.shown_state, incident.assigned_id) == ("acknowledged", "snoozed", "bo")
    road.live(hours=1, minutes=59)
    assert outbox.people == ["bo"]
    road.live(minutes=2)
    assert outbox.people == ["bo", "bo"]  # the first level, again
    incident = road.incident()
    assert (incident.state, incident.snoozed) == ("triggered", False)
    assert Entry.objects.get(kind="incident.ack_expired").data == {"had": "user:bo", "snoozed": True}
    road.live(minutes=5)
    assert "cy" in outbox.people


def test_somebody_else_may_take_what_rests_but_not_put_off_what_is_in_hand(road: Road) -> None:
    number, later = road.incident().pk, road.now + timedelta(hours=2)
    acknowledge(number, by_user("bo", "web"), road.now)
    refused = snooze(number, later, by_user("cy", "web"), road.now)
    assert (refused.changed, refused.why) == (False, "Bo Lind has it already")
    assert snooze(number, later, by_user("bo", "web"), road.now).changed
    assert acknowledge(number, by_user("cy", "web"), road.now).changed
    incident = road.incident()
    assert (incident.acknowledged_by, incident.snoozed) == ("user:cy", False)
    assert incident.ack_expires_at == road.now + timedelta(minutes=30)


def test_what_gets_worse_wakes_it(road: Road, world: World) -> None:
    by = by_user("bo", "web")
    from tocsin.incident.describing import classify, worsen
    from tocsin.kernel.urgency import Urgency

    incident = open_incident("shop", "Slow", urgency=Urgency.LOW, by=by, now=road.now)
    snooze(incident.pk, road.now + timedelta(hours=2), by, road.now)
    from django.db import transaction

    with transaction.atomic():
        row = Incident.objects.select_for_update().get(pk=incident.pk)
        assert worsen(row, Urgency.HIGH, "it fails now", by, road.now)
    assert Incident.objects.get(pk=incident.pk).shown_state == "triggered"
    assert classify


# -- where people do it ------------------------------------------------------------------------------------------------


@pytest.fixture
def bo(world: World) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk="bo"))
    return client


def test_the_page_offers_rests_and_says_until_when(road: Road, bo: Client) -> None:
    number = road.incident().pk
    assert f"/incidents/{number}/snooze" in bo.get(f"/incidents/{number}").content.decode()
    form = bo.get(f"/incidents/{number}/snooze")
    assert "2 hours" in text_of(form) and "until work begins" not in text_of(form)
    assert "says no time" in text_of(bo.post(f"/incidents/{number}/snooze", {"until": "whenever"}))
    said = text_of(bo.post(f"/incidents/{number}/snooze", {"until": "2h"}, follow=True))
    assert "⏸ Bo Lind snoozed it" in said and "Bo Lind snoozed it for 2 h" in said
    for address in ("/", "/incidents"):
        assert "⏸" in text_of(bo.get(address)), address


def test_looking_at_the_form_snoozes_nothing_and_who_may_not_act_cannot(road: Road, bo: Client) -> None:
    number = road.incident().pk
    bo.get(f"/incidents/{number}/snooze")
    sam = Client()
    sam.force_login(User.objects.get(pk="sam"))
    assert sam.post(f"/incidents/{number}/snooze", {"until": "2h"}).status_code == 403
    assert Client().post(f"/incidents/{number}/snooze", {"until": "2h"}).status_code in (302, 403)
    assert road.incident().state == "triggered"


def test_the_page_of_an_acknowledge_link_offers_rests_too(road: Road, page: Message, outbox: Outbox) -> None:
    link = next(act.url for act in page.acts if act.verb is ActVerb.ACKNOWLEDGE).removeprefix(
        "http://127.0.0.1:8000"
    )
    html = Client().get(link).content.decode()
    address = html.split('action="')[1].split('"')[0]
    assert address.startswith("/a/") and address != link
    assert road.incident().state == "triggered"
    assert "says no time" in text_of(Client().post(address, {"until": "?"}))
    answer = Client().post(address, {"until": "2h"}, follow=True)
    assert "You snoozed it." in text_of(answer)
    assert road.incident().shown_state == "snoozed"
    assert Client().post(address, {"until": "8h"}, follow=True)
    assert road.incident().ack_expires_at == road.now + timedelta(hours=2)  # a link is used once


def test_by_code_and_by_button(road: Road, says: Says, presses: Says, page: Message) -> None:
    assert "it rests until 09:30" in presses("bo", ActVerb.SNOOZE, text="30m").text
    assert "it rests until Tue 08:00" in says("bo", f"snooze until tomorrow 08:00 {page.code}").text
    assert "says no time" in presses("bo", ActVerb.SNOOZE, text="").text
