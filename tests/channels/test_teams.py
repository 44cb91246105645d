"""What Teams gets, and what a workflow's answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from tests.channels.hostile import LINK, message, messages
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.teams import Teams, body
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Act, ActVerb, Blame, Failed, Sent
from tocsin.testing.fakes import Mood, running
from tocsin.testing.fakes.teams import BYTES_MAX, FakeTeams

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
WORKFLOW = "/workflows/W/triggers/manual/paths/invoke?api-version=2016-06-01&sig=S"


@pytest.fixture
def fake() -> Iterator[FakeTeams]:
    with running(FakeTeams()) as chat:
        yield chat


@pytest.fixture
def teams(outgoing: Outgoing) -> Teams:
    return Teams(outgoing)


def test_a_page_is_one_card_whose_buttons_open_pages(teams: Teams, fake: FakeTeams) -> None:
    address = teams.check(f"teams:{fake.url}{WORKFLOW}")
    page = message(
        "[P1] Checkout fails · Web shop #412",
        "Since 09:00 UTC.",
        "Three alerts.",
        note="Ada tried a restart.",
    )

    assert teams.send(address, "Bo", page, NOW) == Sent("HTTP 202")  # taken; that it was shown nobody says

    (request,) = fake.requests
    assert (request.method, request.path) == ("POST", WORKFLOW)
    assert request.headers["content-type"].startswith("application/json")
    assert set(request.data) == {"type", "attachments"}
    (attachment,) = request.data["attachments"]
    assert attachment["contentUrl"] is None
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [block["inlines"][0]["text"] for block in card["body"]] == [
        "[P1] Checkout fails · Web shop #412",
        "🔴 P1 · major impact · triggered",
        "Ada tried a restart.",
        "Since 09:00 UTC.",
        "Three alerts.",
    ]
    assert [(act["type"], act["title"], act["url"]) for act in card["actions"]] == [
        ("Action.OpenUrl", "Acknowledge", "https://tocsin.example/a/ack"),
        ("Action.OpenUrl", "Resolve", "https://tocsin.example/a/resolve"),
        ("Action.OpenUrl", "Escalate", "https://tocsin.example/a/escalate"),
        ("Action.OpenUrl", "Open in Tocsin", LINK),
    ]


def test_it_says_that_nothing_can_be_changed_later(teams: Teams) -> None:
    assert not teams.limits.updates
    assert not hasattr(teams, "hear")


@pytest.mark.parametrize(
    ("path", "why"), [("/workflows/W?sig=wrong", "gone, switched off"), ("/elsewhere", "gone, switched off")]
)
def test_an_address_that_is_gone_is_not_tried_again(
    teams: Teams, fake: FakeTeams, path: str, why: str
) -> None:
    outcome = teams.send(f"teams:{fake.url}{path}", "Bo", message(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.again, outcome.blame) == (False, Blame.ADDRESS)
    assert why in outcome.why


def test_an_older_address_says_in_words_what_went_wrong(teams: Teams, fake: FakeTeams) -> None:
    address = f"teams:{fake.url}{WORKFLOW}"
    fake.words = [
        "1",
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x",
    ]
    assert teams.send(address, "Bo", message(), NOW) == Sent("HTTP 200")
    for _ in range(2):
        outcome = teams.send(address, "Bo", message(), NOW)
        assert isinstance(outcome, Failed)
        assert (outcome.again, outcome.blame) == (True, Blame.PROVIDER)


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.HANGS, Mood.DROPS])
def test_a_bad_day_is_tried_again_and_the_address_stays_secret(
    teams: Teams, fake: FakeTeams, mood: Mood
) -> None:
    fake.mood = mood
    outcome = teams.send(f"teams:{fake.url}{WORKFLOW}", "Bo", message(), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.again
    assert "sig" not in outcome.why


def test_who_asks_for_patience_is_left_alone(teams: Teams, fake: FakeTeams) -> None:
    address = f"teams:{fake.url}{WORKFLOW}"
    fake.mood = Mood.BUSY
    asked = teams.send(address, "Bo", message(), NOW)
    assert isinstance(asked, Failed)
    assert asked.after == timedelta(seconds=30)
    fake.mood = Mood.WELL
    assert isinstance(teams.send(address, "Bo", message(), NOW), Failed)
    assert isinstance(teams.send(address, "Bo", message(), NOW + timedelta(seconds=30)), Sent)


@pytest.mark.parametrize(
    "address",
    [
        "teams:", "teams:ops", "teams:http://prod-12.westus.logic.azure.com/workflows/1", "teams:ftp://x.example/",
        "teams:https://user:pass@x.example/", "teams:https://127.0.0.1/x", "teams:https://169.254.169.254/x",
        "teams:https://x.example:22/",
    ],
)  # fmt: skip
def test_an_address_is_a_public_https_one(client: Callable[..., Outgoing], address: str) -> None:
    with pytest.raises(Refused) as refused:
        Teams(client()).check(address)
    assert refused.value.where == "address"


def test_an_address_as_teams_makes_them_fits(client: Callable[..., Outgoing]) -> None:
    address = (
        "teams:https://prod-12.westus.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/triggers/manual"
        "/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abcdefghijklmnopqrstuvwxyz-0123456789_ABC"
    )
    assert Teams(client()).check(address) == address.replace(":443", "")


def test_the_address_is_shown_without_its_secret(teams: Teams) -> None:
    address = "teams:https://prod-12.westus.logic.azure.com/workflows/1/invoke?sig=abc"
    assert teams.shown(address) == "teams:https://prod-12.westus.logic.azure.com/…"
    assert teams.shown("teams:nonsense") == "teams:…"


@settings(max_examples=300)
@given(messages())
def test_nothing_of_an_alerts_text_becomes_structure(hostile: Any) -> None:
    request = body(hostile)

    assert len(json.dumps(request)) <= BYTES_MAX
    card = request["attachments"][0]["content"]
    assert set(card) == {"$schema", "type", "version", "msteams", "fallbackText", "body", "actions"}
    assert card["msteams"] == {"width": "Full"}  # and names nobody
    for block in card["body"]:
        assert block["type"] == "RichTextBlock"
        (run,) = block["inlines"]
        assert run["type"] == "TextRun"
        assert set(run) <= {"type", "text", "size", "weight", "color", "italic"}
        assert run["text"].strip()
        run["text"].encode()
    assert {act["type"] for act in card["actions"]} == {"Action.OpenUrl"}
    assert all(act["url"].startswith("https://tocsin.example/") for act in card["actions"])


def test_in_a_room_no_button_acts_for_anybody(teams: Teams, fake: FakeTeams) -> None:
    """Whoever pressed would act as somebody else, so a place's message has only the link."""
    acts = tuple(Act(verb, str(verb), "") for verb in (ActVerb.ACKNOWLEDGE, ActVerb.RESOLVE))
    card = body(message(acts=acts))["attachments"][0]["content"]
    assert [act["title"] for act in card["actions"]] == ["Open in Tocsin"]
