"""Shifts and holidays from calendars elsewhere, over REST."""

from __future__ import annotations

from tests.api.conftest import Program
from tests.oncall.conftest import primary as primary  # noqa: PLC0414 - offered here too
from tests.oncall_ical.calendars import calendar, shift
from tests.world import Clock
from tocsin.oncall.actions import on_call_at
from tocsin.oncall.models import Import, Schedule

OFFICE = {"name": "Office", "timezone": "Europe/Berlin"}


def test_shifts_are_taken_from_text_and_left_again(primary: str, mo: Program, clock: Clock) -> None:
    end = clock.now.replace(day=20)
    text = calendar(shift("ada", clock.now, end), shift("Who Ever", end, end.replace(day=21))).decode()
    made = mo.put(f"/schedules/{primary}/calendar", {"text": text})
    assert made.status == 201
    assert (made.body["kind"], made.body["unknown"]) == ("file", ["Who Ever"])
    assert on_call_at(primary, clock.now) == ("ada",)
    assert mo.put(f"/schedules/{primary}/calendar", {"text": text}).status == 200
    assert mo.delete(f"/schedules/{primary}/calendar").status == 204
    assert mo.get(f"/schedules/{primary}/calendar").status == 404


def test_an_address_is_never_said_again(primary: str, mo: Program) -> None:
    made = mo.put(f"/schedules/{primary}/calendar", {"url": "https://example.com/private-1234/x.ics"})
    assert (made.status, made.body["shown"], made.body["read_at"]) == (201, "example.com", None)
    assert "1234" not in made.text + mo.get(f"/schedules/{primary}/calendar").text


def test_holidays_come_from_a_country(mo: Program) -> None:
    assert mo.put("/calendars/office", OFFICE).status == 201
    made = mo.put("/calendars/office/source", {"country": "DE", "region": "BY"})
    assert (made.status, made.body["shown"]) == (201, "DE/BY")
    assert mo.put("/calendars/office/source", {"country": "XX"}).error["where"] == "country"
    Import.objects.update(due_at=None)
    assert mo.post("/calendars/office/source/look").body["due_at"]
    assert Import.objects.get().due_at is not None
    assert mo.delete("/calendars/office/source").status == 204
    assert mo.post("/calendars/office/source/look").status == 404


def test_what_cannot_be_is_refused(primary: str, mo: Program) -> None:
    for body in (
        {},
        {"url": "https://x.example/", "text": "x"},
        {"text": "hello"},
        {"url": "file:///etc/passwd"},
    ):
        assert mo.put(f"/schedules/{primary}/calendar", body).status == 400
    assert mo.put("/schedules/nothing/calendar", {"url": "https://example.com/x"}).status == 404
    assert mo.put("/calendars/nothing/source", {"country": "DE"}).status == 404


def test_responders_look_and_do_not_change(
    primary: str, bo: Program, sam: Program, stranger: Program
) -> None:
    Schedule.objects.update(team=None)  # Bo would lead it
    for of in (f"/schedules/{primary}/calendar", "/calendars/office/source"):
        for method, path in (("put", of), ("post", f"{of}/look"), ("delete", of)):
            for program, status in ((bo, 403), (sam, 403), (stranger, 401)):
                body = {"url": "https://example.com/x"} if method == "put" else None
                assert program.call(method, path, body).status == status
    assert not Import.objects.exists()


def test_the_lead_of_its_team_takes_a_schedule_from_elsewhere(primary: str, bo: Program) -> None:
    """The team is Web, which Bo leads."""
    made = bo.put(f"/schedules/{primary}/calendar", {"url": "https://example.com/x.ics"})
    assert made.status == 201
    assert bo.post(f"/schedules/{primary}/calendar/look").status == 200
    assert bo.delete(f"/schedules/{primary}/calendar").status == 204
