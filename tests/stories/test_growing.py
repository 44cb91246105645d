"""Years of history: what one incident costs the database stays what it was on the first day."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.costs import PAST, counting, grown, live_through
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog import actions as configuration
from tocsin.incident import actions as incidents
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user

pytestmark = pytest.mark.sqlite


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def _one_night(road: Road, name: str) -> Counter[str]:
    """Two alerts, one of them twice, climb a level, are acknowledged and end; what each statement of it took."""
    last = Incident.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    with counting() as steps:
        keys = [f"{name}-{n}" for n in (1, 2, 1)]
        road.events(
            [{"key": key, "action": "trigger", "title": key, "fields": {"region": key}} for key in keys]
        )
        road.live(minutes=6)
        for number in Incident.objects.filter(pk__gt=last).values_list("pk", flat=True):
            incidents.acknowledge(number, by_user("bo", "web"), road.now)
        road.live(minutes=1)
        road.events([{"key": f"{name}-{n}", "action": "resolve"} for n in (1, 2)])
        road.live(minutes=20)
    return steps


@pytest.mark.parametrize("group_by", [[], ["region"]], ids=["ungrouped", "grouped"])
def test_what_an_incident_costs_does_not_grow_with_the_history(
    road: Road, world: World, group_by: list[str]
) -> None:
    world.shop.group_by = group_by
    world.shop.save()
    configuration.refresh()
    _one_night(road, "warm")
    before = _one_night(road, "first")
    live_through(road, PAST, "past")
    assert not (more := grown(before, _one_night(road, "later"))), more
