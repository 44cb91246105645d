"""Plain JSON at /hooks/KEY: whatever a script has at hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sources.asking import KEY, ask, event, events
from tocsin.intake.rules import Action, Severity
from tocsin.kernel.errors import Refused

HOOK = f"/hooks/{KEY}"


@pytest.mark.parametrize("name", ["summary", "title", "message"])
def test_one_text_is_enough(name: str) -> None:
    it = event(HOOK, {name: "Backup failed"})
    assert (it.action, it.title, it.severity) == (Action.TRIGGER, "Backup failed", Severity.ERROR)


def test_the_same_text_without_a_key_is_the_same_alert() -> None:
    first, again = (
        json.loads(ask(HOOK, {"title": "a"}).answer),
        json.loads(ask(HOOK, {"summary": "a"}).answer),
    )
    assert first["key"] == again["key"] and first["status"] == "accepted"


def test_everything_else_becomes_a_field() -> None:
    body = {
        "summary": "Backup failed",
        "severity": "warning",
        "key": "backup",
        "labels": {"host": "db1"},
        "details": {"exit": {"code": 3}, "host": "other"},
        "team": "dba",
        "url": "https://ci.example/1",
    }
    it = event(HOOK, body)
    assert it.fields == {"host": "db1", "exit.code": "3", "details.host": "other", "team": "dba"}
    assert (it.key, it.severity, it.links) == (
        "backup",
        Severity.WARNING,
        [("ci.example", "https://ci.example/1")],
    )


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("firing", Action.TRIGGER),
        ("OK", Action.RESOLVE),
        ("recovered", Action.RESOLVE),
        ("ack", Action.ACKNOWLEDGE),
    ],
)
def test_words_for_the_state_are_understood(word: str, action: Action) -> None:
    assert event(HOOK, {"summary": "x", "key": "k", "status": word}).action is action


def test_a_list_is_many_events() -> None:
    assert [it.title for it in events(HOOK, [{"summary": "a"}, {"summary": "b", "labels": {"x": "y"}}])] == [
        "a",
        "b",
    ]


def test_curl_calls_everything_a_form_and_is_understood_all_the_same() -> None:
    form = {b"content-type": b"application/x-www-form-urlencoded"}
    assert ask(HOOK, {"summary": "x"}, headers=form).status == 202
    with pytest.raises(Refused):
        ask(HOOK, b"summary=x", headers=form)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (HOOK, {}, 400),
        (HOOK, {"summary": "  "}, 400),
        (HOOK, {"summary": "x", "status": "sideways"}, 400),
        (HOOK, {"status": "resolved"}, 400),
        (HOOK, {"action": "note", "key": "x"}, 400),
        (HOOK, {"summary": "x", "key": "k" * 513}, 400),
        (HOOK, {"summary": ["x"]}, 400),
        (HOOK + "/nagios", {"summary": "x"}, 404),
    ],
)
def test_mistakes_are_refused(path: str, body: Any, status: int) -> None:
    with pytest.raises(Refused) as refused:
        ask(path, body)
    assert refused.value.status == status
