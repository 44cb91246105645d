"""What ntfy gets, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from tests.channels.hostile import LINK, message, messages
from tocsin.channels.ntfy import BYTES_MAX, Ntfy, NtfyChannel, body
from tocsin.channels.outgoing import Outgoing
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Blame, Failed, Sent
from tocsin.notification.vendors import Account
from tocsin.testing.fakes import Mood, running
from tocsin.testing.fakes.ntfy import TOKEN, FakeNtfy

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeNtfy]:
    with running(FakeNtfy()) as chat:
        yield chat


@pytest.fixture
def ntfy(outgoing: Outgoing, fake: FakeNtfy) -> NtfyChannel:
    return Ntfy(outgoing).open(Account("push", {"server": fake.url, "token": TOKEN}))


def test_a_page_is_one_notification_that_rings_with_a_button_that_acts_at_once(
    ntfy: NtfyChannel, fake: FakeNtfy
) -> None:
    address = ntfy.check(f"ntfy:{fake.url}/bo-pages")
    page = message("[P1] Checkout fails · Web shop #412", "Since 09:00 UTC.")

    assert ntfy.send(address, "Bo", page, NOW) == Sent("m1")

    (request,) = fake.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.data == {
        "topic": "bo-pages",
        "title": "[P1] Checkout fails · Web shop #412",
        "message": "🔴 P1 · major impact · triggered\n\nSince 09:00 UTC.",
        "priority": 5,
        "click": LINK,
        "actions": [
            {
                "action": "http",
                "method": "POST",
                "headers": {"Accept": "application/json"},
                "clear": True,
                "label": "Acknowledge",
                "url": "https://tocsin.example/a/ack",
            },
            {"action": "view", "label": "Resolve", "url": "https://tocsin.example/a/resolve"},
            {"action": "view", "label": "Escalate", "url": "https://tocsin.example/a/escalate"},
        ],
    }


@pytest.mark.parametrize(
    ("kind", "urgent", "priority"),
    [("page", True, 5), ("page", False, 3), ("notice", False, 2), ("test", True, 4)],
)
def test_only_urgent_pages_ring_until_they_are_seen(kind: str, urgent: bool, priority: int) -> None:
    assert body("t", message(kind=kind, urgent=urgent))["priority"] == priority


def test_the_token_goes_to_its_own_server_alone(ntfy: NtfyChannel, fake: FakeNtfy) -> None:
    with running(FakeNtfy()) as elsewhere:
        ntfy.send(f"ntfy:{elsewhere.url}/open-topic", "Bo", message(), NOW)
        (request,) = elsewhere.requests
        assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("topic", "token", "blame", "why"),
    [
        ("reserved", "", Blame.ADDRESS, "reserved for others"),
        ("bo", "tk_anothertoken", Blame.PROVIDER, "the token is not valid"),
    ],
)
def test_its_answers_say_whose_fault_it_is(
    outgoing: Outgoing, fake: FakeNtfy, topic: str, token: str, blame: Blame, why: str
) -> None:
    channel = Ntfy(outgoing).open(Account("push", {"server": fake.url, "token": token}))
    outcome = channel.send(f"ntfy:{fake.url}/{topic}", "Bo", message(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.again, outcome.blame) == (False, blame)
    assert why in outcome.why


def test_who_asks_for_patience_is_left_alone(ntfy: NtfyChannel, fake: FakeNtfy) -> None:
    fake.mood = Mood.BUSY
    asked = ntfy.send(f"ntfy:{fake.url}/bo", "Bo", message(), NOW)
    assert isinstance(asked, Failed)
    assert asked.after == timedelta(seconds=30)
    fake.mood = Mood.WELL
    assert isinstance(ntfy.send(f"ntfy:{fake.url}/bo", "Bo", message(), NOW), Failed)
    assert isinstance(ntfy.send(f"ntfy:{fake.url}/bo", "Bo", message(), NOW + timedelta(seconds=30)), Sent)
    assert len(fake.requests) == 2


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.HANGS, Mood.DROPS])
def test_a_bad_day_is_tried_again(ntfy: NtfyChannel, fake: FakeNtfy, mood: Mood) -> None:
    fake.mood = mood
    outcome = ntfy.send(f"ntfy:{fake.url}/bo", "Bo", message(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.again, outcome.blame) == (True, Blame.PROVIDER)


@pytest.mark.parametrize(
    "address",
    ["ntfy:", "ntfy:topic", "ntfy:https://ntfy.sh/", "ntfy:https://ntfy.sh/a b", "ntfy:https://ntfy.sh/a?b=c",
     "ntfy:ftp://ntfy.sh/a", "ntfy:https://u:p@ntfy.sh/a", "ntfy:https://ntfy.sh/" + "a" * 65],
)  # fmt: skip
def test_an_address_is_a_topics_web_address(client: Callable[..., Outgoing], address: str) -> None:
    with pytest.raises(Refused) as refused:
        Ntfy(client()).check(address)
    assert refused.value.where == "address"


@pytest.mark.parametrize(
    ("given", "where"), [({"token": "x\r\ny"}, "token"), ({"server": "ntfy.sh"}, "server")]
)
def test_an_account_that_cannot_be_right_is_refused_by_its_field(
    outgoing: Outgoing, given: dict[str, str], where: str
) -> None:
    with pytest.raises(Refused) as refused:
        Ntfy(outgoing).open(Account("push", given))
    assert refused.value.where == where


@settings(max_examples=300)
@given(messages())
def test_nothing_of_an_alerts_text_becomes_structure(hostile: Any) -> None:
    published = body("topic", hostile)
    assert set(published) == {"topic", "title", "message", "priority", "actions", "click"}
    assert published["topic"] == "topic"
    assert published["title"].strip()
    assert 0 < len(published["message"].encode()) <= BYTES_MAX
    assert published["click"] == LINK
    assert all(one["url"].startswith("https://tocsin.example/a/") for one in published["actions"])
    json.dumps(published).encode("ascii")


def test_a_place_has_no_buttons() -> None:
    acts = tuple(replace(act, url="") for act in message().acts)
    assert body("t", message(acts=acts))["actions"] == []


def test_what_comes_after_a_page_takes_one_place_and_never_that_of_the_page() -> None:
    page, update, over = (
        body("t", message(thread="incident-412", kind=kind, urgent=kind == "page"))
        for kind in ("page", "update", "over")
    )
    assert "sequence_id" not in page, "it rings until it is seen, whatever follows"
    assert update["sequence_id"] == over["sequence_id"] == "incident-412-later"
    assert (update["priority"], over["priority"]) == (2, 2)
