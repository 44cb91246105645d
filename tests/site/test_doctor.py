"""What doctor finds in an organisation where something would go wrong at night."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import World
from tocsin.catalog.models import Service
from tocsin.escalation.models import Policy
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.notification import accounts
from tocsin.notification.providers import ProviderValue, save_provider
from tocsin.people.models import Contact, User
from tocsin.site.clock import now
from tocsin.site.doctor import machine, organisation, outside
from tocsin.site.doctor.findings import Finding, State, fail, ok, warn, worst

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
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    away = replace(settings.CONFIG, smtp_url=f"smtp://127.0.0.1:{port}")
    assert only(outside.mail(away)).state is State.FAIL
    none = replace(settings.CONFIG, smtp_url="")
    assert only(outside.mail(none)).state is State.WARN
    Contact.objects.filter(user=world.bo).update(address="mailto:bo@example.com")
    assert only(outside.mail(none)).state is State.FAIL


def test_a_program_that_is_not_there_is_said() -> None:
    assert only(outside.program(None)).state is State.WARN
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert only(outside.program(f"http://127.0.0.1:{port}")).state is State.FAIL


def test_the_worst_of_all_decides() -> None:
    assert worst([]) is State.OK
    assert worst([ok("a", "b"), warn("a", "b")]) is State.WARN
    assert worst([fail("a", "b"), warn("a", "b")]) is State.FAIL
