"""The long tail, with the real library: by names that an administrator keeps, and no longer than allowed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings

from tests.channels.faults import FaultServer
from tests.channels.hostile import LINK, message, messages
from tocsin.channels import apprise as vendor
from tocsin.channels import chatting
from tocsin.channels.apprise import Apprise, AppriseChannel, text_of
from tocsin.channels.reach import Reach
from tocsin.kernel.errors import Refused
from tocsin.notification.deadline import within
from tocsin.notification.rules import Blame, Failed, Sent
from tocsin.notification.vendors import Account

pytest.importorskip("apprise")
# One of its hundred plugins imports what Python 3.13 takes away, and knows how to do without.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
NOW: Any = None  # nothing here asks what time it is


def opened(targets: str) -> AppriseChannel:
    return Apprise(Reach.of(["127.0.0.0/8"])).open(Account("tail", {"targets": targets}))


def test_a_message_goes_to_the_url_that_its_name_stands_for(faults: FaultServer) -> None:
    channel = opened(f"ops=json://127.0.0.1:{faults.port}/ok bo=json://127.0.0.1:{faults.port}/other")

    assert channel.send("apprise:ops", "", message("[P1] Checkout fails · #412", "{{ 7*7 }}"), NOW) == Sent()

    (request,) = faults.received
    assert request.line.startswith("POST /ok ")
    sent = json.loads(request.body)
    assert sent["title"] == "[P1] Checkout fails · #412"
    assert sent["type"] == "failure"
    assert "{{ 7*7 }}" in sent["message"]
    assert "Acknowledge: https://tocsin.example/a/ack" in sent["message"]
    assert sent["message"].endswith(f"Open in Tocsin: {LINK}")


def test_a_contact_can_name_no_url_of_its_own(faults: FaultServer) -> None:
    channel = opened(f"ops=json://127.0.0.1:{faults.port}/ok")
    for address in ("apprise:json://127.0.0.1/x", "apprise:", "apprise:../x", "apprise:a b"):
        with pytest.raises(Refused, match="not an address for Apprise"):
            channel.check(address)
    assert channel.check(" APPRISE: Ops") == "apprise:ops"
    outcome = channel.send("apprise:another", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.again
    assert faults.received == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_a_host_inside_is_not_called_unless_its_network_is_allowed(faults: FaultServer, host: str) -> None:
    channel = Apprise().open(Account("tail", {"targets": f"ops=json://user:secret@{host}:{faults.port}/ok"}))
    outcome = channel.send("apprise:ops", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert "may not be called" in outcome.why and "secret" not in outcome.why
    assert not outcome.again
    assert faults.received == []


@pytest.mark.parametrize("url", ["json://169.254.169.254/", "mailto://u:p@example.com?smtp=10.0.0.1"])
def test_neither_are_where_clouds_keep_credentials_and_mail_servers_inside(url: str) -> None:
    outcome = opened(f"ops={url}").send("apprise:ops", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert "may not be called" in outcome.why


def test_what_is_no_host_is_left_to_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(vendor, "resolve", lambda host, port, seconds: asked.append(host))
    notified: list[str] = []
    monkeypatch.setattr("apprise.Apprise.notify", lambda self, **said: notified.append(said["title"]) or True)
    channel = opened("ops=pover://user@" + "a" * 30)
    assert channel.send("apprise:ops", "", message("It fails"), NOW) == Sent()
    assert (asked, notified) == ([], ["It fails"])


def test_what_the_service_does_not_take_is_a_failure_that_says_no_url(faults: FaultServer) -> None:
    outcome = opened(f"ops=json://user:secret@127.0.0.1:{faults.port}/drop").send(
        "apprise:ops", "", message(), NOW
    )
    assert isinstance(outcome, Failed)
    assert outcome.blame is Blame.PROVIDER
    assert "secret" not in outcome.why


def test_a_service_that_hangs_costs_no_more_than_the_time_there_is(faults: FaultServer) -> None:
    channel, begun = opened(f"ops=json://127.0.0.1:{faults.port}/hang"), time.monotonic()
    with within(0.3):
        outcome = channel.send("apprise:ops", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.again
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    "targets",
    ["", "ops", "ops=nothing", "ops=json://a OPS=json://b", "ops=json://a ops=json://b", "ops=wormhole://x",
     " ".join(f"t{n}=json://a" for n in range(51))],
)  # fmt: skip
def test_targets_that_cannot_be_right_are_refused(targets: str) -> None:
    with pytest.raises(Refused) as refused:
        opened(targets)
    assert refused.value.where == "targets"
    assert "json://" not in str(refused.value)


def test_without_the_library_the_account_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "find_spec", lambda name: None)
    with pytest.raises(Refused, match="Apprise is not installed"):
        opened("ops=json://a")


@settings(max_examples=200)
@given(messages())
def test_an_alerts_text_mentions_nobody(hostile: Any) -> None:
    text = text_of(hostile)
    assert text.strip()
    assert chatting._MENTION.search(text) is None
    text.encode()
