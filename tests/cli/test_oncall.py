"""tocsin oncall, while the program runs and while it is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ORGANISATION, Program, declare, prepared, running, tocsin

pytestmark = pytest.mark.sqlite  # each has its own embedded database

SCHEDULES = """
schedules:
  - id: berlin
    timezone: Europe/Berlin
    layers:
      - {rotation: daily, start: 2026-03-28T02:30, users: [bo, null]}
  - {id: empty, timezone: UTC}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("oncall") / "data") as shared:
        declare(shared, ORGANISATION + SCHEDULES)
        yield shared


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the schedules, whose program does not run."""
    data = prepared(tmp_path_factory.mktemp("off-duty") / "data")
    file = data.parent / "organisation.yaml"
    file.write_text(ORGANISATION + SCHEDULES)
    assert tocsin(data, "apply", str(file)).returncode == 0
    return data


@pytest.fixture
def data(program: Program) -> Path:
    return program.data


def said(data: Path, *words: str) -> Any:
    done = tocsin(data, "oncall", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("state", ["program", "stopped"])
def test_one_instant_is_answered_and_several_are_a_list(state: str, request: pytest.FixtureRequest) -> None:
    """The clocks of Berlin skip 02:30 on 29 March 2026: hands change at the first instant after the gap."""
    there: Program | Path = request.getfixturevalue(state)
    data = there if isinstance(there, Path) else there.data
    assert said(data, "berlin", "--at", "2026-03-28T12:00") == {"at": "2026-03-28T11:00:00Z", "users": ["bo"]}
    instants = ["2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-30T02:30"]
    asked = [word for instant in instants for word in ("--at", instant)]
    assert said(data, "berlin", *asked) == [
        {"at": "2026-03-29T00:59:59Z", "users": ["bo"]},
        {"at": "2026-03-29T01:00:00Z", "users": []},
        {"at": "2026-03-30T00:30:00Z", "users": ["bo"]},
    ]


def test_many_instants_are_asked_at_once(data: Path) -> None:
    many = [
        word
        for day in range(1, 29)
        for hour in range(8)
        for word in ("--at", f"2026-04-{day:02}T{hour:02}:00")
    ]
    assert len(said(data, "berlin", *many)) == 28 * 8


def test_it_is_told_to_people_too(data: Path) -> None:
    assert tocsin(data, "oncall", "berlin", "--at", "2026-03-28T12:00").stdout == "bo\n"
    assert tocsin(data, "oncall", "berlin", "--at", "2026-03-29T12:00").stdout == "nobody\n"
    table = tocsin(data, "oncall").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["SCHEDULE", "berlin", "empty"]
    assert "nobody" in table[2]
    assert [row["schedule"] for row in said(data)] == ["berlin", "empty"]
    assert [row["users"] for row in said(data, "--at", "2026-03-28T12:00")] == [["bo"], []]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nowhere",), "No schedule 'nowhere'"),
        (("berlin", "--at", "tomorrow"), "'tomorrow' is not a point in time"),
        (("berlin", "--at", "1500-01-01"), "out of reach"),
    ],
)
def test_what_cannot_be_answered_is_refused(data: Path, words: tuple[str, ...], why: str) -> None:
    done = tocsin(data, "oncall", *words)
    assert done.returncode == 1 and why in done.stderr and not done.stdout
