"""The policy editor with schedules and working hours, and what the audit log says of on-call work."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.oncall.conftest import BY, WEEKLY, written
from tests.web_config.test_forms import POLICY
from tests.world import Clock, World
from tocsin.escalation.models import Policy
from tocsin.escalation.rules import Clocks, When
from tocsin.kernel.acting import by_user
from tocsin.kernel.calendars import calendar_from
from tocsin.kernel.spans import Span
from tocsin.oncall.absences import add_absence, remove_absence
from tocsin.oncall.actions import add_override, remove_override, save_calendar, save_schedule
from tocsin.oncall.feeds import make_feed
from tocsin.oncall.models import CoverRequest
from tocsin.oncall.rules import Mode, Override, Temporary
from tocsin.oncall.swaps import accept_cover


@pytest.fixture
def office(world: World, clock: Clock) -> None:
    hours = [{"from": "10:00", "to": "17:00"}]
    save_calendar(
        calendar_from({"id": "office", "name": "Office", "timezone": "UTC", "hours": hours}), BY, clock.now
    )
    save_schedule(written("rota", WEEKLY, name="Rota"), None, BY, clock.now)


def text_of(client: Client, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(path).content.decode()))


def test_a_level_names_a_schedule_and_its_hours_and_keeps_them(ada: Client, office: None) -> None:
    page = ada.get("/new/policy").content.decode()
    assert 'value="schedule:rota/next"' in page and 'value="outside:office"' in page
    typed = {
        "level-0-notify": ["schedule:rota"],
        "level-0-hours": "outside:office",
        "level-0-clocks": "person",
    }
    assert ada.post("/new/policy", POLICY | typed | {"do": "save"}).status_code == 302
    (level,) = Policy.objects.get(pk="night").as_value().levels
    assert level.when == When("office", outside=True, clocks=Clocks.PERSON)
    edited = ada.get("/policies/night/edit").content.decode()
    assert re.search(r'value="outside:office" selected', edited)
    shown = text_of(ada, "/policies/night")
    assert "whoever is on call for Rota" in shown
    assert "only outside the hours of Office, by each person's clock" in shown.replace("&#x27;", "'")
    assert "that is now Bo Lind" in shown


def test_a_level_for_other_hours_says_so(ada: Client, office: None) -> None:
    typed = {"level-0-notify": ["schedule:rota"], "level-0-hours": "calendar:office"}
    ada.post("/new/policy", POLICY | typed | {"do": "save"})
    shown = text_of(ada, "/policies/night")
    assert "It is for other hours than these: now it is passed over at once." in shown
    waits = "at once, because every level is for other hours now; low urgency waits until 10:00 , when level 1 opens"
    assert waits in shown


@pytest.mark.parametrize("hours", ["calendar:gone", "sometimes:office", "office", "calendar:"])
def test_hours_that_are_none_are_refused(ada: Client, office: None, hours: str) -> None:
    typed = {"level-0-notify": ["schedule:rota"], "level-0-hours": hours}
    assert ada.post("/new/policy", POLICY | typed | {"do": "save"}).status_code == 422
    assert not Policy.objects.filter(pk="night").exists()


def test_the_audit_log_says_what_happened_to_schedules(ada: Client, office: None, clock: Clock) -> None:
    day = timedelta(days=1)
    first = add_override("rota", Override("", clock.now, clock.now + day, ("mo",), ("bo",)), BY, clock.now)
    add_override("rota", Override("", clock.now, clock.now + day, ("cy",), mode=Mode.ADD), BY, clock.now)
    add_override("rota", Override("", clock.now, clock.now + day, ("cy",), mode=Mode.REMOVE), BY, clock.now)
    add_override("rota", Temporary("", clock.now + day, clock.now + 2 * day, (), "Fair"), BY, clock.now)
    remove_override(first, BY, clock.now)
    away = add_absence(
        "bo", Span(clock.now + 3 * day, clock.now + 4 * day), "", by_user("bo", "web"), clock.now
    )
    accept_cover(CoverRequest.objects.get().pk, "cy", by_user("cy", "web"), clock.now)
    remove_absence(away.pk, by_user("bo", "web"), clock.now)
    make_feed("mine", "", "cy", by_user("cy", "web"), clock.now)
    said = text_of(ada, "/settings/audit")
    hours = "in schedule rota from 2026-03-02 09:00 to 2026-03-03 09:00 UTC"
    for words in (
        "made calendar office",
        "made schedule rota",
        f"made an override with Mo Haddad for Bo Lind {hours}",
        f"made an override with Cy Tran as well {hours}",
        f"made an override without Cy Tran {hours}",
        "made a temporary schedule Fair in schedule rota",
        f"took back an override with Mo Haddad for Bo Lind {hours}",
        "noted an absence of Bo Lind",
        "made a request for cover of Bo Lind in schedule rota",
        "accepted a request for cover of Bo Lind in schedule rota",
        "removed an absence of Bo Lind",
        "made a calendar feed of Cy Tran",
    ):
        assert words in said, words
