"""What is sent as it was made is what would have been read from the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.engine.attempt import deliver_one
from tocsin.escalation.models import Policy
from tocsin.incident import actions as incidents
from tocsin.kernel.acting import by_user
from tocsin.notification.actions import Call, page_people, quiet
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import claim
from tocsin.notification.leaving import at_hand
from tocsin.notification.models import Delivery, Page, Rule
from tocsin.notification.rules import Limits, Message, Rate

CY = by_user("cy", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def taken(road: Road, made: Sequence[Delivery] | None) -> list[Claimed]:
    """What a claim takes, without doing so."""
    with transaction.atomic():
        claimed = claim(road.now, made=made)
        transaction.set_rollback(True)
    return claimed


def said(claimed: Sequence[Claimed], road: Road, outbox: Outbox) -> list[tuple[str, Message]]:
    """What people would read."""
    outbox.sent.clear()
    for one in claimed:
        deliver_one(one, lambda: road.now)
    return list(outbox.sent)


def columns(claimed: Claimed) -> dict[str, object]:
    """What the page knows; the tables are not asked for the columns that no message needs."""
    page = claimed.page
    names = [field.attname for field in Page._meta.concrete_fields]
    unread = ("undeliverable_at", "passed_on_at", "again_in")
    return {name: getattr(page, name) for name in names if name not in unread} | {
        "name": page.user and page.user.name,
        "language": page.user and page.user.language,
    }


def same(road: Road, outbox: Outbox, made: Sequence[Delivery]) -> list[Claimed]:
    """Both ways take and say the same; returns what they take."""
    ours, theirs = taken(road, made), taken(road, None)
    assert [columns(one) for one in ours] == [columns(one) for one in theirs]
    assert [replace(one, page=ours[0].page) for one in ours] == [
        replace(one, page=ours[0].page) for one in theirs
    ]
    assert said(ours, road, outbox) == said(theirs, road, outbox)
    return ours


def test_pages_of_alerts(road: Road, outbox: Outbox) -> None:
    Policy.objects.update(levels=[{"notify": ["user:bo", "user:cy", "team:web"], "timeout": "5m"}])
    road.events(
        [
            {"key": f"k{n}", "action": "trigger", "title": f"Ärger {n} 🔥", "severity": "critical"}
            for n in range(3)
        ]
    )
    with transaction.atomic(), at_hand() as made:
        road.decide()
    claimed = same(road, outbox, made)
    assert len(claimed) >= 6
    assert len({one.id for one in claimed}) == len(claimed)


def test_word_that_it_is_over(road: Road, outbox: Outbox) -> None:
    road.event("db")
    road.live(seconds=5)
    with transaction.atomic(), at_hand() as made:
        incidents.resolve(road.incident().pk, CY, road.now)
    (word,) = same(road, outbox, made)
    assert word.page.kind == "over"


def test_what_is_due_later_waits_and_what_was_taken_back_does_not_go(
    road: Road, world: World, outbox: Outbox
) -> None:
    Rule.objects.create(user=world.bo, urgency="high", position=9, contact="fake", delay=timedelta(minutes=1))
    with transaction.atomic(), at_hand() as made:
        page_people([Call("bo", number, "high", "level 1", "Checkout fails") for number in (1, 2)], road.now)
        quiet([1], "answered", road.now)
    assert {one.page.incident_id for one in same(road, outbox, made)} == {2}
    assert any(one.next_at and one.next_at > road.now for one in made)


def test_what_was_rolled_back_does_not_go(road: Road, outbox: Outbox) -> None:
    with transaction.atomic(), at_hand() as made:
        with transaction.atomic():
            page_people([Call("bo", 1, "high", "level 1", "Checkout fails")], road.now)
            transaction.set_rollback(True)
        page_people([Call("cy", 1, "high", "level 1", "Checkout fails")], road.now)
    assert len(made) == 2
    assert [one.to_name for one in same(road, outbox, made)] == ["Cy Tran"]


def test_an_address_with_limits_gets_no_more_this_way(road: Road, outbox: Outbox) -> None:
    outbox.limits = Limits(storm=(Rate(2, timedelta(minutes=10)),))
    with transaction.atomic(), at_hand() as made:
        page_people([Call("bo", n, "high", "level 1", f"Checkout fails {n}") for n in range(1, 9)], road.now)
    claimed = same(road, outbox, made)
    assert 0 < len(claimed) < 8


def test_nothing_is_kept_where_nobody_waits_for_it(road: Road) -> None:
    with at_hand() as made:
        pass
    page_people([Call("bo", 1, "high", "level 1", "Checkout fails")], road.now)
    assert made == []
