"""The JSON Schema, the reference and the reader come from one declaration and agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.organisation.test_apply import EXAMPLE
from tocsin.organisation.demo import demo_organisation
from tocsin.organisation.reference import reference
from tocsin.organisation.schema import LISTS, ORGANISATION, json_schema

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference" / "organisation-file.md"
HOW_TO = DOCS / "how-to" / "configuration-as-code.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema)


@pytest.mark.parametrize("text", [EXAMPLE, demo_organisation(), *blocks(REFERENCE), *blocks(HOW_TO)])
def test_what_can_be_applied_is_valid(validator: Any, text: str) -> None:
    # Editors read dates as text; YAML 1.1 makes objects of them.
    validator.validate(json.loads(json.dumps(yaml.safe_load(text), default=str)))


@pytest.mark.parametrize(
    "text",
    [
        "schedules: {}",
        "schedules: [{id: web}]",
        "schedules: [{id: web, timezone: UTC, layers: [{rotation: weekly, start: '2026-01-05'}]}]",
        "schedules: [{id: web, timezone: UTC, layers: [{rotation: yearly, start: '2026-01-05', users: [ada]}]}]",
        "schedules: [{id: web, timezone: UTC, layers: [{rotation: weekly, start: monday, users: [ada]}]}]",
        "schedules: [{id: web, timezone: UTC, overrides: [{start: '2026-01-05', users: [ada]}]}]",
        "calendars: [{id: office, timezone: UTC, hours: [{days: [moon], from: '09:00', to: '17:00'}]}]",
        "calendars: [{id: office, timezone: UTC, hours: [{from: '9', to: '17:00'}]}]",
        'policies: [{id: web, levels: [{notify: ["user:ada"], timeout: 5m, when: {zone: person}}]}]',
        "users: {}",
        "users: [{id: ada, name: Ada}]",
        "users: [{id: Ada, name: Ada, email: a@example.com}]",
        "users: [{id: ada, name: Ada, email: a@example.com, roles: admin}]",
        "users: [{id: ada, name: Ada, email: a@example.com, rules: {high: [{mail: soon}]}}]",
        "policies: [{id: web, levels: []}]",
        'policies: [{id: web, levels: [{notify: ["schedule:web/last"], timeout: 5m}]}]',
        'policies: [{id: web, levels: [{notify: ["user:ada"], timeout: ""}]}]',
        "services: [{id: shop, name: Shop, tier: 0}]",
        "services: [{id: shop, name: Shop, grouping: some}]",
        "services: [{id: shop, name: Shop, integrations: [{id: x, type: pigeons}]}]",
        "services: [{id: shop, name: Shop, integrations: [{id: x, type: events, key: short}]}]",
    ],
)
def test_what_is_refused_for_its_shape_is_invalid_for_an_editor_too(validator: Any, text: str) -> None:
    assert not validator.is_valid(yaml.safe_load(text))


def test_every_key_says_what_it_is_for() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    for record in (ORGANISATION, *LISTS.values()):
        for each in record.fields:
            assert each.help.endswith("."), each.name
    json.dumps(schema)


def test_the_reference_says_what_the_code_does() -> None:
    assert reference() in REFERENCE.read_text(encoding="utf-8"), (
        "docs/reference/organisation-file.md is out of date; put this between its marks:\n" + reference()
    )
