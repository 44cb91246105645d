"""Policies through their actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.catalog import actions as catalog
from tocsin.catalog.rules import ServiceValue
from tocsin.escalation.models import Policy
from tocsin.escalation.policy_actions import delete_policy, policies_naming, policy_ids, save_policy
from tocsin.escalation.rules import Level, parse_target
from tocsin.escalation.rules import Policy as PolicyValue
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.people import actions as people
from tocsin.people.saving import UserValue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = By("user:zoe", "web")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people() -> None:
    people.save_user("ada", UserValue("Ada", "ada@example.com"), BY, NOW)
    people.save_team("web", "Web", ["ada"], None, BY, NOW)


def value(*targets: str, minutes: float = 5, repeat: int = 0) -> PolicyValue:
    level = Level(tuple(parse_target(target) for target in targets), timedelta(minutes=minutes))
    return PolicyValue("night", "Night", (level,), repeat)


def test_a_policy_is_kept_as_it_was_meant() -> None:
    wanted = value("user:ada", "team:web", repeat=2)
    assert save_policy(wanted, "web", BY, NOW).as_value() == wanted
    assert policy_ids() == {"night"}
    assert policies_naming("team:web") == policies_naming("user:ada") == ["night"]
    assert policies_naming("user:bo") == []
    save_policy(wanted, "web", BY, NOW)
    assert Entry.objects.filter(kind="policy.saved").count() == 1


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (PolicyValue("night", "Night", ()), "no level"),
        (value(), "Level 1 notifies nobody"),
        (value("user:ada", "user:ada"), "names somebody twice"),
        (value("user:bo"), "No user 'bo'"),
        (value("team:ops"), "No team 'ops'"),
        (value("schedule:web"), "No schedule 'web'"),
        (value("user:ada", minutes=0), "waits 0s"),
        (value("user:ada", repeat=101), "repeat is 101"),
        (PolicyValue("Night", "Night", value("user:ada").levels), "cannot be an id"),
        (PolicyValue("night", " ", value("user:ada").levels), "cannot be a name"),
    ],
)
def test_a_policy_that_could_not_be_climbed_is_refused(policy: PolicyValue, why: str) -> None:
    with pytest.raises(Refused, match=why):
        save_policy(policy, None, BY, NOW)
    assert not Policy.objects.exists()


def test_a_policy_in_use_is_kept() -> None:
    save_policy(value("user:ada"), None, BY, NOW)
    shop = ServiceValue("shop", "Shop", policy="night")
    catalog.save_service(shop, "", BY, NOW, policies=policy_ids())
    with pytest.raises(Refused, match="used by service shop"):
        delete_policy("night", BY, NOW)
    catalog.save_service(ServiceValue("shop", "Shop"), "", BY, NOW)
    delete_policy("night", BY, NOW)
    with pytest.raises(Refused, match="No policy 'night'"):
        catalog.save_service(shop, "", BY, NOW, policies=policy_ids())
