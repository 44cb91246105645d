"""Readers before the pages of schedules: a small world with one schedule, Bo and Cy taking turns by the week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import _pages_on_the_storys_clock, signed_in  # noqa: F401
from tests.world import Clock, World
from tocsin.kernel.acting import ENGINE
from tocsin.oncall.actions import calendars, save_schedule
from tocsin.oncall.rules import schedule_from

WEEKLY = {"rotation": "weekly", "start": "2026-01-05T09:00", "users": ["bo", "cy"]}


def store(
    clock: Clock,
    layers: Sequence[dict[str, Any]],
    key: str = "web-primary",
    name: str = "Web primary",
    zone: str = "Europe/Madrid",
    team: str | None = None,
    **more: Any,
) -> None:
    """Store a schedule in the words of the organisation file."""
    data = {"id": key, "name": name, "timezone": zone, "layers": list(layers), **more}
    save_schedule(schedule_from(data, calendars=calendars()), team, ENGINE, clock.now, overrides=True)


@pytest.fixture
def weekly(world: World, clock: Clock) -> str:
    """Bo until Monday 9 March 09:00 in Madrid, then Cy, and so on. It is Monday 2 March 09:00 UTC."""
    store(clock, [WEEKLY])
    return "web-primary"


def typed(**fields: Any) -> dict[str, Any]:
    """A form as it is sent, with dashes for the underscores of names."""
    return {name.replace("_", "-"): value for name, value in fields.items()}


def page(client: Client, address: str, status: int = 200) -> str:
    """What the page at `address` says, in its markup."""
    answer = client.get(address)
    assert answer.status_code == status, (address, answer.status_code)
    return answer.content.decode()
