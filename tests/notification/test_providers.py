"""Accounts with vendors: kept, sealed, ordered, opened, and asked by everything that sends."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import Clock, World
from tocsin.catalog.actions import refresh
from tocsin.engine.attempt import deliver_due
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.notification import accounts
from tocsin.notification.channels import channel_at_hand, channel_for, check_address, get_ready, is_served
from tocsin.notification.models import Attempt, Delivery, Page, Provider
from tocsin.notification.places import delete_place, find, places, save_place
from tocsin.notification.providers import (
    PROVIDERS_MAX,
    ProviderValue,
    delete_provider,
    figures,
    find_provider,
    order_providers,
    provider_that_took,
    providers,
    save_provider,
    set_provider_enabled,
)
from tocsin.notification.rules import Blame, Failed, Message, Sent
from tocsin.notification.rules.circuit import Health
from tocsin.notification.sealing import unseal
from tocsin.people.models import User
from tocsin.testing.pretend import DEAD, behaviour

BY = By("cli", "test")
CANARY = "canary-7f3a"
MESSAGE = Message("m-1", "The shop is down")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pretend")]


def save(id: str, clock: Clock, **more: Any) -> Provider:
    given = {"token": f"{CANARY}-{id}"} | more.pop("given", {})
    return save_provider(ProviderValue(id, "pretend", more.pop("name", ""), given, **more), BY, clock.now)


def journal() -> str:
    return " ".join(f"{entry.kind} {entry.data}" for entry in Entry.objects.all())


def test_a_secret_is_sealed_and_stands_nowhere_else(clock: Clock) -> None:
    row = save("main", clock)
    assert unseal(find_provider("main").secrets_sealed["token"]) == f"{CANARY}-main"
    assert CANARY not in journal()
    assert CANARY not in str(row.settings)
    assert "provider.saved" in journal()
    with connection.cursor() as cursor:
        cursor.execute("SELECT settings, secrets_sealed FROM notification_provider")
        assert CANARY not in str(cursor.fetchall())


def test_a_secret_that_is_left_out_stays_and_nothing_is_written_when_nothing_changes(clock: Clock) -> None:
    sealed = save("main", clock).secrets_sealed
    before = Entry.objects.count()
    save_provider(ProviderValue("main", "pretend", "", {}), BY, clock.now)
    assert find_provider("main").secrets_sealed == sealed
    save("main", clock)  # the same secret, written again
    assert Entry.objects.count() == before
    save_provider(ProviderValue("main", "pretend", "", {"token": "another"}), BY, clock.now)
    assert unseal(find_provider("main").secrets_sealed["token"]) == "another"
    assert "'secret token': '(changed)'" in journal()
    assert "another" not in journal()


@pytest.mark.parametrize(
    ("value", "where", "what"),
    [
        (ProviderValue("Main", "pretend"), "id", "cannot be an id"),
        (ProviderValue("main", "nobody"), "vendor", "No vendor 'nobody'"),
        (ProviderValue("main", "pretend"), "settings.token", "Token is missing"),
        (ProviderValue("main", "pretend", given={"token": "t", "x": "1"}), "settings.x", "no setting 'x'"),
        (ProviderValue("main", "pretend", given={"token": "a b"}), "settings.token", "has a space"),
        (
            ProviderValue("main", "pretend", given={"token": "t", "sender": "a\nb"}),
            "settings.sender",
            "cannot be used",
        ),
        (ProviderValue("main", "pretend", given={"token": "t"}, position=0), "position", "Position 0"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    value: ProviderValue, where: str, what: str, clock: Clock
) -> None:
    with pytest.raises(Refused, match=what) as refused:
        save_provider(value, BY, clock.now)
    assert refused.value.where == where
    assert providers() == []


def test_there_are_at_most_so_many(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.notification.providers.PROVIDERS_MAX", 2)
    save("one", clock)
    save("two", clock)
    save("two", clock, name="Two")
    with pytest.raises(Refused, match="There are 2 providers"):
        save("three", clock)
    assert PROVIDERS_MAX > 2


def test_who_was_sealed_under_another_key_says_so_and_can_be_written_again(
    clock: Clock, settings: Any, world: World
) -> None:
    save("main", clock)
    settings.SECRET_KEY = "another key, as after a restore without the first one"
    accounts.forget()
    refresh()
    assert "another secret key" in accounts.ready().opened["main"].problem
    outcome = channel_for("pretend:bo").send("pretend:bo", "Bo", MESSAGE, clock.now)
    assert isinstance(outcome, Failed)
    with pytest.raises(Refused, match="sealed under another secret key"):
        save_provider(ProviderValue("main", "pretend"), BY, clock.now)
    save("main", clock)
    assert isinstance(channel_for("pretend:bo").send("pretend:bo", "Bo", MESSAGE, clock.now), Sent)


def test_the_first_in_order_is_asked_and_the_order_can_be_changed(clock: Clock) -> None:
    save("one", clock, position=1)
    save("two", clock, position=2)
    assert sent_through(clock) == "one"
    order_providers(["two"], BY, clock.now)
    assert [row.pk for row in providers()] == ["two", "one"]
    assert sent_through(clock) == "two"
    set_provider_enabled("two", False, BY, clock.now)
    assert sent_through(clock) == "one"
    delete_provider("one", BY, clock.now)
    assert not is_served("pretend:bo")


def sent_through(clock: Clock) -> str:
    outcome = channel_for("pretend:bo").send("pretend:bo", "Bo", MESSAGE, clock.now)
    assert isinstance(outcome, Sent)
    return outcome.provider


def test_without_a_provider_a_contact_may_be_kept_and_sending_says_what_is_missing(clock: Clock) -> None:
    assert check_address(" pretend:Bo ") == "pretend:bo"
    assert not is_served("pretend:bo")
    outcome = channel_for("pretend:bo").send("pretend:bo", "Bo", MESSAGE, clock.now)
    assert outcome == Failed(
        "no provider is set up for pretend: an administrator adds one under Settings, Ways to reach people",
        again=False,
        blame=Blame.PROVIDER,
    )
    with pytest.raises(Refused, match=r"an address that begins with one of .*pretend:"):
        check_address("carrier-pigeon:bo")


def test_an_account_that_has_not_changed_stays_open_and_one_that_has_is_well_again(clock: Clock) -> None:
    save("one", clock)
    save("two", clock)
    behaviour("one").always = DEAD
    for _ in range(3):
        channel_for("pretend:bo").send("pretend:bo", "Bo", MESSAGE, clock.now)
    assert accounts.states(clock.now)["one"].health is Health.RESTING
    kept = accounts.ready().opened["two"].channel
    clock.forward(seconds=1)
    save("one", clock, given={"sender": "Somebody else"})
    assert accounts.ready().opened["two"].channel is kept
    assert accounts.states(clock.now)["one"].health is Health.WELL


@pytest.mark.django_db(transaction=True)
def test_what_only_sends_asks_no_database(clock: Clock, django_assert_num_queries: Any) -> None:
    save("main", clock)
    get_ready()
    with django_assert_num_queries(0):
        assert isinstance(channel_at_hand("pretend:bo").send("pretend:bo", "Bo", MESSAGE, clock.now), Sent)


def test_every_provider_that_was_asked_stands_in_the_attempts(world: World, clock: Clock) -> None:
    save("one", clock, position=1)
    save("two", clock, position=2)
    behaviour("one").script.append(DEAD)
    delivery = due(world.bo, clock)
    assert deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5) == 1
    tries = list(Attempt.objects.order_by("pk").values_list("number", "provider", "outcome"))
    assert tries == [(1, "one", "HTTP 503"), (1, "two", "sent")]
    assert provider_that_took(delivery.pk) == "two"
    said = figures(["one", "two", "three"], clock.now)
    assert (said["one"].sent, said["one"].failed, said["one"].error) == (0, 1, "HTTP 503")
    assert (said["two"].sent, said["two"].failed, said["two"].sent_at) == (1, 0, clock.now)
    assert said["three"].sent == 0


def due(user: User, clock: Clock) -> Delivery:
    page = Page.objects.create(
        user=user, incident_id=None, urgency="high", reason="a test", subject="Look", created_at=clock.now
    )
    return Delivery.objects.create(
        page=page, contact="c", address="pretend:bo", urgent=True, due_at=clock.now, next_at=clock.now
    )


def test_a_message_can_go_through_one_provider_by_name(clock: Clock) -> None:
    save("one", clock, position=1)
    save("two", clock, position=2)
    channel = accounts.channel_through("two", "pretend:bo")
    assert channel is not None
    outcome = channel.send("pretend:bo", "Bo", MESSAGE, clock.now)
    assert isinstance(outcome, Sent)
    assert outcome.provider == "two"
    assert accounts.channel_through("three", "pretend:bo") is None
    assert accounts.channel_through("two", "sms:+49301234") is None


# -- places --------------------------------------------------------------------------------------------------------


def test_a_place_is_kept_found_and_forgotten(clock: Clock) -> None:
    save_place("ops", "Operations", "Pretend:Ops", BY, clock.now)
    found = find("ops")
    assert found is not None
    assert (found.name, found.address) == ("Operations", "pretend:ops")
    assert list(places()) == ["ops"]
    assert "pretend:ops" not in journal()
    with pytest.raises(Refused, match="named by policy web"):
        delete_place("ops", BY, clock.now, named_by=["web"])
    delete_place("ops", BY, clock.now, named_by=[])
    assert find("ops") is None


def test_a_place_needs_an_address_that_something_could_deliver_to(clock: Clock) -> None:
    with pytest.raises(Refused, match="Nothing is known that delivers"):
        save_place("ops", "Operations", "carrier-pigeon:roof", BY, clock.now)
