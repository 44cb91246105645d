"""What the stories of answering tell with: the road, and what somebody said last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.answering.actions import answer
from tocsin.notification.hearing import Pressed, Told, Written
from tocsin.notification.models import Delivery
from tocsin.notification.rules import ActVerb, Message

Says = Callable[..., Told]


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    """The whole road, with Bo paged about the first incident."""
    road = Road(world, clock)
    road.event("one", title="Checkout fails")
    road.look()
    return road


@pytest.fixture
def page(road: Road, outbox: Outbox) -> Message:
    """The message that Bo got."""
    return outbox.to("bo")[0]


@pytest.fixture
def says(road: Road) -> Says:
    """`says("bo", "ack 123456")`: somebody writes from their own address, as by SMS."""

    def say(who: str, text: str, **more: str) -> Told:
        return answer(Written(f"fake:{who}", text, **more), "texts", road.now)

    return say


@pytest.fixture
def presses(road: Road) -> Says:
    """`presses("bo", ActVerb.RESOLVE)`: somebody presses a button of the last message to them, or of `of`'s."""

    def press(who: str, verb: ActVerb, of: str = "", **more: str) -> Told:
        delivery = Delivery.objects.filter(page__user=of or who).latest("due_at")
        return answer(Pressed(f"fake:{who}", str(delivery.pk), verb, **more), "chat", road.now)

    return press
