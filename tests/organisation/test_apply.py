"""The organisation file from end to end: planned in words, applied at once, exported, applied again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.organisation.files import BY, mistakes
from tests.world import Outbox
from tocsin.catalog import actions as catalog
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.saving import Integrations
from tocsin.escalation.models import Policy
from tocsin.incident.models import Incident
from tocsin.intake.models import Alert
from tocsin.journal.models import Entry, Head
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import digest
from tocsin.notification.models import Rule
from tocsin.organisation.actions import Applied, apply
from tocsin.organisation.exporting import export
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people import actions as people
from tocsin.people.models import Contact, Team, User
from tocsin.people.saving import UserValue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("outbox")]

# DESIGN.md §5, without the schedules that do not exist yet; "fake:" is the channel of the tests.
EXAMPLE = """
users:
  - id: ada
    name: Ada Ortiz
    email: ada@example.com
    timezone: Europe/Madrid
    role: responder
    contacts: {mail: "fake:ada", hook: "fake:ada-hook"}
    rules:
      high: [mail, {hook: 2m}]
      low: [mail]
  - {id: bo, name: Bo Lind, email: bo@example.com}
teams:
  - {id: web, name: Web, members: [ada, bo], lead: bo}
policies:
  - id: web
    levels:
      - {notify: ["user:ada"], timeout: 5m}
      - {notify: ["user:bo", "team:web"], timeout: 10m}
    repeat: 1
services:
  - id: shop
    name: Web shop
    team: web
    policy: web
    tier: 1
    integrations:
      - {id: shop-prometheus, type: alertmanager, key: "0123456789abcdef-prom"}
      - {id: shop-events, type: events}
"""


def planned(text: str, prune: bool = False) -> list[str]:
    return plan([File("org.yaml", text)], prune).in_words()


def applied(text: str, prune: bool = False) -> Applied:
    return apply(plan([File("org.yaml", text)], prune), BY, NOW)


def test_the_example_is_planned_in_words_and_applied_at_once() -> None:
    assert planned(EXAMPLE) == [
        "add user ada (Ada Ortiz)",
        "add user bo (Bo Lind)",
        "add team web (Web)",
        "add policy web",
        "add service shop (Web shop)",
        "add integration shop-prometheus",
        "add integration shop-events",
        "7 to add, 0 to change, 0 to remove.",
    ]
    assert not User.objects.exists(), "a plan changes nothing"

    done = applied(EXAMPLE)

    assert list(done.keys) == ["shop-events"]
    known = catalog.configuration()
    assert known.by_key[digest(done.keys["shop-events"])].id == "shop-events"
    assert known.by_key[digest("0123456789abcdef-prom")].service == "shop"
    assert known.services["shop"].ack_timeout == timedelta(minutes=30)
    assert list(Rule.objects.filter(user="ada", urgency="high").values_list("contact", "delay")) == [
        ("mail", timedelta(0)),
        ("hook", timedelta(minutes=2)),
    ]
    assert [m.user_id for m in Team.objects.get().memberships.order_by("position")] == ["ada", "bo"]
    assert Policy.objects.get().as_value().pages_max == 4


def test_applying_again_changes_nothing_and_writes_nothing_down() -> None:
    applied(EXAMPLE)
    before = Head.objects.get(chain="organisation").seq
    assert planned(EXAMPLE) == ["Nothing changes."]
    assert applied(EXAMPLE).keys == {}
    assert Head.objects.get(chain="organisation").seq == before


def test_an_export_applies_to_nothing_changed_and_is_the_same_every_time() -> None:
    applied(EXAMPLE)
    text = export()
    assert planned(text) == planned(text, prune=True) == ["Nothing changes."]
    assert export() == text


def test_keys_are_exported_only_when_asked_for() -> None:
    made = applied(EXAMPLE).keys["shop-events"]
    assert made not in export() and "0123456789abcdef-prom" not in export()
    with_keys = export(keys=True)
    assert made in with_keys and "0123456789abcdef-prom" in with_keys
    assert planned(with_keys) == ["Nothing changes."]


def test_a_changed_file_is_told_in_words() -> None:
    applied(EXAMPLE)
    changed = (
        EXAMPLE.replace("tier: 1", "tier: 2\n    ack_timeout: 0s")
        .replace("name: Web shop", "name: Shop")
        .replace("members: [ada, bo]", "members: [bo]")
        .replace("fake:ada-hook", "fake:secret-place")
        .replace("{hook: 2m}", "{hook: 5m}")
        .replace("timeout: 10m", "timeout: 15m")
        .replace("abcdef-prom", "abcdef-other")
    )
    words = planned(changed)
    assert words == [
        "change user ada: contact hook changed, rules high mail + hook after 2m; low mail → high mail + hook after 5m; "
        "low mail",
        "change team web: members ada + bo → bo",
        "change policy web: levels user:ada for 5m then user:bo + team:web for 10m → user:ada for 5m then user:bo + "
        "team:web for 15m",
        "change service shop: name Web shop → Shop, tier 1 → 2, ack_timeout 30m → never",
        "change integration shop-prometheus: another key",
        "0 to add, 5 to change, 0 to remove.",
    ]
    assert "secret" not in "\n".join(words), "an address may be a secret, and so is a key"
    applied(changed)
    assert planned(changed) == ["Nothing changes."]


def test_what_a_section_no_longer_says_is_as_shipped_but_what_belongs_to_a_person_stays() -> None:
    applied(EXAMPLE)
    shorter = """
