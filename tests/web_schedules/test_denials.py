"""Who may not: strangers, stakeholders, responders before what belongs to others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import WEEKLY, store
from tests.world import Clock, World
from tocsin.kernel.acting import ENGINE, by_user
from tocsin.kernel.spans import Span
from tocsin.oncall.absences import add_absence
from tocsin.oncall.actions import add_override, remove_override
from tocsin.oncall.models import Absence, CoverRequest, Schedule
from tocsin.oncall.models import Override as OverrideRow
from tocsin.oncall.rules import Override
from tocsin.oncall.swaps import ask_cover
from tocsin.people.models import Team

NEXT_WEEK = {"start": "2026-03-10T09:00", "end": "2026-03-10T12:00", "zone": "Europe/Madrid", "do": "save"}
CHANGING = (
    "/schedules/web-primary/override",
    "/schedules/web-primary/take",
    "/schedules/web-primary/overrides/1/remove",
    "/schedules/web-primary/overrides/1/restore",
    "/schedules/web-primary/cover",
    "/schedules/web-primary/edit",
    "/schedules/web-primary/temporary",
    "/schedules/web-primary/delete",
    "/cover/1/accept",
    "/me/absences",
    "/me/absences/1/remove",
    "/people/cy/absences",
    "/people/cy/absences/1/remove",
    "/me/reminders",
    "/new/schedule",
)


@pytest.mark.parametrize("address", CHANGING)
def test_a_stranger_is_led_to_the_sign_in(address: str, weekly: str) -> None:
    assert Client().post(address)["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("address", CHANGING)
def test_a_stakeholder_is_refused(address: str, weekly: str, signed_in: SignedIn) -> None:
    assert signed_in("sam").post(address, NEXT_WEEK).status_code == 403


@pytest.mark.parametrize("address", CHANGING)
def test_another_site_is_refused(address: str, weekly: str, signed_in: SignedIn) -> None:
    answer = signed_in("ada").post(address, NEXT_WEEK, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("what", ["edit", "temporary", "delete"])
def test_a_responder_may_not_edit_a_schedule_and_is_told_what_they_may(
    what: str, weekly: str, signed_in: SignedIn
) -> None:
    answer = signed_in("cy").post(f"/schedules/web-primary/{what}", {"do": "save"})
    assert answer.status_code == 403
    assert "To hand on your own hours, ask for cover." in text_of(answer)
    assert Schedule.objects.live().count() == 1


@pytest.mark.parametrize("what", ["edit", "temporary", "delete"])
def test_the_lead_of_the_team_may(what: str, weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    store(clock, [WEEKLY], team="web")
    assert Team.objects.get(pk="web").lead_id == "bo"
    assert signed_in("bo").get(f"/schedules/web-primary/{what}").status_code == 200
    assert signed_in("cy").get(f"/schedules/web-primary/{what}").status_code == 403


def test_a_responder_may_not_make_a_schedule(weekly: str, signed_in: SignedIn) -> None:
    assert signed_in("bo").get("/new/schedule").status_code == 403


def test_a_responder_puts_nobody_but_themselves_on_call(weekly: str, signed_in: SignedIn) -> None:
    address = "/schedules/web-primary/override"
    assert signed_in("bo").post(address, NEXT_WEEK | {"users": "mo", "mode": "replace"}).status_code == 422
    assert signed_in("bo").post(address, NEXT_WEEK | {"users": "bo", "mode": "remove"}).status_code == 422
    assert not OverrideRow.objects.exists()
    assert signed_in("bo").post(address, NEXT_WEEK | {"users": "bo", "mode": "replace"}).status_code == 302
    assert OverrideRow.objects.get().users == ["bo"]


def test_a_responder_takes_back_only_what_they_made(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    start = clock.now + timedelta(days=8)
    value = Override("", start, start + timedelta(hours=1), ("bo",))
    by_mo = add_override("web-primary", value, by_user("mo", "web"), clock.now)
    by_bo = add_override("web-primary", value, by_user("bo", "web"), clock.now)
    client = signed_in("bo")
    assert client.post(f"/schedules/web-primary/overrides/{by_mo}/remove").status_code == 403
    assert client.post(f"/schedules/web-primary/overrides/{by_bo}/remove").status_code == 303
    assert list(OverrideRow.objects.standing().values_list("pk", flat=True)) == [by_mo]
    remove_override(by_mo, by_user("mo", "web"), clock.now)
    OverrideRow.objects.filter(pk=by_mo).update(users=["mo"])
    assert client.post(f"/schedules/web-primary/overrides/{by_mo}/restore").status_code == 403
    assert not OverrideRow.objects.standing().exists()


def test_an_override_is_taken_back_only_at_its_own_schedule(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    store(clock, [WEEKLY], "other", "Other")
    start = clock.now + timedelta(days=8)
    made = add_override("other", Override("", start, start + timedelta(hours=1), ("bo",)), ENGINE, clock.now)
    assert signed_in("ada").post(f"/schedules/web-primary/overrides/{made}/remove").status_code == 404
    assert OverrideRow.objects.standing().count() == 1


@pytest.fixture
def asked(weekly: str, clock: Clock) -> CoverRequest:
    """Bo asks Cy for three hours of this week."""
    span = Span(clock.now + timedelta(days=1), clock.now + timedelta(days=1, hours=3))
    return ask_cover(weekly, "bo", span, by_user("bo", "web"), clock.now, asked=["cy"])


def test_nobody_answers_for_others(asked: CoverRequest, signed_in: SignedIn) -> None:
    assert signed_in("bo").post(f"/cover/{asked.pk}/accept", {"for": "cy"}).status_code == 403
    assert signed_in("cy").post(f"/cover/{asked.pk}/withdraw").status_code == 403
    asked.refresh_from_db()
    assert asked.state == "open"


def test_who_was_not_asked_cannot_accept(asked: CoverRequest, world: World, signed_in: SignedIn) -> None:
    assert signed_in("ada").post(f"/cover/{asked.pk}/accept").status_code == 403
    assert signed_in("bo").post(f"/cover/{asked.pk}/accept").status_code in (403, 409, 400)
    asked.refresh_from_db()
    assert asked.state == "open"


def test_nobody_asks_in_the_name_of_others(weekly: str, signed_in: SignedIn) -> None:
    fields = NEXT_WEEK | {"user": "cy"}
    answer = signed_in("bo").post("/schedules/web-primary/cover", fields)
    assert answer.status_code == 422
    assert "bo is not on call then" in text_of(answer)
    assert not CoverRequest.objects.exists()


def test_an_absence_is_only_ones_own(weekly: str, clock: Clock, signed_in: SignedIn) -> None:
    span = Span(clock.now + timedelta(days=30), clock.now + timedelta(days=31))
    row = add_absence("bo", span, "a secret reason", by_user("bo", "web"), clock.now)
    assert signed_in("mo").post(f"/me/absences/{row.pk}/remove").status_code == 404
    assert Absence.objects.filter(pk=row.pk).exists()
    assert signed_in("cy").get("/people/bo/absences").status_code == 403
    assert signed_in("cy").post("/people/bo/absences", {}).status_code == 403
    assert signed_in("cy").post(f"/people/bo/absences/{row.pk}/remove").status_code == 403
    assert Absence.objects.count() == 1
    for address in ("/people/bo/shifts", "/shifts", "/me/absences"):
        assert "a secret reason" not in signed_in("cy").get(address).content.decode()
