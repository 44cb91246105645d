"""The small world is what the stories say it is."""

from __future__ import annotations

from datetime import timedelta

from tests.world import KEY, T0, Clock, Outbox, World
from tocsin.catalog.actions import configuration
from tocsin.escalation.rules import check_policy
from tocsin.kernel.ids import digest
from tocsin.notification.channels import channel_for
from tocsin.notification.rules import Failed, Message, Sent


def test_the_shop_is_known_by_its_key(world: World) -> None:
    known = configuration()
    assert known.by_key[digest(KEY)].service == world.shop.id
    assert known.services["shop"].policy == check_policy(world.policy.as_value()).id
    assert known.fallback == "ada"


def test_time_moves_only_when_it_is_told_to(clock: Clock) -> None:
    assert clock.now == T0
    assert clock.forward(minutes=5, seconds=1) == T0 + timedelta(seconds=301) == clock.now


def test_the_outbox_keeps_what_it_takes_and_fails_when_told(outbox: Outbox, clock: Clock) -> None:
    message = Message(id="1", subject="Disk full")
    outbox.fail("bo", times=1)
    channel = channel_for("fake:bo")
    assert isinstance(channel.send("fake:bo", "Bo Lind", message, clock.now), Failed)
    assert isinstance(channel.send("fake:bo", "Bo Lind", message, clock.now), Sent)
    assert outbox.to("bo") == [message] and outbox.people == ["bo"]
