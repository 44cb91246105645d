"""The pages of the change of shift and of calendars from elsewhere: what they show, and to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.oncall_ical.calendars import calendar, shift
from tests.telling.conftest import Shifts
from tests.web_config.conftest import Reader
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.escalation.models import Policy
from tocsin.kernel.acting import ENGINE
from tocsin.oncall import following, imports
from tocsin.oncall.actions import on_call_at
from tocsin.oncall.models import Import
from tocsin.telling.models import Word

DAY = timedelta(days=1)
HANDOVER, WRITE = "/schedules/web-primary/handover", "/schedules/web-primary/handover/write"
FROM, STOP = "/schedules/web-primary/calendar", "/schedules/web-primary/calendar/stop"
LOOK = "/schedules/web-primary/calendar/look"


def test_the_handover_shows_how_things_stand_and_takes_words(
    primary: str, shifts: Shifts, world: World, reader: Reader, clock: Clock
) -> None:
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["schedule:web-primary"], "timeout": "5m"}])
    configuration.refresh()
    shifts.look()
    shifts.event("db")
    shifts.look()
    bo = reader(world.bo)
    text = bo.get(HANDOVER).content.decode()
    assert "Checkout fails" in text
    assert "Bo Lind" in text
    assert bo.post(WRITE, {"text": "Watch db-3 <b>"}).status_code == 302
    assert "Watch db-3 &lt;b&gt;" in bo.get(HANDOVER).content.decode()
    assert bo.post(WRITE, {"text": "  "}).status_code == 422
    clock.now = clock.now.replace(day=9, hour=9, minute=0, second=1)
    shifts.look()
    text = reader(world.cy).get(HANDOVER).content.decode()
    assert "Bo Lind to Cy Tran" in text
    assert "Watch db-3" in text


def test_who_only_looks_on_writes_no_words(primary: str, world: World, reader: Reader) -> None:
    assert reader(world.sam).get(HANDOVER).status_code == 200
    assert reader(world.sam).post(WRITE, {"text": "x"}).status_code == 403
    assert reader(None).get(HANDOVER).status_code == 302
    assert reader(world.bo).get("/schedules/nothing/handover").status_code == 404
    assert not Word.objects.exists()


def test_a_calendar_is_taken_over_from_a_file_and_from_text(
    primary: str, world: World, reader: Reader, clock: Clock
) -> None:
    mo = reader(world.mo)
    body = calendar(shift("ada", clock.now, clock.now + DAY))
    upload = SimpleUploadedFile("on-call.ics", body)
    assert mo.post(FROM, {"file": upload}).status_code == 302
    assert on_call_at(primary, clock.now) == ("ada",)
    assert "on-call.ics" in mo.get(FROM).content.decode()
    body = calendar(shift("mo", clock.now, clock.now + DAY), shift("Who Ever", clock.now, clock.now + DAY))
    assert mo.post(FROM, {"text": body.decode()}).status_code == 302
    assert on_call_at(primary, clock.now) == ("mo",)
    assert "Who Ever" in mo.get(FROM).content.decode()
    assert mo.post(STOP).status_code == 302
    assert not Import.objects.exists()
    assert on_call_at(primary, clock.now) == ("mo",)


def test_an_address_is_followed_and_its_trouble_shown(
    primary: str, world: World, reader: Reader, clock: Clock
) -> None:
    mo = reader(world.mo)
    assert mo.post(FROM, {"url": "webcal://example.com/secret/on-call.ics"}).status_code == 302
    row = Import.objects.get()
    assert imports.address_of(row) == "https://example.com/secret/on-call.ics"
    following.fetched(row, calendar(shift("ada", clock.now, clock.now + 9 * DAY)), "", ENGINE, clock.now)
    following.failed(
        Import.objects.get(), "The address answers 404 and no calendar", clock.forward(minutes=5)
    )
    page = mo.get(FROM).content.decode()
    assert "answers 404" in page
    assert "stays in use" in page
    assert "secret" not in page.replace("secret address", "")
    assert mo.post(LOOK).status_code == 302
    assert Import.objects.get().due_at == clock.now
    clock.forward(hours=25)
    assert "failed for more than a day" in reader(world.mo).get(FROM).content.decode()


@pytest.mark.parametrize(
    "sent",
    [{}, {"url": "ftp://x/y"}, {"url": "https://user:pw@x/y"}, {"text": "hello"}, {"url": "a", "text": "b"}],
)
def test_what_cannot_be_taken_over_is_said_beside_the_form(
    primary: str, world: World, reader: Reader, sent: dict[str, str]
) -> None:
    assert reader(world.mo).post(FROM, sent).status_code == 422
    assert not Import.objects.exists()


def test_only_who_may_edit_the_schedule_takes_it_from_elsewhere(
    primary: str, world: World, reader: Reader, outbox: Outbox
) -> None:
    for address in (FROM, STOP, LOOK):
        assert reader(world.cy).post(address, {"url": "https://example.com/x"}).status_code == 403
        assert reader(world.sam).post(address).status_code == 403
        assert reader(None).post(address).status_code == 302
    assert reader(world.bo).get(FROM).status_code == 200  # leads the team
