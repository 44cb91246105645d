"""The demo is an ordinary organisation file, applied once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.world import Outbox
from tocsin.catalog import actions as catalog
from tocsin.channels.console import Console
from tocsin.escalation.models import Policy
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.notification import channels
from tocsin.organisation.demo import demo_organisation, leave_demo, make_demo, return_to_demo
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people import actions as people
from tocsin.people.models import Contact, User
from tocsin.people.saving import UserValue
from tocsin.site.config import read_config
from tocsin.site.first_run import sign_in_link

BY = By("user:ada", "web")
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
    people.save_user("eve", UserValue("Eve", "eve@example.com"), By("cli", "cli"), NOW)
    people.save_team("mine", "Mine", ["eve"], None, By("cli", "cli"), NOW)
    assert not make_demo(NOW)
    assert User.objects.count() == 1


def test_a_demo_that_was_left_is_none_and_stays_so_at_the_next_start() -> None:
    make_demo(NOW)
    leave_demo(BY, NOW)
    assert not catalog.organisation().demo
    assert Policy.objects.count() == 1, "what was made stays"
    leave_demo(BY, NOW)
    assert Entry.objects.filter(kind="organisation.demo_left").count() == 1
    assert not make_demo(NOW)
    assert not catalog.organisation().demo
    return_to_demo(BY, NOW)
    assert catalog.organisation().demo


def test_an_organisation_of_ones_own_never_becomes_a_demo() -> None:
    people.save_user("eve", UserValue("Eve", "eve@example.com"), BY, NOW)
    with pytest.raises(Refused, match="never a demo"):
        return_to_demo(BY, NOW)
    assert not catalog.organisation().demo


def test_the_sign_in_link_of_the_demo_ends_with_it(tmp_path: Path) -> None:
    make_demo(NOW)
    ada = User.objects.get(pk="ada")
    ada.set_password("correct horse battery staple")
    ada.save()
    config = read_config({"TOCSIN_DATA": str(tmp_path)})
    assert sign_in_link(config, NOW, demo=True)
    leave_demo(BY, NOW)
    assert sign_in_link(config, NOW, demo=True) is None


def test_no_key_stands_in_the_demo_file(outbox: Outbox) -> None:
    assert "key:" not in demo_organisation()
