"""Webhooks from the command line: made, listed, rotated, switched, tested, and what is printed of their secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ORGANISATION, prepared, tocsin

pytestmark = pytest.mark.sqlite  # each has its own embedded database

ADDRESS = "https://desk.example.com/tocsin"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return prepared(tmp_path / "data")


def done(data: Path, *words: str) -> str:
    result = tocsin(data, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def as_json(data: Path, *words: str) -> Any:
    return json.loads(done(data, *words, "--json"))


def test_the_life_of_a_webhook_on_the_command_line(data: Path) -> None:
    made = tocsin(
        data, "webhook", "add", "desk", ADDRESS, "--event", "incident.opened", "--event", "climb.paged"
    )
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert len(secret) == 64
    assert done(data, "webhook", "secret", "desk").strip() == secret
    (row,) = as_json(data, "webhook", "list")
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

    assert "queued" in done(data, "webhook", "test", "desk")  # nothing runs that would send it
    assert "test" in done(data, "webhook", "log", "desk")
    (message,) = as_json(data, "webhook", "log", "desk")
    assert message["state"] == "waiting"
    again = tocsin(data, "webhook", "again", "desk", message["id"])
    assert again.returncode == 1 and "It waits to be sent already" in again.stderr

    done(data, "webhook", "disable", "desk")
    assert not as_json(data, "webhook", "list")[0]["enabled"]
    done(data, "webhook", "enable", "desk")
    assert as_json(data, "webhook", "list")[0]["enabled"]
    done(data, "webhook", "delete", "desk")
    assert done(data, "webhook", "list") == "Nothing.\n"


def test_a_file_makes_one_and_its_secret_is_printed_this_once(data: Path) -> None:
    hook = f'webhooks:\n  - {{id: desk, address: "{ADDRESS}", events: [incident.opened], services: [shop]}}\n'
    file = data.parent / "organisation.yaml"
    file.write_text(f"{ORGANISATION}\n{hook}")
    assert "add webhook desk" in done(data, "apply", str(file), "--dry-run")
    made = done(data, "apply", str(file))
    secret = done(data, "webhook", "secret", "desk").strip()
    assert f"secret of desk: {secret}" in made
    assert done(data, "apply", str(file)) == "Nothing changes.\n"
    assert ADDRESS in done(data, "export") and secret not in done(data, "export", "--keys")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "desk", "mailto:ada@example.com"), "begins with https://"),
        (("add", "desk", ADDRESS, "--event", "incident.exploded"), "There is no event 'incident.exploded'"),
        (("add", "desk", ADDRESS, "--service", "nowhere"), "There is no service 'nowhere'"),
        (("test", "desk"), "no webhook"),
        (("secret", "desk"), "no webhook"),
        (("delete", "desk"), "no webhook"),
    ],
)
def test_what_makes_no_sense_is_refused_with_1(data: Path, words: tuple[str, ...], said: str) -> None:
    refused = tocsin(data, "webhook", *words)
    assert refused.returncode == 1
    assert said.casefold() in refused.stderr.casefold()
