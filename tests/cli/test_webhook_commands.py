"""Webhooks from the command line: made, listed, rotated, switched, tested, and what is printed of their secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ORGANISATION, prepared, running, tocsin

pytestmark = pytest.mark.sqlite  # each has its own embedded database

ADDRESS = "https://desk.example.com/tocsin"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running program."""
    with running(tmp_path_factory.mktemp("webhooks") / "data") as program:
        yield program.data


def done(data: Path, *words: str) -> str:
    result = tocsin(data, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def as_json(data: Path, *words: str) -> Any:
    return json.loads(done(data, *words, "--json"))


def desks(data: Path) -> list[Any]:
    """The webhook of that name in the list, if it is there."""
    return [row for row in as_json(data, "webhook", "list") if row["id"] == "desk"]


def test_the_life_of_a_webhook_on_the_command_line(data: Path) -> None:
    made = tocsin(
        data, "webhook", "add", "desk", ADDRESS, "--event", "incident.opened", "--event", "climb.paged"
    )
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert len(secret) == 64
    assert done(data, "webhook", "secret", "desk").strip() == secret
    (row,) = desks(data)
    assert (row["id"], row["name"], row["events"]) == ("desk", "desk", ["incident.opened", "climb.paged"])
    listed = done(data, "webhook", "list")
    assert "desk" in listed and secret not in listed and ADDRESS not in listed

    twice = tocsin(data, "webhook", "add", "desk", ADDRESS)
    assert twice.returncode == 1 and "There is a webhook desk already" in twice.stderr

    rotated = tocsin(data, "webhook", "rotate", "desk")
    new = rotated.stdout.strip()
    assert new != secret and secret in rotated.stderr
    assert tocsin(data, "webhook", "rotate", "desk").returncode == 1
    done(data, "webhook", "end-old", "desk")
    assert as_json(data, "webhook", "secret", "desk") == {"secret": new, "old": None, "old_until": None}

    done(data, "webhook", "disable", "desk")
    assert not desks(data)[0]["enabled"]
    done(data, "webhook", "enable", "desk")
    assert desks(data)[0]["enabled"]
    done(data, "webhook", "delete", "desk")
    assert desks(data) == []


def test_what_is_to_be_sent_waits_while_nothing_runs_that_would_send_it(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data")
    assert len(done(data, "webhook", "add", "desk", ADDRESS).strip()) == 64
    assert "queued" in done(data, "webhook", "test", "desk")
    assert "test" in done(data, "webhook", "log", "desk")
    (message,) = as_json(data, "webhook", "log", "desk")
    assert message["state"] == "waiting"
    again = tocsin(data, "webhook", "again", "desk", message["id"])
    assert again.returncode == 1 and "It waits to be sent already" in again.stderr


def test_a_file_makes_one_and_its_secret_is_printed_this_once(data: Path) -> None:
    hook = (
        f'webhooks:\n  - {{id: filed, address: "{ADDRESS}", events: [incident.opened], services: [shop]}}\n'
    )
    file = data.parent / "organisation.yaml"
    file.write_text(f"{ORGANISATION}\n{hook}")
    assert "add webhook filed" in done(data, "apply", str(file), "--dry-run")
    made = done(data, "apply", str(file))
    secret = done(data, "webhook", "secret", "filed").strip()
    assert f"secret of filed: {secret}" in made
    assert done(data, "apply", str(file)) == "Nothing changes.\n"
    assert ADDRESS in done(data, "export") and secret not in done(data, "export", "--keys")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "odd", "mailto:ada@example.com"), "begins with https://"),
        (("add", "odd", ADDRESS, "--event", "incident.exploded"), "There is no event 'incident.exploded'"),
        (("add", "odd", ADDRESS, "--service", "nowhere"), "There is no service 'nowhere'"),
        (("test", "odd"), "no webhook"),
        (("secret", "odd"), "no webhook"),
        (("delete", "odd"), "no webhook"),
    ],
)
def test_what_makes_no_sense_is_refused_with_1(data: Path, words: tuple[str, ...], said: str) -> None:
    refused = tocsin(data, "webhook", *words)
    assert refused.returncode == 1
    assert said.casefold() in refused.stderr.casefold()
