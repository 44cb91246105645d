"""Overrides, taking a shift, cover and swaps, absences: what is said before and after; forms keep what was typed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import page, store
from tests.world import Clock, World
from tocsin.oncall.actions import on_call_at
from tocsin.oncall.models import Absence, CoverRequest
from tocsin.oncall.models import Override as OverrideRow
from tocsin.people.models import User

OVERRIDE = "/schedules/web-primary/override"
TUESDAY = {"start": "2026-03-10T09:00", "end": "2026-03-10T17:00", "zone": "Europe/Madrid"}
AT_NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_what_an_override_changes_is_said_before_it_is_made(weekly: str, signed_in: SignedIn) -> None:
    client = signed_in("mo")
    said = text_of(
        client.post(OVERRIDE, TUESDAY | {"users": "mo", "mode": "replace", "replaces": "cy", "do": "check"})
    )
    assert "1 shift changes" in said and "2 people are told" in said
    assert "Mo Haddad 8 h more" in said and "Cy Tran 8 h less" in said
    assert (
        "Mon 9 Mar 09:00 to Mon 16 Mar 09:00 becomes Mon 9 Mar 09:00 to Tue 10 Mar 09:00 and "
        "Tue 10 Mar 17:00 to Mon 16 Mar 09:00" in said
    )
    assert not OverrideRow.objects.exists()


def test_an_override_is_made_said_and_can_be_undone(weekly: str, signed_in: SignedIn) -> None:
    client = signed_in("mo")
    answer = client.post(OVERRIDE, TUESDAY | {"users": "mo", "mode": "replace", "do": "save"}, follow=True)
    assert "Made: Mo Haddad instead of whoever it is, Tue 10 Mar 09:00 to 17:00 (Europe/Madrid)." in text_of(
        answer
    )
    assert on_call_at("web-primary", AT_NOON) == ("mo",)
    made = OverrideRow.objects.get()
    undo = f"/schedules/web-primary/overrides/{made.pk}/remove"
    assert undo in answer.content.decode()
    client.post(undo)
    assert on_call_at("web-primary", AT_NOON) == ("cy",)


def test_pressing_twice_makes_one_override(weekly: str, signed_in: SignedIn) -> None:
    for _ in range(2):
        signed_in("mo").post(OVERRIDE, TUESDAY | {"users": "mo", "mode": "replace", "do": "save"})
    assert OverrideRow.objects.standing().count() == 1


def test_times_are_those_of_the_zone_that_was_chosen(weekly: str, world: World, signed_in: SignedIn) -> None:
    User.objects.filter(pk="mo").update(timezone="Asia/Tokyo")
    fields = TUESDAY | {"users": "mo", "mode": "add", "zone": "Asia/Tokyo", "do": "save"}
    assert signed_in("mo").post(OVERRIDE, fields).status_code == 302
    assert OverrideRow.objects.get().starts_at == datetime(2026, 3, 10, 0, tzinfo=UTC)


def test_the_form_is_filled_from_the_address(weekly: str, signed_in: SignedIn) -> None:
    body = page(signed_in("mo"), f"{OVERRIDE}?from=2026-03-10T08:00:00Z&to=2026-03-10T16:00:00Z&of=cy&who=bo")
    assert 'value="2026-03-10T09:00"' in body and 'value="2026-03-10T17:00"' in body
    assert '<option value="bo" selected>' in body
    assert re.search('name="replaces" value="cy"[^>]* checked', body)


def test_several_come_instead_of_several(world: World, clock: Clock, signed_in: SignedIn) -> None:
    both = {"rotation": "fixed", "start": "2026-01-05T09:00", "users": ["bo", "cy"]}
    store(clock, [both])
    fields = TUESDAY | {"users": ["mo", "ada", ""], "mode": "replace", "replaces": ["bo", "cy"]}
    client = signed_in("mo")
    said = text_of(client.post(OVERRIDE, fields | {"do": "check"}))
    for who, what in (("Mo Haddad", "more"), ("Ada Ortiz", "more"), ("Bo Lind", "less"), ("Cy Tran", "less")):
        assert re.search(f"{who} 8 h {what}", said), who
    assert "4 people are told" in said
    answer = client.post(OVERRIDE, fields | {"do": "save"}, follow=True)
    assert "Made: Mo Haddad and Ada Ortiz for Bo Lind and Cy Tran" in text_of(answer)
    row = OverrideRow.objects.get()
    assert (row.users, row.replaces, row.mode) == (["mo", "ada"], ["bo", "cy"], "replace")
    body = page(client, f"{OVERRIDE}?of=bo&of=cy&who=mo&who=ada")
    assert body.count(" selected>") == 2 and len(re.findall('name="users"', body)) == 3
    assert len(re.findall('name="replaces"[^>]* checked', body)) == 2


def test_nobody_named_is_said_beside_the_field(weekly: str, signed_in: SignedIn) -> None:
    answer = signed_in("mo").post(OVERRIDE, TUESDAY | {"users": ["", ""], "mode": "add", "do": "save"})
    assert answer.status_code == 422 and "This field is required." in text_of(answer)
    assert not OverrideRow.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("end", "2026-03-10T08:00", "It ends before it begins. Choose a later end."),
        ("start", "tomorrow", "&#x27;tomorrow&#x27; is not a point in time"),
        ("start", "", "This field is required."),
        ("users", "ghost", "Select a valid choice"),
        ("zone", "Mars/Olympus", "Select a valid choice"),
        ("end", "2036-03-10T08:00", "at most"),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_typed_is_lost(
    field: str, value: str, said: str, weekly: str, world: World, signed_in: SignedIn
) -> None:
    User.objects.filter(pk="mo").update(timezone="Asia/Tokyo")
    fields = TUESDAY | {"users": "bo", "mode": "add", "do": "save", field: value}
    answer = signed_in("mo").post(OVERRIDE, fields)
    assert answer.status_code == 422
    body = answer.content.decode()
    assert said in body
    assert f'value="{fields["start"]}"' in body or field == "start"
    assert not OverrideRow.objects.exists()


def test_a_preview_is_only_the_words(weekly: str, signed_in: SignedIn) -> None:
    client = signed_in("mo")
    fields = TUESDAY | {"users": "mo", "mode": "remove", "do": "save"}
    answer = client.post(OVERRIDE, fields, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode() and "Nothing changes for anybody" in text_of(answer)
    answer = client.post(OVERRIDE, {"users": ""}, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "When the form is filled in" in text_of(answer)
    assert not OverrideRow.objects.exists()


def test_taking_somebody_off_call_says_the_gap_it_opens(weekly: str, signed_in: SignedIn) -> None:
    said = text_of(signed_in("mo").post(OVERRIDE, TUESDAY | {"users": "cy", "mode": "remove", "do": "check"}))
    assert "1 gap opens" in said
    assert "Nobody will be on call Tue 10 Mar 09:00 to 17:00 (8 h)" in said


def test_a_shift_is_taken_with_one_press(weekly: str, signed_in: SignedIn) -> None:
    client = signed_in("bo")
    body = page(client, "/schedules/web-primary/shift?at=2026-03-10T12:00:00Z")
    assert "Take this shift" in body
    fields = {"from": "2026-03-09T08:00:00Z", "to": "2026-03-16T08:00:00Z", "of": "cy"}
    answer = client.post("/schedules/web-primary/take", fields, follow=True)
    assert "You take Mon 9 Mar 09:00 to Mon 16 Mar 09:00 (Europe/Madrid)." in text_of(answer)
    assert on_call_at("web-primary", AT_NOON) == ("bo",)


def test_a_shift_that_is_ones_own_is_not_offered_for_taking(weekly: str, signed_in: SignedIn) -> None:
    body = page(signed_in("cy"), "/schedules/web-primary/shift?at=2026-03-10T12:00:00Z")
    assert "Take this shift" not in body and "Ask for cover" in body


@pytest.mark.parametrize(
    "fields", [{}, {"from": "2026-03-09T08:00:00Z"}, {"from": "2026-03-09", "to": "2026-03-08"}]
)
def test_taking_no_hours_is_refused(fields: dict[str, str], weekly: str, signed_in: SignedIn) -> None:
    assert signed_in("bo").post("/schedules/web-primary/take", fields).status_code == 400


COVER = "/schedules/web-primary/cover"


def ask(client: object, **more: object) -> CoverRequest:
    answer = client.post(COVER, TUESDAY | more)  # type: ignore[attr-defined]
    assert answer.status_code == 302, answer.content.decode()
    return CoverRequest.objects.latest("pk")


def test_cover_is_asked_seen_and_accepted(weekly: str, signed_in: SignedIn) -> None:
    cy, bo = signed_in("cy"), signed_in("bo")
    made = ask(cy, asked=["bo"], note="My sister marries.")
    assert "Cy Tran asks you" in text_of(bo.get("/shifts"))
    said = text_of(bo.get(f"/cover/{made.pk}"))
    assert "Tue 10 Mar 09:00 to 17:00 (8 h)" in said and "My sister marries." in said
    answer = bo.post(f"/cover/{made.pk}/accept", follow=True)
    assert "You are on call for Cy Tran, Tue 10 Mar 09:00 to 17:00 (Europe/Madrid)." in text_of(answer)
    assert "Bo Lind accepted." in text_of(answer)
    assert on_call_at("web-primary", AT_NOON) == ("bo",)


def test_a_swap_gives_hours_in_return(weekly: str, signed_in: SignedIn) -> None:
    made = ask(
        signed_in("cy"), asked=["bo"], returns_start="2026-03-04T09:00", returns_end="2026-03-04T17:00"
    )
    said = text_of(signed_in("bo").get(f"/cover/{made.pk}"))
    assert "In return Cy Tran takes Wed 4 Mar 09:00 to 17:00 of yours." in said
    signed_in("bo").post(f"/cover/{made.pk}/accept")
    assert on_call_at("web-primary", datetime(2026, 3, 4, 12, tzinfo=UTC)) == ("cy",)


def test_the_second_who_accepts_is_told_that_it_is_taken(weekly: str, signed_in: SignedIn) -> None:
    made = ask(signed_in("cy"))
    assert signed_in("bo").post(f"/cover/{made.pk}/accept").status_code == 303
    answer = signed_in("mo").post(f"/cover/{made.pk}/accept")
    assert answer.status_code == 409
    assert "accepted" in text_of(answer)


def test_declining_and_withdrawing_leave_the_shift(weekly: str, signed_in: SignedIn) -> None:
    made = ask(signed_in("cy"), asked=["bo"])
    answer = signed_in("bo").post(f"/cover/{made.pk}/decline", follow=True)
    assert "Everybody who was asked has declined." in text_of(answer)
    other = ask(signed_in("cy"))
    assert "Withdrawn." in text_of(signed_in("cy").post(f"/cover/{other.pk}/withdraw", follow=True))
    assert on_call_at("web-primary", AT_NOON) == ("cy",)


def test_a_manager_answers_for_who_cannot(weekly: str, signed_in: SignedIn) -> None:
    made = ask(signed_in("cy"), asked=["bo"])
    assert "Answer for somebody who cannot" in page(signed_in("mo"), f"/cover/{made.pk}")
    signed_in("mo").post(f"/cover/{made.pk}/accept", {"for": "bo"})
    assert on_call_at("web-primary", AT_NOON) == ("bo",)


def test_an_unknown_answer_or_request_is_not_found(weekly: str, signed_in: SignedIn) -> None:
    made = ask(signed_in("cy"))
    assert signed_in("bo").post(f"/cover/{made.pk}/maybe").status_code == 404
    assert signed_in("bo").get("/cover/999999").status_code == 404


def test_half_of_the_hours_in_return_is_said_beside_the_field(weekly: str, signed_in: SignedIn) -> None:
    answer = signed_in("cy").post(COVER, TUESDAY | {"asked": ["bo"], "returns_start": "2026-03-04T09:00"})
    assert answer.status_code == 422
    assert "Fill both, or none." in text_of(answer)


def test_an_absence_asks_for_cover_by_itself(weekly: str, signed_in: SignedIn) -> None:
    client = signed_in("cy")
    fields = {"start": "2026-03-10T00:00", "end": "2026-03-12T00:00", "zone": "UTC", "note": "dentist"}
    answer = client.post("/me/absences", fields, follow=True)
    assert "Noted. For 1 shift of yours cover is asked for now." in text_of(answer)
    assert CoverRequest.objects.get().user_id == "cy"
    row = Absence.objects.get()
    client.post(f"/me/absences/{row.pk}/remove")
    assert not Absence.objects.exists()
    assert CoverRequest.objects.get().state == "withdrawn"


def test_an_absence_without_shifts_asks_nobody(weekly: str, signed_in: SignedIn) -> None:
    fields = {"start": "2026-03-10T00:00", "end": "2026-03-12T00:00", "zone": "UTC"}
    answer = signed_in("mo").post("/me/absences", fields, follow=True)
    assert "nobody needs to be asked" in text_of(answer)


def test_an_absence_that_is_over_is_refused_and_keeps_what_was_typed(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    past = (clock.now - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    answer = signed_in("bo").post(
        "/me/absences", {"start": past, "end": past, "zone": "UTC", "note": "was ill"}
    )
    assert answer.status_code == 422
    assert "was ill" in answer.content.decode()


def test_what_was_taken_back_is_made_to_stand_again_by_one_press(
    weekly: str, clock: Clock, signed_in: SignedIn
) -> None:
    client = signed_in("mo")
    client.post(OVERRIDE, TUESDAY | {"users": "mo", "mode": "replace", "replaces": "cy", "do": "save"})
    made = OverrideRow.objects.get()
    body = client.post(f"/schedules/web-primary/overrides/{made.pk}/remove", follow=True).content.decode()
    again = f"/schedules/web-primary/overrides/{made.pk}/restore"
    assert f'action="{again}"' in body
    assert on_call_at("web-primary", AT_NOON) == ("cy",)
    assert "It stands again." in text_of(client.post(again, follow=True))
    assert on_call_at("web-primary", AT_NOON) == ("mo",)
    client.post(again)
    assert OverrideRow.objects.standing().count() == 1
    assert client.post("/schedules/web-primary/overrides/99/restore").status_code == 404
    clock.forward(days=30)
    assert signed_in("mo").post(again).status_code == 404


def test_cover_is_asked_for_ones_next_shift_unless_said_otherwise(weekly: str, signed_in: SignedIn) -> None:
    body = page(signed_in("cy"), "/schedules/web-primary/cover")
    assert 'value="2026-03-09T09:00"' in body and 'value="2026-03-16T09:00"' in body
    body = page(
        signed_in("cy"), "/schedules/web-primary/cover?from=2026-03-10T08:00:00Z&to=2026-03-10T09:00:00Z"
    )
    assert 'value="2026-03-10T09:00"' in body


def test_a_manager_notes_that_somebody_is_away(weekly: str, signed_in: SignedIn) -> None:
    mo = signed_in("mo")
    address = "/people/cy/absences"
    assert f'href="{address}"' in page(mo, "/people/cy/shifts")
    away = {"start": "2026-03-09T00:00", "end": "2026-03-12T00:00", "zone": "UTC", "note": "In hospital"}
    said = text_of(mo.post(address, away, follow=True))
    assert "For 1 shift of Cy Tran cover is asked for now." in said and "When Cy Tran is away" in said
    row = Absence.objects.get()
    assert (row.user_id, row.made_by) == ("cy", "user:mo")
    assert "In hospital" in page(mo, "/people/cy/shifts")
    assert "In hospital" not in page(signed_in("bo"), "/people/cy/shifts")
    assert "In hospital" in page(signed_in("cy"), "/me/absences")
    assert mo.post(f"{address}/{row.pk}/remove").status_code == 302
    assert CoverRequest.objects.get().state == "withdrawn"
