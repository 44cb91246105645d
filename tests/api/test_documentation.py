"""What the documentation says of the API is so: its tables, and every command in it, run in its order."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from django.test import Client

from tests.api.conftest import Program
from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.api.numbers import Numbers
from tocsin.people.rules import SCOPES, TABLE, May, Role, Scope

DOCS = Path(__file__).parents[2] / "docs"
FILE = "services:\n  - {id: shop, name: Web shop, team: web, policy: web, tier: 1}\n"
PLACES = {"$TOCSIN_URL": "", "$TOCSIN_TOKEN": "TOKEN"}


def between(text: str, name: str) -> list[list[str]]:
    """The cells of the table between two comments."""
    table = text.partition(f"<!-- {name} -->")[2].partition("<!-- end -->")[0]
    rows = [line.strip("| ").split("|") for line in table.strip().splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_table_of_rights_is_the_one_in_the_program() -> None:
    rows = between((DOCS / "reference" / "api.md").read_text(), "rights")
    assert rows == [
        [
            right.value,
            *("yes" if right in TABLE[role] else "" for role in Role),
            ", ".join(scope for scope in Scope if right in SCOPES[scope]),
        ]
        for right in May
    ]


def test_every_number_of_the_documentation_is_served_and_the_other_way_round(
    world: World, outbox: Outbox, clock: Clock
) -> None:
    road = Road(world, clock)
    road.event("disk")
    road.look()
    served: set[str] = set()
    for family in Numbers(clock.now).collect():
        served.add(family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""))
    rows = between((DOCS / "reference" / "api.md").read_text(), "numbers")
    assert {re.sub(r"`|\{.*\}", "", row[0]) for row in rows} == served


def commands(text: str) -> list[list[str]]:
    """Every curl command of the shell blocks, as its words."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        lines = block.replace("\\\n", " ").splitlines()
        found += [shlex.split(line) for line in lines if line.startswith("curl")]
    return found


def test_every_command_of_the_guide_works_in_its_order(
    ada: Program, world: World, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, ran = "", 0
    for words in commands((DOCS / "how-to" / "automate.md").read_text()):
        method, body, url = "GET", None, ""
        rest = iter(words[1:])
        for word in rest:
            if word == "-X":
                method = next(rest)
            elif word == "-H":
                assert next(rest) == "Authorization: Bearer $TOCSIN_TOKEN"
            elif word == "--json":
                given = next(rest)
                body = (
                    {"files": [{"name": "organisation.yaml", "text": FILE}]}
                    if given[0] == "@"
                    else json.loads(given)
                )
                method = "POST" if method == "GET" else method
            else:
                url = word.removeprefix("$TOCSIN_URL").replace("$NUMBER", number)
        if url == "/metrics":
            assert Client().get(url, headers={"Authorization": f"Bearer {ada.token}"}).status_code == 200
        else:
            answer = ada.call(method, url, body)
            assert answer.status in (200, 201, 202), f"{words}: {answer.text}"
            number = str(answer.body.get("number", number)) if isinstance(answer.body, dict) else number
        ran += 1
    assert ran >= 15 and number
