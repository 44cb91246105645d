"""What doctor finds in an organisation where something would go wrong at night."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.ports import own_port
from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import World
from tocsin.catalog import actions as configuration
from tocsin.catalog.models import Integration, Service
from tocsin.catalog.rules import IntegrationType
from tocsin.escalation.models import Policy
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.notification import accounts
from tocsin.notification.models import Attempt, Delivery, Page, Templates
from tocsin.notification.providers import ProviderValue, save_provider
from tocsin.notification.templates import save_templates
from tocsin.people.models import Contact, User
from tocsin.site.clock import now
from tocsin.site.config import Config
from tocsin.site.doctor import letters, machine, organisation, outside
from tocsin.site.doctor.findings import Finding, State, fail, ok, warn, worst
from tocsin.site.mail import Postbox

pytestmark = pytest.mark.django_db


def only(found: object) -> Finding:
    (finding,) = list(found)  # type: ignore[call-overload]
    assert isinstance(finding, Finding)
    return finding


def test_an_organisation_that_reaches_everybody_is_well(world: World, outbox: object) -> None:
    for look in (
        organisation.people,
        organisation.services,
        organisation.policies,
        organisation.messages,
        organisation.inbox,
    ):
        assert only(look()).state is State.OK, look
    assert list(organisation.contacts()) == []


def test_whoever_has_no_contact_is_named(world: World) -> None:
    Contact.objects.filter(user=world.bo).delete()
    found = only(organisation.people())
    assert (found.state, found.said) == (State.FAIL, "without a contact: bo")


def test_stakeholders_need_no_contact(world: World) -> None:
    Contact.objects.filter(user=world.sam).delete()
    assert only(organisation.people()).state is State.OK


def test_a_contact_that_no_channel_takes_is_named(world: World, outbox: object) -> None:
    Contact.objects.filter(user=world.bo).update(address="pigeon:bo")
    found = only(organisation.contacts())
    assert (found.state, "bo/" in found.said) == (State.FAIL, True)


def test_accounts_that_cannot_be_opened_and_addresses_that_wait_for_one_are_named(
    world: World, outbox: object, pretend: None, settings: Any
) -> None:
    assert list(organisation.providers()) == []
    Contact.objects.filter(user=world.bo).update(address="pretend:bo")
    assert only(organisation.providers()).said == "nothing is set up for bo/fake"
    given = {"token": "t"}
    save_provider(ProviderValue("main", "pretend", given=given), By("cli", "test"), world.bo.created_at)
    assert only(organisation.providers()).said == "1, each can be opened"
    settings.SECRET_KEY = "another key, as after a restore without the first one"
    accounts.forget()
    broken, waiting = organisation.providers()
    assert (broken.state, "another secret key" in broken.said) == (State.FAIL, True)
    assert waiting.said == "nothing is set up for bo/fake"


def test_templates_that_cannot_be_read_any_more_are_named(world: World) -> None:
    assert list(organisation.templates()) == []
    save_templates("de", {"subject": "{{title}}"}, By("cli", "cli"), now())
    assert only(organisation.templates()).state is State.OK
    Templates.objects.filter(pk="de").update(pieces={"subject": "{{titel}}"})  # of an older version
    configuration.refresh()
    found = only(organisation.templates())
    assert found.state is State.WARN
    assert found.said.startswith("cannot be used, so Tocsin's words go out: subject in de (")


def test_a_service_whose_policy_is_not_there_is_named(world: World) -> None:
    Service.objects.filter(pk=world.shop.pk).update(policy="gone")
    assert only(organisation.services()).said == "without a policy: shop"


def test_a_policy_that_reaches_nobody_and_one_with_an_empty_level_are_told_apart(world: World) -> None:
    User.objects.filter(pk="bo").update(is_active=False)
    assert only(organisation.policies()).said == "have levels with nobody: web (level 1)"
    Policy.objects.update(levels=[{"notify": ["user:bo"], "timeout": "5m"}])
    found = only(organisation.policies())
    assert (found.state, found.said) == (State.FAIL, "reach nobody: web")


def test_a_zone_that_this_machine_does_not_know_is_named(world: World) -> None:
    User.objects.filter(pk="bo").update(timezone="Mars/Olympus")
    found = only(machine.zones(settings.CONFIG))
    assert (found.state, found.said) == (State.FAIL, "unknown: Mars/Olympus")


def test_a_journal_from_the_future_means_a_clock_that_was_set_back(world: World) -> None:
    later = now() + timedelta(hours=1)
    Entry.objects.create(
        chain="x", seq=1, kind="x", happened_at=later, written_at=later, who="x", through="x", hash="x"
    )
    assert only(machine.clock(settings.CONFIG)).state is State.FAIL


def test_a_mail_server_that_is_not_there_is_a_fault_and_none_at_all_is_one_when_mail_is_wanted(
    world: World,
) -> None:
    with own_port() as port:
        away = replace(settings.CONFIG, smtp_url=f"smtp://127.0.0.1:{port}")
        assert only(outside.mail(away)).state is State.FAIL
    none = replace(settings.CONFIG, smtp_url="")
    assert only(outside.mail(none)).state is State.WARN
    Contact.objects.filter(user=world.bo).update(address="mailto:bo@example.com")
    assert only(outside.mail(none)).state is State.FAIL


def test_a_program_that_is_not_there_is_said() -> None:
    assert only(outside.program(None)).state is State.WARN
    with own_port() as port:
        assert only(outside.program(f"http://127.0.0.1:{port}")).state is State.FAIL


def test_the_worst_of_all_decides() -> None:
    assert worst([]) is State.OK
    assert worst([ok("a", "b"), warn("a", "b")]) is State.WARN
    assert worst([fail("a", "b"), warn("a", "b")]) is State.FAIL


# -- mail in -----------------------------------------------------------------------------------------------------------


def test_nobody_waits_for_letters_where_none_are_taken_in_and_where_somebody_does_it_is_a_fault(
    world: World,
) -> None:
    closed = replace(settings.CONFIG, mail_listen=None, reports=("chat",))
    assert only(letters.mail_in(closed, None)).state is State.OK
    found = only(letters.mail_in(replace(closed, reports=("mail",)), None))
    assert (found.state, "reports by mail" in found.said) == (State.FAIL, True)
    Integration.objects.update(type=IntegrationType.EMAIL)
    found = only(letters.mail_in(closed, None))
    assert (found.state, "integration shop-events" in found.said) == (State.FAIL, True)


@pytest.mark.django_db(transaction=True)
def test_the_door_for_letters_is_asked_and_the_way_to_it_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(
        settings.CONFIG, mail_listen=("127.0.0.1", 0), mail_domain="localhost.localdomain", reports=("mail",)
    )
    monkeypatch.setattr(settings, "CONFIG", config)
    door = Postbox("127.0.0.1", 0, now)
    door.start()
    try:
        here = replace(config, mail_listen=door.place)
        found = list(letters.mail_in(here, "http://127.0.0.1:1"))
    finally:
        door.stop()
    assert (found[0].state, found[0].said) == (
        State.OK,
        f"127.0.0.1:{door_port(here)} answers, and refuses a mailbox that there is not",
    )
    assert "a reply to a page goes to reply+…@localhost.localdomain" in found[1].said
    assert "passes it on to 127.0.0.1" in found[1].said
    gone = list(letters.mail_in(here, "http://127.0.0.1:1"))
    assert gone[0].state is State.FAIL
    stopped = list(letters.mail_in(here, None))
    assert (stopped[0].state, "opens when the program runs" in stopped[0].said) == (State.WARN, True)


def door_port(config: Config) -> int:
    assert config.mail_listen is not None
    return config.mail_listen[1]


def test_a_domain_that_nobody_elsewhere_can_find_is_said(world: World) -> None:
    config = replace(settings.CONFIG, mail_listen=("0.0.0.0", 2525), mail_domain="127.0.0.1")
    found = list(letters.mail_in(config, None))
    assert (found[1].state, found[1].mend.startswith("Set TOCSIN_MAIL_DOMAIN")) == (State.WARN, True)
    outside_door = list(letters.mail_in(replace(config, mail_domain="tocsin.invalid"), None))
    assert "MX record that names this machine, and port 25 is led to 2525" in outside_door[1].said


# -- the last resort ---------------------------------------------------------------------------------------------------


def test_what_is_left_when_nobody_can_be_reached_is_said(world: World, pretend: None, tmp_path: Path) -> None:
    assert only(outside.last_resort(settings.CONFIG)).state is State.WARN
    path = tmp_path / "glass.yaml"
    path.write_text('contacts: [{name: Ops, address: "https://alarm.example.net/x"}]')
    path.chmod(0o600)
    listed = replace(settings.CONFIG, break_glass=str(path))
    found = only(outside.last_resort(listed))
    assert (found.state, found.said) == (State.OK, "when nobody can be reached, Ops by https are told")
    path.chmod(0o644)
    found = only(outside.last_resort(listed))
    assert (found.state, found.mend) == (State.FAIL, f"chmod 600 {path}")


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_an_account_that_was_not_used_or_failed_last_is_named(world: World, pretend: None) -> None:
    by = By("cli", "test")
    save_provider(ProviderValue("main", "pretend", "Main", {"token": "x"}), by, now())
    assert only(organisation.use_of_providers()).said == "unused in the last week: main"
    page = Page.objects.create(user=world.bo, urgency="low", reason="x", subject="x", created_at=now())
    delivery = Delivery.objects.create(page=page, contact="x", address="pretend:bo", due_at=now())
    Attempt.objects.create(delivery=delivery, number=1, at=now(), outcome="HTTP 503", provider="main")
    assert only(organisation.use_of_providers()).said == "did not take the last message: main (HTTP 503)"
    found = only(organisation.callbacks(settings.CONFIG))
    assert (found.state, "which no vendor can call" in found.said) == (State.WARN, True)
    assert list(organisation.callbacks(replace(settings.CONFIG, url="https://tocsin.example.com"))) == []
