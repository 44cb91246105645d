"""The sender with accounts: its threads ask no database, and one that hangs costs seconds and not the message."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from tests.engine_delivery.test_sender import Start, crowd, due, start, states, until
from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import Clock, World
from tocsin.kernel.acting import By
from tocsin.notification.models import Attempt
from tocsin.notification.providers import ProviderValue, save_provider, set_provider_enabled
from tocsin.notification.rules import Message, Sent
from tocsin.testing.pretend import behaviour

__all__ = ["crowd", "start"]

BY = By("cli", "test")

pytestmark = pytest.mark.usefixtures("pretend")


def save(name: str, position: int, clock: Clock) -> None:
    save_provider(ProviderValue(name, "pretend", given={"token": "t"}, position=position), BY, clock.now)


def test_threads_that_send_through_an_account_open_no_connection(
    start: Start, world: World, clock: Clock
) -> None:
    opened: list[bool] = []

    def look(message: Message) -> Sent:
        opened.append(connection.connection is not None)
        return Sent("m")

    save("main", 1, clock)
    behaviour("main").always = look
    due(world.bo, "pretend:bo", clock)
    start()
    until(lambda: states() == {"sent": 1})
    assert opened == [False]
    assert Attempt.objects.get().provider == "main"


def test_an_account_that_is_changed_while_the_sender_runs_is_used_as_it_is_now(
    start: Start, world: World, clock: Clock
) -> None:
    save("first", 1, clock)
    save("second", 2, clock)
    sender = start()
    due(world.bo, "pretend:bo", clock)
    sender._tell()
    until(lambda: states() == {"sent": 1})
    set_provider_enabled("first", False, BY, clock.now)
    due(world.bo, "pretend:bo", clock)
    sender._tell()
    until(lambda: states() == {"sent": 2})
    assert list(Attempt.objects.order_by("pk").values_list("provider", flat=True)) == ["first", "second"]


def test_an_account_that_hangs_has_a_part_of_the_time_and_the_next_takes_the_page(
    start: Start, world: World, clock: Clock
) -> None:
    save("first", 1, clock)
    save("second", 2, clock)
    behaviour("first").always = behaviour("first").hang
    behaviour("first").gate.set()  # for no longer than it takes to see how long it might have been
    due(world.bo, "pretend:bo", clock)
    start()
    until(lambda: states() == {"sent": 1})
    assert [tried.provider for tried in Attempt.objects.order_by("pk")] == ["first", "second"]
    assert timedelta(seconds=5) < timedelta(seconds=behaviour("first").had[0]) <= timedelta(seconds=6)
