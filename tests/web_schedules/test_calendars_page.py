"""Working calendars by hand: hours, holidays as lines, those of a country; who may, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.oncall_ical.calendars import calendar, event
from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import WEEKLY, page, store
from tests.world import Clock, World
from tocsin.catalog.models import Calendar
from tocsin.kernel.acting import ENGINE
from tocsin.kernel.calendars import calendar_from
from tocsin.oncall.actions import calendars, save_calendar
from tocsin.oncall.following import failed
from tocsin.oncall.models import Import

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


SOURCE = "/calendars/office/source"


def test_the_public_holidays_of_a_region_are_taken_over_and_left(office: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    assert '<option value="DE">Germany</option>' in page(mo, "/calendars/office")
    answer = mo.post(SOURCE, {"country": "DE", "region": "BY"}, follow=True)
    assert "The public holidays of Germany, Bayern are taken over" in text_of(answer)
    assert "from Germany, Bayern read 0 s ago" in text_of(answer)
    assert '<option value="BY" selected>Bayern</option>' in answer.content.decode()
    days = {f"{each.on}" for each in calendars()["office"].holidays}
    assert {"2026-01-06", "2026-10-03", "2026-12-26"} <= days
    assert "Not followed any more." in text_of(mo.post(f"{SOURCE}/stop", follow=True))
    assert len(calendars()["office"].holidays) > 10
    assert mo.post(f"{SOURCE}/stop").status_code == 404


def test_the_regions_of_a_country_are_asked_for_when_it_is_chosen(office: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    answer = mo.get(SOURCE, {"country": "ES"}, headers={"HX-Request": "true"})
    assert '<option value="AN">Andalucía</option>' in answer.content.decode()
    assert mo.get(SOURCE, {"country": "ES"})["Location"] == "/calendars/office"
    none = mo.get(SOURCE, {"country": "<b>"}, headers={"HX-Request": "true"}).content.decode()
    assert none.count("<option") == 1


def test_holidays_are_followed_at_an_address_and_fetched_now(
    office: str, clock: Clock, signed_in: SignedIn
) -> None:
    mo = signed_in("mo")
    assert "looked at now" in text_of(mo.post(SOURCE, {"url": "https://example.com/secret.ics"}, follow=True))
    row = Import.objects.get()
    assert (row.calendar_id, row.shown, row.due_at) == ("office", "example.com", clock.now)
    failed(row, "The address answers 404 and no calendar", clock.forward(minutes=1))
    said = text_of(mo.get(SOURCE, headers={"HX-Request": "true"}))
    assert "No holiday came from it yet. The address answers 404 and no calendar Mend its address" in said
    assert "read next in 5:00" in said
    mo.post(f"{SOURCE}/look")
    row.refresh_from_db()
    assert row.due_at == clock.now
    assert "read next now" in text_of(mo.get("/calendars/office"))
    assert "secret" not in page(mo, "/calendars/office").replace("secret address", "")


def test_holidays_come_from_a_file_beside_those_by_hand(office: str, signed_in: SignedIn) -> None:
    body = calendar(event("Company day", ";VALUE=DATE:20261229", ";VALUE=DATE:20261230"))
    answer = signed_in("mo").post(SOURCE, {"file": SimpleUploadedFile("days.ics", body)}, follow=True)
    assert "The holidays are taken over." in text_of(answer)
    assert [each.name for each in calendars()["office"].holidays] == ["Christmas Day", "Company day"]


@pytest.mark.parametrize(
    "sent", [{}, {"country": "XX"}, {"country": "DE", "url": "https://example.com/x"}, {"url": "ftp://x/y"}]
)
def test_where_holidays_cannot_come_from_is_said_beside_the_form(
    sent: dict[str, str], office: str, signed_in: SignedIn
) -> None:
    answer = signed_in("mo").post(SOURCE, sent)
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert not Import.objects.exists()


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
    "address",
    [
        "/new/calendar",
        "/calendars/office",
        "/calendars/office/delete",
        "/calendars/office/source",
        "/calendars/office/source/look",
        "/calendars/office/source/stop",
    ],
)
def test_who_may_not_edit_schedules_may_not_edit_calendars(
    address: str, office: str, signed_in: SignedIn
) -> None:
    for name in ("bo", "sam"):
        assert signed_in(name).post(address, form()).status_code == 403
    assert Client().post(address)["Location"].startswith("/sign-in?next=")
    assert "Office" in page(signed_in("sam"), "/calendars")
    assert 'href="/calendars/office"' not in page(signed_in("sam"), "/calendars")
