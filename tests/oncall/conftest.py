"""Two schedules in the small world: bo and cy take weekly turns for the web; nobody is on call for the platform."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import Clock, World
from tocsin.kernel.acting import By
from tocsin.oncall.actions import save_schedule
from tocsin.oncall.rules import schedule_from

BY = By("user:mo", "web")
WEEKLY = {"rotation": "weekly", "start": "2026-03-02T09:00", "users": ["bo", "cy"]}


def written(key: str = "web-primary", *layers: dict[str, Any], **more: Any) -> Any:
    """A schedule in UTC, read from the words of the organisation file."""
    return schedule_from({"id": key, "timezone": "UTC", "layers": list(layers or (WEEKLY,)), **more})


@pytest.fixture
def primary(world: World, clock: Clock) -> str:
    save_schedule(written(), "web", BY, clock.now)
    return "web-primary"
