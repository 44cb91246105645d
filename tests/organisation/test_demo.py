"""The demo is an ordinary organisation file, applied once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.world import Outbox
from tocsin.catalog import actions as catalog
from tocsin.channels.console import Console
from tocsin.escalation.models import Policy
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.notification import channels
from tocsin.organisation.actions import File, plan
from tocsin.organisation.demo import demo_organisation, make_demo
from tocsin.people import actions as people
from tocsin.people.models import Contact, User

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(channels._by_scheme, "console", Console())


def test_the_demo_can_be_played_at_once() -> None:
    assert make_demo(NOW)
    row = catalog.organisation()
    assert row.demo and row.fallback_id == "ada"
    assert sorted(User.objects.values_list("role", flat=True)) == [
        "admin",
        "manager",
        "responder",
        "stakeholder",
    ]
    assert all(
        address.startswith("console:") for address in Contact.objects.values_list("address", flat=True)
    )
    policy = Policy.objects.get().as_value()
    assert len(policy.levels) == 3 and policy.repeat == 1
    assert all(level.timeout <= timedelta(seconds=20) for level in policy.levels)
    types = {each.type for each in catalog.configuration().integrations.values()}
    assert {str(each) for each in types} == {"alertmanager", "events"}
    assert len(catalog.configuration().by_key) == 3
    assert Entry.objects.filter(kind="organisation.demo").exists()


def test_a_second_start_changes_nothing() -> None:
    make_demo(NOW)
    keys = set(catalog.configuration().by_key)
    assert not make_demo(NOW)
    assert set(catalog.configuration().by_key) == keys
    assert plan([File("demo.yaml", demo_organisation())]).empty


def test_an_organisation_that_somebody_began_is_left_alone() -> None:
    people.save_user("eve", "Eve", "eve@example.com", by=By("cli", "cli"), now=NOW)
    people.save_team("mine", "Mine", ["eve"], None, By("cli", "cli"), NOW)
    assert not make_demo(NOW)
    assert User.objects.count() == 1


def test_no_key_stands_in_the_demo_file(outbox: Outbox) -> None:
    assert "key:" not in demo_organisation()
