"""Web push: what a browser gets, that nobody else can read it, and what its push service's answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import http_ece
import pytest
from hypothesis import given, settings
from joserfc import jwt

from tests.channels.hostile import DELIVERY, message, messages
from tocsin.channels import signing
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.channels.webpush import (
    PLAIN_BYTES_MAX,
    RECEIPT_WITHIN,
    Keys,
    WebPush,
    address_of,
    keys,
    payload_of,
    receipt_token,
    shown_delivery,
)
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Blame, Failed, Kind, Message, Sent
from tocsin.testing.fakes import Mood, running
from tocsin.testing.fakes.push import FakeBrowser, FakePush

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
URL = "https://tocsin.example"


@pytest.fixture
def service() -> Iterator[FakePush]:
    with running(FakePush()) as fake:
        yield fake


@pytest.fixture
def phone(service: FakePush) -> FakeBrowser:
    return service.browser(keys().public)


@pytest.fixture
def push(outgoing: Outgoing) -> WebPush:
    return WebPush(outgoing, URL)


def paged(**more: object) -> Message:
    facts = ("Web shop: Checkout fails", "Since 09:00 UTC (4 minutes ago).")
    return message("[P1] Checkout fails · Web shop #412", *facts, **more)


def test_a_page_comes_to_the_browser_with_two_buttons_and_its_receipt(
    push: WebPush, phone: FakeBrowser, service: FakePush
) -> None:
    outcome = push.send(phone.address, "Ada", paged(), NOW)

    assert outcome == Sent("1")
    (got,) = phone.got
    assert shown_delivery(got.pop("seen")) == DELIVERY
    assert got == {
        "id": DELIVERY,
        "title": "[P1] Checkout fails · Web shop #412",
        "body": "Since 09:00 UTC (4 minutes ago).",
        "tag": "incident-412",
        "urgent": True,
        "link": "/incidents/412",
        "acts": [
            {"verb": "acknowledge", "title": "Acknowledge", "url": "/a/ack"},
            {"verb": "escalate", "title": "Escalate", "url": "/a/escalate"},
        ],
    }
    (request,) = service.requests
    assert request.headers["urgency"] == "high"
    assert request.headers["ttl"] == "600"
    assert len(request.headers["topic"]) == 32


def test_what_is_sent_is_sealed_for_that_browser_alone(
    push: WebPush, phone: FakeBrowser, service: FakePush
) -> None:
    push.send(phone.address, "Ada", paged(), NOW)

    (request,) = service.requests
    assert b"Checkout" not in request.body
    other = service.browser(keys().public)
    with pytest.raises(http_ece.ECEException):
        other.open(request.body)


def test_who_sends_is_said_for_this_service_and_for_less_than_a_day(
    push: WebPush, phone: FakeBrowser, service: FakePush
) -> None:
    push.send(phone.address, "Ada", paged(), NOW)

    said = dict(
        part.strip().split("=", 1)
        for part in service.requests[0].headers["authorization"].removeprefix("vapid ").split(",")
    )
    claims = jwt.decode(said["t"], keys().private, algorithms=["ES256"]).claims
    assert claims["aud"] == service.url
    assert claims["sub"] == URL
    assert 6 * 3600 <= claims["exp"] - NOW.timestamp() <= 12 * 3600


def test_our_keys_follow_from_the_secret_and_stay() -> None:
    assert Keys(b"one").public == Keys(b"one").public
    assert Keys(b"one").public != Keys(b"another").public


def test_after_another_secret_the_browser_has_to_be_connected_anew(
    push: WebPush, phone: FakeBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "_key", b"another secret")
    failed = push.send(phone.address, "Ada", paged(), NOW)
    assert isinstance(failed, Failed)
    assert (failed.again, failed.blame) == (False, Blame.ADDRESS)
    assert "connected anew" in failed.why


def test_a_browser_that_is_gone_is_not_tried_again(push: WebPush, phone: FakeBrowser) -> None:
    phone.gone = True
    failed = push.send(phone.address, "Ada", paged(), NOW)
    assert isinstance(failed, Failed)
    assert (failed.again, failed.blame) == (False, Blame.ADDRESS)


@pytest.mark.parametrize("mood", [Mood.BUSY, Mood.BROKEN, Mood.HANGS, Mood.DROPS])
def test_a_bad_day_of_the_service_may_pass(
    push: WebPush, phone: FakeBrowser, service: FakePush, mood: Mood
) -> None:
    service.mood = mood
    failed = push.send(phone.address, "Ada", paged(), NOW)
    assert isinstance(failed, Failed)
    assert failed.again
    assert failed.blame is Blame.PROVIDER


def test_what_is_over_has_no_buttons_and_does_not_ring_on(push: WebPush, phone: FakeBrowser) -> None:
    push.send(phone.address, "Ada", paged(state="resolved", kind=Kind.NOTICE, urgent=False), NOW)
    (got,) = phone.got
    assert got["acts"] == []
    assert got["urgent"] is False


@settings(max_examples=300, deadline=None)
@given(messages())
def test_no_text_makes_it_too_long_or_breaks_it(one: Message) -> None:
    payload = payload_of(one)
    assert len(payload) <= PLAIN_BYTES_MAX
    read = json.loads(payload)
    assert read["title"]
    assert read["link"].startswith("/")
    assert {key for act in read["acts"] for key in act} <= {"verb", "title", "url"}


def test_its_receipt_is_expected_soon(push: WebPush) -> None:
    assert push.limits.receipt_within == RECEIPT_WITHIN


@pytest.mark.parametrize(
    "change", [lambda t: t[:-2] + "AA", lambda t: t[:10], lambda t: "x" * 43, lambda t: "ä"]
)
def test_a_receipt_cannot_be_made_up(change: object) -> None:
    token = receipt_token(DELIVERY)
    assert shown_delivery(token) == DELIVERY
    assert shown_delivery(change(token)) == ""  # type: ignore[operator]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a.replace("push:", "push:x"),
        lambda a: a.replace(",http", ",ftp"),
        lambda a: "push:" + "A" * 87 + a[92:],
        lambda a: a.replace("http://127.0.0.1", "http://example.com"),
        lambda a: a + " x",
        lambda a: "push:",
    ],
)
def test_what_no_browser_gives_is_refused(push: WebPush, phone: FakeBrowser, spoil: object) -> None:
    assert push.check(phone.address) == phone.address
    with pytest.raises(Refused) as refused:
        push.check(spoil(phone.address))  # type: ignore[operator]
    assert refused.value.where == "address"


def test_an_inner_address_is_not_called_for_a_browser(phone: FakeBrowser, client: object) -> None:
    strict = WebPush(Outgoing(Reach.of(())), URL)
    for host in ("https://169.254.169.254/x", "https://127.0.0.1/x", "https://[::1]/x", "https://10.0.0.8/x"):
        address = address_of(host, phone.key, "A" * 22)
        with pytest.raises(Refused):
            strict.check(address)
        assert isinstance(strict.send(address, "Ada", paged(), NOW), Failed)


def test_people_see_whose_service_it_is_and_nothing_secret(push: WebPush, phone: FakeBrowser) -> None:
    assert push.shown(phone.address) == "push through 127.0.0.1"
    assert replace(paged(), id="x")  # an id that is none gives no receipt
    assert receipt_token("x") == ""


def test_an_update_stands_beside_its_page_in_silence_and_goes_with_the_end(
    push: WebPush, phone: FakeBrowser, service: FakePush
) -> None:
    for kind in ("page", "update", "over"):
        push.send(phone.address, "Ada", paged(kind=kind, urgent=kind == "page", thread="incident-412"), NOW)
    page, update, over = phone.got
    assert (page["tag"], update["tag"], over["tag"]) == (
        "incident-412",
        "incident-412-update",
        "incident-412",
    )
    assert (update["urgent"], update["quiet"]) == (False, True)
    assert over["clears"] == update["tag"]
    topics = [request.headers["topic"] for request in service.requests]
    assert topics[0] == topics[2] != topics[1], "a page that waits at the service is not lost to an update"


def test_who_asks_for_patience_is_left_alone(push: WebPush, phone: FakeBrowser, service: FakePush) -> None:
    service.mood = Mood.BUSY
    first = push.send(phone.address, "Ada", paged(), NOW)
    asked = len(service.requests)
    second = push.send(phone.address, "Ada", paged(), NOW)
    assert isinstance(first, Failed) and first.after is not None and first.again
    assert isinstance(second, Failed) and "asked not to be called" in second.why
    assert len(service.requests) == asked
