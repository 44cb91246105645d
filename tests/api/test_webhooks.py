"""Webhooks of the organisation over REST."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program
from tests.channels.conftest import outgoing as outgoing  # noqa: PLC0414 - a fixture
from tests.world import Outbox
from tocsin.channels import signing
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.webhook import Webhook
from tocsin.hooks.models import Message
from tocsin.journal.models import Entry
from tocsin.notification import channels

BODY = {"name": "Desk", "address": "https://desk.example.com/hook", "events": ["incident.opened"]}


@pytest.fixture(autouse=True)
def webhook(outbox: Outbox, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks are served, and signed with a key of these tests; nothing is called."""
    monkeypatch.setattr(signing, "_key", b"the key of these tests")
    channel = Webhook(outgoing)
    monkeypatch.setattr(channels, "_by_scheme", channels._by_scheme | dict.fromkeys(channel.schemes, channel))


def test_a_webhook_is_made_changed_and_deleted(ada: Program) -> None:
    made = ada.put("/webhooks/desk", BODY)
    assert (made.status, made.body["events"], made.body["waiting"]) == (201, ["incident.opened"], 0)
    again = ada.put("/webhooks/desk", BODY | {"teams": ["web"], "enabled": False})
    assert (again.status, again.body["teams"], again.body["enabled"]) == (200, ["web"], False)
    assert [each["id"] for each in ada.get("/webhooks").body["items"]] == ["desk"]
    assert ada.delete("/webhooks/desk").status == 204
    assert ada.get("/webhooks/desk").status == 404


def test_a_mistake_is_told_beside_its_field(ada: Program) -> None:
    assert ada.put("/webhooks/desk", BODY | {"events": ["all"]}).error["where"] == "events"
    assert ada.put("/webhooks/desk", BODY | {"services": ["nowhere"]}).error["where"] == "services"
    assert ada.put("/webhooks/desk", BODY | {"address": "http://169.254.169.254/"}).status == 400


def test_secrets_are_said_only_where_they_are_asked_for_and_rotated_with_both_valid(ada: Program) -> None:
    ada.put("/webhooks/desk", BODY)
    first = ada.get("/webhooks/desk/secrets").body
    assert first["old"] is None
    rotated = ada.post("/webhooks/desk/rotate", None).body
    assert rotated["old"] == first["secret"] != rotated["secret"]
    assert ada.post("/webhooks/desk/rotate", None).status == 409
    for path in ("/webhooks", "/webhooks/desk", "/audit", "/organisation"):
        text = ada.get(path).text
        assert first["secret"] not in text and rotated["secret"] not in text
    assert ada.post("/webhooks/desk/end-old", None).body["old"] is None


def test_a_file_that_makes_one_says_its_secret_once(ada: Program) -> None:
    text = 'webhooks: [{id: desk, address: "https://desk.example.com", events: [incident.opened]}]'
    files = {"files": [{"text": text}]}
    assert ada.post("/organisation/plan", files).body["changes"][0]["section"] == "webhooks"
    made = ada.post("/organisation/apply", files).body["secrets"]
    assert made == {"desk": ada.get("/webhooks/desk/secrets").body["secret"]}
    assert ada.post("/organisation/apply", files).body["secrets"] == {}


def test_a_test_is_queued_and_stands_among_the_messages(ada: Program) -> None:
    ada.put("/webhooks/desk", BODY)
    queued = ada.post("/webhooks/desk/test", None)
    assert (queued.status, queued.body["event"], queued.body["state"]) == (202, "test", "waiting")
    (message,) = ada.get("/webhooks/desk/messages").body["items"]
    assert message["id"] == queued.body["id"] and message["tries"] == []
    assert ada.post(f"/webhooks/desk/messages/{message['id']}/again", None).status == 409


def test_every_change_is_written_down_with_who_and_how(ada: Program) -> None:
    ada.put("/webhooks/desk", BODY)
    ada.post("/webhooks/desk/rotate", None)
    ada.post("/webhooks/desk/end-old", None)
    queued = ada.post("/webhooks/desk/test", None).body["id"]
    Message.objects.update(state="failed", next_at=None)
    assert ada.post(f"/webhooks/desk/messages/{queued}/again", None).status == 202
    ada.delete("/webhooks/desk")
    written = Entry.objects.filter(kind__startswith="webhook.").order_by("pk")
    assert list(written.values_list("kind", "who", "through")) == [
        (f"webhook.{what}", "user:ada", "api")
        for what in ("saved", "rotated", "old_secret_ended", "tested", "sent_again", "deleted")
    ]
