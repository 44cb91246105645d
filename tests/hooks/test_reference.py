"""The page of events says what is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.hooks.conftest import Told
from tocsin.hooks.rules import EVENTS
from tocsin.incident.actions import acknowledge
from tocsin.incident.models import Incident
from tocsin.kernel.acting import by_user

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "webhook-events.md"


def test_every_type_of_event_stands_on_the_page_with_its_fields() -> None:
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| (.*) \| (.*) \|$", PAGE.read_text().partition("## Types")[2], re.M
    )
    assert {name: (says, re.findall(r"`(\w+)`", fields)) for name, says, fields in rows} == {
        name: (event.says, list(event.fields.values())) for name, event in EVENTS.items()
    }


def test_the_document_on_the_page_has_the_fields_of_a_real_one(told: Told) -> None:
    (sample,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    told.hook(events=("incident.acknowledged",))
    told.event("one")
    told.look()
    acknowledge(Incident.objects.get().pk, by_user("bo", "web"), told.now)
    told.tell()
    assert _shape(json.loads(sample)) == _shape(told.documents[0])


def _shape(document: dict[str, Any]) -> dict[str, Any]:
    """Every name, in its order, without the values."""
    return {name: _shape(value) if isinstance(value, dict) else None for name, value in document.items()}
