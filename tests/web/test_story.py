"""Every kind of entry is a sentence that a tired reader understands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tocsin.web.story import SENTENCES, folded, tell
from tocsin.web.story.naming import named, parties_in

NAMES = {"user:ada": "Ada Ortiz", "user:bo": "Bo Lind", "integration:shop-events": "Shop events"}
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def said(kind: str, data: dict[str, Any], who: str = "user:ada", through: str = "web") -> tuple[str, str]:
    told = tell(1, kind, data, who, through, AT, NAMES)
    return told.text, told.said


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (
            "incident.opened",
            {"title": "Down", "priority": "P1", "alerts": 3},
            "Ada Ortiz opened it as P1, 3 alerts at once: Down.",
        ),
        ("incident.acknowledged", {"spared": 2}, "Ada Ortiz acknowledged; 2 messages not needed any more."),
        (
            "incident.ack_expired",
            {"had": "user:bo"},
            "The acknowledgement by Bo Lind ran out; looking for somebody again.",
        ),
        (
            "incident.resolved",
            {"why": "every alert has resolved"},
            "Ada Ortiz resolved it: every alert has resolved.",
        ),
        (
            "incident.assigned",
            {"user": "bo", "before": "ada"},
            "Ada Ortiz handed it to Bo Lind (before: Ada Ortiz).",
        ),
        ("incident.assigned", {"user": None, "before": None}, "Ada Ortiz handed it to nobody."),
        (
            "incident.classified",
            {"urgency": "low", "impact": "minor", "priority": "P5", "before": {"priority": "P1"}},
            "Ada Ortiz set low urgency and minor impact: P5 (before: P1).",
        ),
        (
            "incident.worsened",
            {"why": "a worse alert", "priority": "P1", "had": ""},
            "It got worse and is P1 now: a worse alert.",
        ),
        ("alert.joined", {"count": 1, "titles": ["Disk"]}, "One alert from Ada Ortiz joined."),
        ("alert.resolved", {"count": 4, "titles": ["a", "b", "c", "d"]}, "4 alerts from Ada Ortiz ended."),
        (
            "climb.paged",
            {"level": 2, "round": 2, "people": ["ada", "bo"], "skipped": [1]},
            "Level 2, round 2 pages Ada Ortiz and Bo Lind (nobody on level 1).",
        ),
        (
            "climb.paged",
            {"level": 1, "round": 1, "people": ["a", "b", "c", "d", "e"]},
            "Level 1 pages a, b, c and 2 more.",
        ),
        (
            "climb.exhausted",
            {"people": ["ada"]},
            "Nobody answered on any level; Ada Ortiz told as a last resort.",
        ),
        (
            "climb.waits",
            {"level": 2, "until": "2026-03-03T08:00:00+00:00", "closed": [1, 2]},
            "Every level is for other hours; it waits until level 2 opens.",
        ),
        (
            "climb.resumed",
            {"was": "2026-03-02T09:05:00+00:00", "until": "2026-03-02T10:00:20+00:00"},
            "Tocsin stood still while the next level was due; it goes on in a moment, after what came meanwhile.",
        ),
        ("climb.nobody", {"people": []}, "The policy reaches nobody; nobody told instead."),
        (
            "page.sent",
            {"user": "bo", "channel": "mailto", "contact": "mail", "attempt": 2},
            "Bo Lind was sent the page by e-mail (mail), at attempt 2.",
        ),
        (
            "page.failed",
            {"user": "bo", "channel": "https", "error": "no answer"},
            "Webhook to Bo Lind did not go: no answer.",
        ),
        (
            "page.undeliverable",
            {"user": "bo", "error": "every channel failed"},
            "Bo Lind cannot be reached: every channel failed.",
        ),
    ],
)
def test_a_kind_is_told(kind: str, data: dict[str, Any], words: str) -> None:
    assert said(kind, data)[0] == words


@pytest.mark.parametrize("kind", sorted(SENTENCES))
def test_no_kind_trips_over_data_that_is_missing(kind: str) -> None:
    nothing = dict.fromkeys(
        ("user", "people", "titles", "before", "count", "level", "had", "error", "skipped")
    )
    for data in ({}, nothing):
        text, _ = said(kind, data, who="engine")
        assert text.endswith(".")
        assert "None" not in text


def test_how_somebody_acted_is_said_when_it_was_not_the_page() -> None:
    assert said("incident.acknowledged", {}, through="link")[0] == "Ada Ortiz acknowledged from a message."
    spared = said("incident.acknowledged", {"spared": 1}, through="link")[0]
    assert spared == "Ada Ortiz acknowledged from a message; 1 message not needed any more."
    assert said("incident.resolved", {}, through="api")[0] == "Ada Ortiz resolved it through the API."


def test_what_somebody_wrote_is_kept_apart_from_our_words() -> None:
    assert said("incident.noted", {"text": "line one\nline two"}) == (
        "Ada Ortiz noted.",
        "line one\nline two",
    )
    assert said("climb.pushed", {"tried": "restart"})[1] == "Tried so far: restart"


def test_who_is_gone_keeps_their_id() -> None:
    assert said("incident.acknowledged", {}, who="user:zoe")[0] == "zoe acknowledged."
    assert said("incident.opened", {"title": "x", "priority": "P1"}, who="cli")[0].startswith(
        "The command line"
    )


def test_names_inside_texts_are_replaced() -> None:
    assert named("acknowledged by user:ada", NAMES) == "acknowledged by Ada Ortiz"


def test_everybody_mentioned_is_found() -> None:
    found = parties_in(
        [("engine", {"people": ["bo"], "user": "ada", "had": "user:cy", "before": {"priority": "P1"}})]
    )
    assert {"user:bo", "user:ada", "user:cy"} <= found


def test_neighbours_that_say_the_same_become_one_line_that_counts() -> None:
    failed = {"user": "bo", "channel": "https", "error": "no answer"}
    lines = [tell(seq, "page.failed", failed, "engine", "engine", AT, NAMES) for seq in (4, 3, 2)]
    notes = [tell(seq, "incident.noted", {"text": "again"}, "user:ada", "web", AT, NAMES) for seq in (6, 5)]
    assert [(line.seq, line.times) for line in folded(notes + lines)] == [(6, 1), (5, 1), (4, 3)]