users: [{id: ada, name: Ada Ortiz, email: ada@example.com}]
services: [{id: shop, name: Web shop, team: web, policy: web}]
"""
    assert planned(shorter) == ["change service shop: tier 1 → 3", "0 to add, 1 to change, 0 to remove."]
    applied(shorter)
    assert User.objects.get(pk="ada").timezone == "Europe/Madrid"
    assert Contact.objects.filter(user="ada").count() == 2
    assert Integration.objects.count() == 2


def test_what_the_file_does_not_name_is_left_alone_unless_it_is_pruned() -> None:
    applied(EXAMPLE)
    less = """
users: [{id: ada, name: Ada Ortiz, email: ada@example.com}]
teams: []
policies: [{id: night, levels: [{notify: ["user:ada"], timeout: 1m}]}]
services:
  - {id: shop, name: Web shop, policy: night, tier: 1, integrations: [{id: shop-events, type: events}]}
"""
    assert planned(less)[-1] == "1 to add, 1 to change, 0 to remove."
    assert planned(less, prune=True) == [
        "add policy night",
        "change service shop: team web → none, policy web → night",
        "remove integration shop-prometheus",
        "remove policy web",
        "remove team web",
        "switch off user bo",
        "1 to add, 1 to change, 4 to remove.",
    ]
    applied(less, prune=True)
    assert planned(less, prune=True) == ["Nothing changes."]
    assert not User.objects.get(pk="bo").is_active
    assert list(Policy.objects.values_list("pk", flat=True)) == ["night"]


def test_pruning_never_loses_what_has_a_past() -> None:
    applied(EXAMPLE)
    integration = Integration.objects.get(pk="shop-events")
    incident = Incident.objects.create(
        service_id="shop", title="Down", urgency="high", impact="major", priority="P1", opened_at=NOW
    )
    Alert.objects.create(
        integration=integration,
        service_id="shop",
        incident=incident,
        key="db",
        key_digest="0" * 32,
        title="Down",
        severity="critical",
        urgency="high",
        first_seen_at=NOW,
        last_seen_at=NOW,
    )
    assert mistakes("services: []", prune=True) == [
        "Service shop would be removed, and it has incidents or alerts. Keep it in the file, with its integrations "
        "switched off (enabled: false)."
    ]
    without = "services: [{id: shop, name: Web shop, policy: web, team: web, tier: 1, integrations: []}]"
    assert planned(without, prune=True) == [
        "switch off integration shop-events",
        "remove integration shop-prometheus",
        "0 to add, 0 to change, 2 to remove.",
    ]
    applied(without, prune=True)
    assert Alert.objects.count() == 1
    assert planned(without, prune=True) == ["Nothing changes."]
    assert "enabled: false" in export()


def test_pruning_what_others_name_is_refused() -> None:
    applied(EXAMPLE)
    assert mistakes("policies: []", prune=True) == [
        "Policy web would be removed, and service shop names it. Declare policy web, or change service shop."
    ]
    assert mistakes("teams: []", prune=True) == [
        "Team web would be removed, and policy web names it. Declare team web, or change policy web.",
        "Team web would be removed, and service shop names it. Declare team web, or change service shop.",
    ]


def test_a_plan_that_is_out_of_date_is_not_applied() -> None:
    old = plan([File("org.yaml", EXAMPLE)])
    applied(EXAMPLE.replace("tier: 1", "tier: 4"))
    with pytest.raises(Refused, match="has changed since") as refusal:
        apply(old, BY, NOW)
    assert refusal.value.status == 409
    assert Service.objects.get().tier == 4


def test_nothing_is_applied_when_one_thing_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = plan([File("org.yaml", EXAMPLE)])

    def breaks(*args: object, **named: object) -> None:
        raise Refused("The last thing fails")

    monkeypatch.setattr(Integrations, "save", breaks)
    with pytest.raises(Refused, match="The last thing fails") as refusal:
        apply(wanted, BY, NOW)
    assert refusal.value.where == "org.yaml:28"
    assert not User.objects.exists()
    assert not Entry.objects.exists()


def test_a_large_file_needs_no_more_statements_than_a_small_one() -> None:
    def statements(services: int) -> int:
        names = [f"of-{services}-{n}" for n in range(services)]
        text = yaml.safe_dump(
            {
                "users": [
                    {"id": name, "name": name, "email": f"{name}@example.com", "contacts": {"mail": "fake:x"},
                     "rules": {"high": ["mail"]}}
                    for name in names
                ],
                "teams": [{"id": name, "members": [name]} for name in names],
                "policies": [{"id": name, "levels": [{"notify": [f"user:{name}"], "timeout": "5m"}]} for name in names],
                "services": [
                    {"id": name, "name": name, "policy": name, "integrations": [{"id": name, "type": "events"}]}
                    for name in names
                ],
            }
        )  # fmt: skip
        wanted = plan([File("org.yaml", text)])
        with CaptureQueriesContext(connection) as captured:
            apply(wanted, BY, NOW)
        return len(captured)

    few = statements(2)
    assert statements(40) <= few
    assert User.objects.count() == Contact.objects.count() == Integration.objects.count() == 42


def test_several_files_are_one_organisation() -> None:
    people_file, rest = EXAMPLE.split("teams:")
    files = [File("b.yaml", "teams:" + rest), File("a.yaml", people_file)]
    apply(plan(files), BY, NOW)
    assert planned(EXAMPLE) == ["Nothing changes."]


def test_a_file_may_name_what_was_made_on_the_screen() -> None:
    people.save_user("ada", UserValue("Ada", "ada@example.com"), BY, NOW)
    people.save_team("web", "Web", ["ada"], None, BY, NOW)
    applied('policies: [{id: web, team: web, levels: [{notify: ["team:web"], timeout: 5m}]}]')
    assert Policy.objects.get().team_id == "web"


def test_the_settings_of_the_organisation() -> None:
    applied(EXAMPLE)
    text = "organisation: {name: Shopkeepers, fallback: ada, priorities: {minor: {low: P4}}}"
    assert planned(text)[0] == (
        "change organisation: name Our organisation → Shopkeepers, priorities major high P1; low P3; moderate high P2; "
        "low P4; minor high P3; low P5 → major high P1; low P3; moderate high P2; low P4; minor high P3; low P4, "
        "fallback none → ada"
    )
    applied(text)
    assert catalog.configuration().fallback == "ada"
    applied("organisation: {fallback: null}")
    assert catalog.configuration().fallback is None
    assert catalog.organisation().name == "Shopkeepers", "what is left out of the settings stays"


def test_the_last_admin_cannot_be_declared_away_but_can_be_followed() -> None:
    admin = "users: [{id: ada, name: Ada, email: ada@example.com, role: admin}]"
    applied(admin)
    [problem] = mistakes(admin.replace("admin", "manager"))
    assert problem.startswith("org.yaml:1: This would leave nobody who may administer")
    applied(
        "users: [{id: ada, name: Ada, email: ada@example.com}, "
        "{id: zoe, name: Zoe, email: zoe@example.com, role: admin}]"
    )
    assert [user.id for user in User.objects.filter(role="admin")] == ["zoe"]


def test_a_new_integration_may_take_over_the_key_of_one_that_is_pruned() -> None:
    applied(EXAMPLE)
    renamed = EXAMPLE.replace("shop-prometheus", "shop-alertmanager")
    assert any("The same key as shop-prometheus" in problem for problem in mistakes(renamed))
    applied(renamed, prune=True)
    assert catalog.configuration().by_key[digest("0123456789abcdef-prom")].id == "shop-alertmanager"


def test_an_export_still_applies_when_what_it_names_went_away_on_the_screen() -> None:
    applied(EXAMPLE)
    applied("organisation: {fallback: ada}")
    people.deactivate_user("ada", BY, NOW)
    Policy.objects.all().delete()
    assert planned(export(), prune=True) == ["Nothing changes."]
    assert mistakes("organisation: {fallback: ada}\nservices: [{id: new, name: New, policy: web}]") == [
        "org.yaml:2: No policy 'web'."
    ]
    assert mistakes(
        EXAMPLE.replace("id: bo,", "id: bo, active: false,") + "organisation: {fallback: bo}"
    ) == ["org.yaml:30: bo is switched off. Expected an active user."]


def test_the_outbox_serves_the_addresses(outbox: Outbox) -> None:
    assert mistakes("users: [{id: ada, name: Ada, email: ada@example.com, contacts: {x: 'pigeon:ada'}}]")[
        0
    ].startswith("org.yaml:1: Nothing is known that delivers to 'pigeon:ada'")
