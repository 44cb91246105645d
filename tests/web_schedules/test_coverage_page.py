"""The page of the coverage proof: what holds, what does not and why, what is missing."""

from __future__ import annotations

import pytest

from tests.web.conftest import SignedIn, text_of
from tests.web_schedules.conftest import WEEKLY, page, store
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.escalation.models import Policy
from tocsin.readiness.rules import coverage


def test_what_holds_is_said_in_the_first_sentence(world: World, outbox: Outbox, signed_in: SignedIn) -> None:
    said = text_of(signed_in("sam").get("/coverage"))
    assert "✓ All hold. At every instant of the next 4 weeks an incident reaches 1 person." in said
    assert "Web shop" in said and "Times in UTC, your zone." in said


def test_what_does_not_hold_is_said_with_its_times_and_reasons(
    weekly: str, clock: Clock, outbox: Outbox, signed_in: SignedIn
) -> None:
    store(clock, [{**WEEKLY, "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}]}])
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["schedule:web-primary"], "timeout": "5m"}])
    refresh()
    said = text_of(signed_in("sam").get("/coverage?people=1&within=10m&weeks=1"))
    assert "2 of 2 do not hold." in said
    assert "reach 1 person within 10 min" in said
    assert "Mon 2 Mar 16:00" in said


def test_alike_times_are_one_reason_with_the_first_of_them(
    weekly: str, clock: Clock, outbox: Outbox, signed_in: SignedIn
) -> None:
    store(clock, [{**WEEKLY, "restrict": [{"from": "09:00", "to": "17:00"}]}])
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["schedule:web-primary"], "timeout": "5m"}])
    refresh()
    said = text_of(signed_in("sam").get("/coverage?people=1&within=&weeks=1"))
    assert "7 times" in said
    reason = "Nobody is reached (level 1: nobody is on call in schedule web-primary)."
    assert said.count(f"{reason}Mon 2 Mar 16:00 to Tue 3 Mar 08:00, and 6 more times") == 2  # both urgencies


@pytest.mark.parametrize("query", ["people=0", "people=x", "weeks=9999", "within=soon", "within=300d"])
def test_what_cannot_be_proved_is_said_beside_the_field(
    query: str, world: World, outbox: Outbox, signed_in: SignedIn
) -> None:
    fields = dict(part.split("=") for part in ["people=1", "weeks=1", "within=", query])
    answer = signed_in("sam").get("/coverage", fields)
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()


def test_what_would_take_too_long_is_said_on_the_page(
    weekly: str,
    clock: Clock,
    outbox: Outbox,
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(clock, [{"rotation": "hourly", "start": "2026-03-01T00:00", "users": ["bo", "cy"]}])
    Policy.objects.filter(pk="web").update(levels=[{"notify": ["schedule:web-primary"], "timeout": "5m"}])
    refresh()
    monkeypatch.setattr(coverage, "LOOKS_MAX", 100)
    answer = signed_in("sam").get("/coverage")
    said = text_of(answer)
    assert answer.status_code == 422
    assert said.count("That is too much to prove at once.") == 2  # the proof, and what is missing
    assert "Nothing is missing" not in said


def test_without_services_the_page_teaches(world: World, outbox: Outbox, signed_in: SignedIn) -> None:
    world.integration.delete()
    world.shop.delete()
    refresh()
    assert "No service yet" in page(signed_in("sam"), "/coverage")
