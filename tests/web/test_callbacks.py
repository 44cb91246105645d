"""What providers tell us: only theirs, only at our own address, and never with a reason for whoever else calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.pretend import pretend as pretend  # noqa: PLC0414 - a fixture
from tests.world import Clock, World
from tocsin.incident.actions import open_incident
from tocsin.incident.models import Incident
from tocsin.kernel.acting import ENGINE, By
from tocsin.notification.accounts import account_of, callback_url
from tocsin.notification.hearing import CALLBACK_BYTES_MAX
from tocsin.notification.models import Delivery, Page
from tocsin.notification.providers import ProviderValue, find_provider, save_provider, set_provider_enabled
from tocsin.people.models import Contact
from tocsin.testing.pretend import signature
from tocsin.web import callbacks

BY = By("cli", "test")
OURS = "http://127.0.0.1:8000/channels/main"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pretend", "world")]


@pytest.fixture(autouse=True)
def main(clock: Clock, pretend: None) -> Iterator[None]:
    """One account, and nobody has called yet."""
    save_provider(ProviderValue("main", "pretend", given={"token": "s3cret"}), BY, clock.now)
    callbacks.HEARD.forget()
    callbacks.REFUSED.forget()
    yield
    callbacks.HEARD.forget()
    callbacks.REFUSED.forget()


def call(heard: Any, path: str = "/channels/main", url: str | None = None, **more: Any) -> Any:
    """What the provider gets for saying `heard`, signed for `url`."""
    body = heard if isinstance(heard, bytes) else json.dumps(heard).encode()
    signed = signature(account_of(find_provider("main")), url or f"http://127.0.0.1:8000{path}", body)
    return Client().post(
        path, body, content_type="application/json", headers={"Pretend-Signature": signed, **more}
    )


def sent_to(world: World, clock: Clock) -> tuple[Delivery, Incident]:
    """A message about an incident, which went to Bo's address with the provider."""
    incident = open_incident("shop", "The shop is down", by=ENGINE, now=clock.now)
    Contact.objects.create(user=world.bo, name="pretend", address="pretend:bo", verified_at=clock.now)
    page = Page.objects.create(
        user=world.bo, incident_id=incident.pk, urgency="high", reason="a test", subject="Look",
        created_at=clock.now,
    )  # fmt: skip
    delivery = Delivery.objects.create(
        page=page, incident_id=incident.pk, contact="pretend", address="pretend:bo", state="sent",
        due_at=clock.now, sent_at=clock.now, reference="m-1",
    )  # fmt: skip
    return delivery, incident


def test_our_address_is_the_public_one() -> None:
    assert callback_url("main") == OURS


def test_a_receipt_confirms_the_message(world: World, clock: Clock) -> None:
    delivery, _ = sent_to(world, clock)
    answered = call([{"kind": "receipt", "arrived": True, "delivery": str(delivery.pk)}])
    assert answered.status_code == 200
    delivery.refresh_from_db()
    assert delivery.state == "confirmed"


def test_a_button_acts_and_the_answer_is_in_the_providers_form(world: World, clock: Clock) -> None:
    delivery, incident = sent_to(world, clock)
    pressed = {
        "kind": "pressed",
        "address": "pretend:bo",
        "delivery": str(delivery.pk),
        "verb": "acknowledge",
    }
    answered = call([pressed], path="/channels/main/press")
    assert answered.status_code == 200
    assert answered["Content-Type"] == "application/json"
    (told,) = json.loads(answered.content)
    assert told["tone"] == "done"
    incident.refresh_from_db()
    assert incident.acknowledged_by == "user:bo"


def test_a_forged_call_changes_nothing_and_learns_nothing(world: World, clock: Clock) -> None:
    delivery, _ = sent_to(world, clock)
    receipt = [{"kind": "receipt", "arrived": True, "delivery": str(delivery.pk)}]
    for answered in (
        call(receipt, **{"Pretend-Signature": "0" * 64}),
        call(receipt, url="http://127.0.0.1:8000/channels/other"),
        call(receipt, url="http://testserver/channels/main"),  # what a Host header says is not our address
        Client().post("/channels/main", b"{}", content_type="application/json"),
        Client().get("/channels/main"),
    ):
        assert (answered.status_code, answered.content) == (403, b"")
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_the_query_belongs_to_what_is_signed() -> None:
    ours = "http://127.0.0.1:8000/channels/main?a=1&b=%2F"
    assert call([], path="/channels/main?a=1&b=%2F", url=ours).status_code == 200
    assert call([], path="/channels/main?a=1&b=/", url=ours).status_code == 403


def test_what_cannot_be_read_is_refused_without_words() -> None:
    answered = call(b'[{"kind": "telepathy"}]')
    assert (answered.status_code, answered.content) == (400, b"")


def test_who_is_not_there_or_switched_off_hears_nothing(clock: Clock) -> None:
    missing = Client().post("/channels/nobody", b"", content_type="text/plain")
    assert (missing.status_code, missing.content) == (404, b"")
    set_provider_enabled("main", False, BY, clock.now)
    assert call([]).status_code == 404


def test_a_body_that_is_too_long_is_not_read() -> None:
    answered = call(b" " * (CALLBACK_BYTES_MAX + 1))
    assert (answered.status_code, answered.content) == (413, b"")


def test_other_methods_are_refused() -> None:
    assert Client().put("/channels/main").status_code == 405
    assert Client().delete("/channels/main").status_code == 405


def test_an_address_that_is_refused_again_and_again_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "REFUSED", callbacks.Pace(3))
    assert [Client().get("/channels/main").status_code for _ in range(5)] == [403, 403, 403, 429, 429]
    waiting = Client().get("/channels/nobody")
    assert waiting.status_code == 429
    assert 1 <= int(waiting["Retry-After"]) <= 60
    elsewhere = Client(REMOTE_ADDR="192.0.2.7").get("/channels/nobody")
    assert elsewhere.status_code == 404


def test_a_provider_is_heard_so_often_in_a_window_and_then_anew(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = callbacks.Pace(2)
    for _ in range(2):
        assert pace.wait("main", clock.now) == 0
        pace.count("main", clock.now)
    assert pace.wait("main", clock.now) == 60
    assert pace.wait("other", clock.now) == 0
    assert pace.wait("main", clock.forward(seconds=60)) == 0
    monkeypatch.setattr(callbacks, "COUNTED_MAX", 1)
    pace.count("first", clock.now)
    for name in ("second", "third"):
        pace.count(name, clock.now)
    assert len(pace._counts) == 2


def test_a_provider_that_only_sends_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.testing.pretend import PretendChannel

    monkeypatch.delattr(PretendChannel, "hear")
    assert call([]).status_code == 404
