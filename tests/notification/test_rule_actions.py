"""Personal rules through their action."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.world import Outbox
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.urgency import Urgency
from tocsin.notification.channels import check_address
from tocsin.notification.rule_actions import rules_of, save_rules
from tocsin.notification.rules import RULE_STEPS_MAX, Step
from tocsin.people import actions as people
from tocsin.people.saving import UserValue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = By("user:ada", "web")
HIGH, LOW = Urgency.HIGH, Urgency.LOW
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ada(outbox: Outbox) -> None:
    people.save_user("ada", UserValue("Ada", "ada@example.com"), BY, NOW)
    people.save_contacts("ada", {"mail": "fake:a", "hook": "fake:b"}, BY, NOW, check_address=check_address)


def test_the_urgency_that_is_saved_changes_and_the_other_stays() -> None:
    save_rules(
        "ada", {HIGH: [Step("mail"), Step("hook", timedelta(minutes=2))], LOW: [Step("mail")]}, BY, NOW
    )
    save_rules("ada", {HIGH: [Step("hook")]}, BY, NOW)
    save_rules("ada", {HIGH: [Step("hook")]}, BY, NOW)
    assert rules_of("ada") == {HIGH: [Step("hook")], LOW: [Step("mail")]}
    last = Entry.objects.filter(kind="rules.saved").order_by("-seq")
    assert len(last) == 2
    assert last[0].data["before"] == {"high": ["mail after 0s", "hook after 2m"]}


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([Step("dove")], "No contact 'dove'"),
        ([Step("mail", timedelta(days=2))], "at most 1d"),
        ([Step("mail", -timedelta(seconds=1))], "delay"),
        ([Step("mail")] * (RULE_STEPS_MAX + 1), "at most"),
    ],
)
def test_steps_that_cannot_work_are_refused_and_the_old_ones_stay(steps: list[Step], why: str) -> None:
    save_rules("ada", {HIGH: [Step("mail")]}, BY, NOW)
    with pytest.raises(Refused) as refused:
        save_rules("ada", {HIGH: steps}, BY, NOW)
    assert why in str(refused.value)
    assert rules_of("ada")[HIGH] == [Step("mail")]


def test_a_step_whose_contact_is_gone_is_not_counted() -> None:
    save_rules("ada", {HIGH: [Step("mail"), Step("hook")]}, BY, NOW)
    people.save_contacts("ada", {"hook": "fake:b"}, BY, NOW, check_address=check_address)
    assert rules_of("ada")[HIGH] == [Step("hook")]


def test_rules_of_nobody_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        save_rules("eve", {HIGH: []}, BY, NOW)
    assert refused.value.status == 404
