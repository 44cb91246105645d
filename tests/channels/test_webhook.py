"""Webhooks as their receivers see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.faults import FaultServer
from tocsin.channels import signing
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.webhook import Webhook, render, retry_after
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Act, ActVerb, Blame, Failed, Message, Sent

NOW = datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)
MESSAGE = Message(
    id="6f6ddc0c-6a24-4b0e-bc5f-6d6a2f1a7a11",
    subject="[P1] Checkout fails for all customers · Web shop #412",
    lines=("Web shop: Checkout fails for all customers", "Since 09:00 UTC (just now)"),
    acts=(Act(ActVerb.ACKNOWLEDGE, "Acknowledge", "https://tocsin.example/a/token"),),
    link="https://tocsin.example/incidents/412",
    thread="incident-412",
    details={"incident": 412, "priority": "P1"},
)


@pytest.fixture
def webhook(outgoing: Outgoing) -> Webhook:
    return Webhook(outgoing)


def test_a_receiver_gets_one_signed_document_and_its_2xx_is_a_receipt(
    webhook: Webhook, faults: FaultServer
) -> None:
    address = webhook.check(faults.url())

    assert webhook.send(address, "Bo Lind", MESSAGE, NOW) == Sent("HTTP 200", confirmed=True)

    (request,) = faults.received
    assert json.loads(request.body) == {
        "id": MESSAGE.id,
        "kind": "page",
        "sent_at": "2026-03-02T09:00:00.250Z",
        "to": "Bo Lind",
        "urgent": True,
        "subject": MESSAGE.subject,
        "note": "",
        "lines": list(MESSAGE.lines),
        "details": {"incident": 412, "priority": "P1"},
        "link": MESSAGE.link,
        "acts": [{"verb": "acknowledge", "label": "Acknowledge", "url": "https://tocsin.example/a/token"}],
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["tocsin-delivery"] == MESSAGE.id
    expected = signing.signature(signing.secret_for(address), request.body, NOW)
    assert request.headers["tocsin-signature"] == expected
    assert expected.startswith("t=1772442000,v1=")


def test_each_address_has_a_secret_of_its_own() -> None:
    one, other = signing.secret_for("https://a.example/"), signing.secret_for("https://b.example/")
    assert one != other
    assert one == signing.secret_for("https://a.example/")
    signing.use("another instance")
    assert one != signing.secret_for("https://a.example/")


@pytest.mark.parametrize("code", [500, 502, 503, 408, 425, 429])
def test_what_passes_is_tried_again(webhook: Webhook, faults: FaultServer, code: int) -> None:
    outcome = webhook.send(faults.url(f"/status?code={code}"), "Bo", MESSAGE, NOW)
    assert outcome == Failed(f"HTTP {code}", blame=Blame.ADDRESS)


@pytest.mark.parametrize("code", [400, 401, 404, 410])
def test_what_stays_is_not_tried_again(webhook: Webhook, faults: FaultServer, code: int) -> None:
    assert webhook.send(faults.url(f"/status?code={code}"), "Bo", MESSAGE, NOW) == Failed(
        f"HTTP {code}", again=False, blame=Blame.ADDRESS
    )


def test_a_redirect_is_a_failure_that_says_so(webhook: Webhook, faults: FaultServer) -> None:
    outcome = webhook.send(faults.url("/status?code=302&to=http://169.254.169.254/"), "Bo", MESSAGE, NOW)
    assert isinstance(outcome, Failed)
    assert "redirects are not followed" in outcome.why
    assert not outcome.again


def test_what_a_receiver_says_is_not_shown_to_whoever_wrote_its_address(
    webhook: Webhook, faults: FaultServer
) -> None:
    """Else a webhook to an inner address would read that server's answers aloud."""
    outcome = webhook.send(faults.url("/status?code=400"), "Bo", MESSAGE, NOW)
    assert isinstance(outcome, Failed)
    assert "secret" not in outcome.why


def test_who_asks_to_wait_is_not_called_before(webhook: Webhook, faults: FaultServer) -> None:
    address = faults.url("/status?code=429&after=120")

    assert webhook.send(address, "Bo", MESSAGE, NOW) == Failed(
        "HTTP 429", after=timedelta(seconds=120), blame=Blame.ADDRESS
    )
    held = webhook.send(address, "Cy", replace(MESSAGE, id="another"), NOW + timedelta(seconds=119))
    assert held == Failed(
        "it asked not to be called before 09:02:00 UTC", after=timedelta(seconds=1), blame=Blame.ADDRESS
    )
    assert len(faults.received) == 1
    assert webhook.send(faults.url("/ok"), "Bo", MESSAGE, NOW) == Sent("HTTP 200", confirmed=True)

    webhook.send(address, "Bo", MESSAGE, NOW + timedelta(seconds=120))
    assert len(faults.received) == 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120),
        ("0", 0),
        ("Mon, 02 Mar 2026 09:01:00 GMT", 59.75),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, expected: float | None) -> None:
    after = retry_after(value, NOW)
    assert (after.total_seconds() if after is not None else None) == expected


@pytest.mark.parametrize("path", ["/hang", "/trickle", "/drop", "/garbage"])
def test_a_receiver_that_gives_no_answer_is_tried_again(
    hasty: Outgoing, faults: FaultServer, path: str
) -> None:
    outcome = Webhook(hasty).send(faults.url(path), "Bo", MESSAGE, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.again


def test_an_address_that_may_not_be_reached_is_refused_when_it_is_entered_and_when_it_is_called(
    client: Callable[..., Outgoing], faults: FaultServer
) -> None:
    webhook = Webhook(client())

    with pytest.raises(Refused, match="may not be called"):
        webhook.check(faults.url())
    for host in ("127.0.0.1", "localhost"):
        outcome = webhook.send(faults.url(host=host), "Bo", MESSAGE, NOW)
        assert isinstance(outcome, Failed)
        assert not outcome.again
    assert faults.received == []


def test_details_that_cannot_be_written_are_left_out_with_a_note_and_the_page_goes() -> None:
    for poison in ({"x": float("nan")}, {"x": object()}, {"x": "y" * 1_000_000}):
        document = json.loads(render("Bo", replace(MESSAGE, details=poison, note="look at the edge"), NOW))
        assert document["details"] == {}
        assert document["note"].startswith("look at the edge\n")
        assert "could not be rendered" in document["note"]
        assert document["acts"]


@given(st.text(max_size=400), st.lists(st.text(max_size=100), max_size=4), st.text(max_size=100))
def test_any_text_becomes_json_that_reads_back_on_one_line(subject: str, lines: list[str], name: str) -> None:
    body = render(name, replace(MESSAGE, subject=subject, lines=lines), NOW)
    document = json.loads(body)
    assert document["subject"].isprintable() or not any(ord(c) < 32 for c in document["subject"])
    assert len(document["subject"]) <= 300
