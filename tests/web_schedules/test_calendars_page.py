"""Working calendars by hand: hours, holidays as lines, those of a country; who may, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import WEEKLY, page, store
from tests.world import Clock, World
from tocsin.catalog.models import Calendar
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.calendars import calendar_from
from tocsin.oncall.actions import calendars, save_calendar

OFFICE = {
    "id": "office",
    "name": "Office",
    "timezone": "Europe/Madrid",
    "hours": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}],
    "holidays": [{"day": "2026-12-25", "name": "Christmas Day"}],
}


@pytest.fixture
def office(world: World, clock: Clock) -> str:
    save_calendar(calendar_from(OFFICE), ENGINE, clock.now)
    return "office"


def form(**more: Any) -> dict[str, Any]:
    fields = {
        "name": "Office",
        "timezone": "Europe/Madrid",
        "holidays": "2026-12-25 Christmas Day\n\n2026-12-26",
        "windows": "1",
        "window-0-kind": "hours",
        "window-0-days": ["mon", "tue", "wed", "thu", "fri"],
        "window-0-opens": "09:00",
        "window-0-closes": "17:00",
        "do": "save",
    }
    return fields | {name.replace("_", "-"): value for name, value in more.items()}


def test_a_calendar_is_made_listed_and_changed(world: World, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    assert "No working calendar yet" in page(mo, "/calendars")
    assert "Office is made." in text_of(mo.post("/new/calendar", form(), follow=True))
    assert [each.name for each in calendars()["office"].holidays] == ["Christmas Day", ""]
    assert "Mon-Fri 09:00 to 17:00 in Europe/Madrid · 2 holidays" in text_of(mo.get("/calendars"))
    mo.post("/calendars/office", form(name="Head office", holidays=""))
    assert calendars()["office"].name == "Head office"
    assert calendars()["office"].holidays == ()


def test_the_page_gives_back_what_is_stored(office: str, signed_in: SignedIn) -> None:
    body = page(signed_in("mo"), "/calendars/office")
    assert "2026-12-25 Christmas Day" in body and 'value="17:00"' in body


def test_hours_are_added_and_removed_by_buttons(office: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    assert 'name="windows" value="2"' in mo.post("/calendars/office", form(do="window")).content.decode()
    assert (
        'name="windows" value="0"'
        in mo.post("/calendars/office", form(do="window-remove:0")).content.decode()
    )
    assert (
        'name="windows" value="1"'
        in mo.post("/calendars/office", form(do="window-remove:99")).content.decode()
    )
    assert len(calendars()["office"].hours) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"holidays": "2026-12-25\nChristmas"}, "Line 2: 'Christmas' is not a day"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"window_0_opens": "9 o'clock"}, "is not a time of day"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_mistake_is_said_and_nothing_typed_is_lost(
    more: dict[str, str], said: str, office: str, signed_in: SignedIn
) -> None:
    answer = signed_in("mo").post("/calendars/office", form(**more))
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert calendars()["office"].name == "Office"


def test_the_public_holidays_of_a_country_are_taken_over(office: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    answer = mo.post("/calendars/office/country", {"country": "de", "region": "by"}, follow=True)
    assert "The public holidays of DE are taken over" in text_of(answer)
    assert "Taken from DE/BY" in text_of(answer)
    days = {f"{each.on}" for each in calendars()["office"].holidays}
    assert {"2026-01-06", "2026-10-03"} <= days
    assert "Followed no longer." in text_of(mo.post("/calendars/office/country", follow=True))
    assert mo.post("/calendars/office/country", {"country": "XX"}).status_code == 400


def test_a_calendar_that_a_schedule_names_is_not_deleted(
    office: str, clock: Clock, signed_in: SignedIn
) -> None:
    store(clock, [{**WEEKLY, "restrict": [{"calendar": "office"}]}])
    mo = signed_in("mo")
    assert "It cannot be deleted while web-primary names it." in text_of(mo.get("/calendars/office"))
    assert mo.post("/calendars/office/delete").status_code == 409
    store(clock, [WEEKLY])
    assert mo.post("/calendars/office/delete").status_code == 302
    assert not Calendar.objects.exists()


@pytest.mark.parametrize(
    "address", ["/new/calendar", "/calendars/office", "/calendars/office/country", "/calendars/office/delete"]
)
def test_who_may_not_edit_schedules_may_not_edit_calendars(
    address: str, office: str, signed_in: SignedIn
) -> None:
    for name in ("bo", "sam"):
        assert signed_in(name).post(address, form()).status_code == 403
    assert Client().post(address)["Location"].startswith("/sign-in?next=")
    assert "Office" in page(signed_in("sam"), "/calendars")
    assert 'href="/calendars/office"' not in page(signed_in("sam"), "/calendars")
