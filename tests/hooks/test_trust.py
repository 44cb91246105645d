"""TRUST C41 and C42 for webhooks of the organisation: what an answer says is repeated to nobody, and nobody chooses
what a request carries beside the document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from django.test import Client

from tests.api.conftest import Program
from tests.channels.conftest import LOOPBACK
from tests.channels.faults import FaultServer
from tests.hooks.conftest import BY, Told
from tests.patience import PATIENCE
from tests.web.conftest import SignedIn
from tocsin.channels.outgoing import Answer, Outgoing
from tocsin.channels.reach import Reach, Target
from tocsin.channels.webhook import Webhook
from tocsin.hooks.actions import find_hook, log_of, send_test
from tocsin.hooks.models import Hook
from tocsin.hooks.rules import EVENTS, OFF_AFTER
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.notification.deadline import within
from tocsin.notification.models import Page
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File, FilesRefused
from tocsin.people.actions import add_token
from tocsin.people.rules import Scope

BODY = b"canary-inner-reply"
BREAKS = ("\r\nX-Remote-User: ada", "\nHost: inner", "\r", "\x00", "%0d%0aX-Remote-User:%20ada")


class Telling(FaultServer):
    """Refuses everything, with a body and a header that nobody but the program's own log may see."""

    def _status(self, connection, options) -> None:  # type: ignore[no-untyped-def]
        code = options["code"].encode()
        head = b"HTTP/1.1 %b canary-reason\r\nX-Inner: canary-header\r\nContent-Length: %d\r\n\r\n%b"
        connection.sendall(head % (code, len(BODY), BODY))


class HastyWithSome(Outgoing):
    """Waits for an answer of each path so many seconds, and for those that are not named as long as it takes."""

    def __init__(self, patience: Mapping[str, float]) -> None:
        super().__init__(Reach.of(LOOPBACK), deadline=PATIENCE)
        self.patience = patience

    def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        with within(self.patience.get(target.path, PATIENCE)):
            return super().post(target, body, headers)


@pytest.fixture
def telling() -> Iterator[FaultServer]:
    server = Telling()
    yield server
    server.stop()


@pytest.fixture
def ada(told: Told) -> Program:
    _, plain = add_token(told.world.ada, "test", Scope.ADMIN, None, By("cli", "cli"), told.now)
    return Program(plain)


@pytest.mark.parametrize("code", [302, 400, 403, 404, 429, 500])
def test_c41_administrators_see_the_status_and_nothing_else_of_an_answer(
    told: Told, telling: FaultServer, signed_in: SignedIn, ada: Program, code: int
) -> None:
    told.hook()
    Hook.objects.update(
        address=telling.url(f"/status?code={code}"),
        failing_since=told.now - OFF_AFTER - timedelta(days=1),
        failures=50,
    )
    send_test("desk", BY, told.now)
    told.tell()
    (message,) = log_of(find_hook("desk"))
    assert message.tries[0]["outcome"].startswith(f"HTTP {code}")
    seen = [
        signed_in("ada").get("/settings/webhooks/desk").content.decode(),
        signed_in("ada").get("/settings/webhooks").content.decode(),
        signed_in("ada").get("/settings/audit").content.decode(),
        ada.get("/webhooks").text,
        ada.get("/webhooks/desk/messages").text,
        json.dumps(list(Page.objects.values("subject", "lines")), default=str),
        find_hook("desk").off_why,
    ]
    assert f"HTTP {code}" in seen[0]
    assert not find_hook("desk").enabled and "was switched off" in seen[5]
    assert not any("canary" in each for each in seen)


@pytest.mark.parametrize("who", ["mo", "bo", "sam"])
def test_c41_nobody_else_sees_even_the_status(told: Told, signed_in: SignedIn, who: str) -> None:
    told.hook(path="/status?code=500")
    send_test("desk", BY, told.now)
    told.tell()
    _, plain = add_token(getattr(told.world, who), "test", Scope.ADMIN, None, By("cli", "cli"), told.now)
    for path in ("/webhooks", "/webhooks/desk", "/webhooks/desk/messages"):
        assert Program(plain).get(path).status == 403
    assert signed_in(who).get("/settings/webhooks/desk").status_code == 403
    assert signed_in(who).get("/settings/audit").status_code == 403


@pytest.mark.parametrize("behaviour", ["endless", "bomb", "trickle", "informed", "heads", "stalled", "hang"])
def test_c41_a_receiver_that_never_ends_is_left_and_the_others_are_told(
    told: Told, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing = HastyWithSome({f"/{behaviour}": 0.15})
    monkeypatch.setattr(told.hooks, "_webhook", Webhook(outgoing))
    told.hook("bad", path=f"/{behaviour}")
    told.hook("good")
    for each in ("bad", "good"):
        send_test(each, BY, told.now)
    assert told.tell() == 2
    assert log_of(find_hook("good"))[0].state == "sent"
    outcome = log_of(find_hook("bad"))[0].tries[0]["outcome"]
    assert "zzzz" not in outcome and len(outcome) < 300
    outgoing.close()


def test_c42_no_way_of_making_a_webhook_takes_headers(told: Told, signed_in: SignedIn, ada: Program) -> None:
    headers = {"Authorization": "Bearer x", "Host": "inner", "X-Remote-User": "ada"}
    body = {"name": "Desk", "address": told.faults.url(), "events": ["incident.opened"]}
    assert ada.call("put", "/webhooks/desk", body | {"headers": headers}).status in (400, 422)
    text = f'webhooks: [{{id: desk, address: "{told.faults.url()}", events: [incident.opened], headers: {{Host: a}}}}]'
    with pytest.raises(FilesRefused) as refused:
        plan([File("org.yaml", text)])
    assert "Unknown key 'headers'" in str(refused.value.problems[0])
    signed_in("ada").post("/new/webhook", {**body, "id": "desk", "headers": "Host: inner"})
    send_test("desk", BY, told.now)
    told.tell()
    (request,) = told.received
    assert request.headers["host"] == f"127.0.0.1:{told.faults.port}"
    ours = {"content-type", "tocsin-event", "tocsin-delivery", "tocsin-signature", "user-agent"}
    assert set(request.headers) <= ours | {
        "host",
        "content-length",
        "accept",
        "accept-encoding",
        "connection",
    }


@pytest.mark.parametrize("break_", BREAKS)
def test_c42_an_address_with_a_line_break_makes_no_line(told: Told, ada: Program, break_: str) -> None:
    address = told.faults.url("/ok?x=1") + break_
    body = {"name": "Desk", "address": address, "events": ["incident.opened"]}
    saved = ada.call("put", "/webhooks/desk", body)
    if saved.status < 300:  # one at the end is left out, an encoded one is text
        assert not set(find_hook("desk").address) & set("\r\n\0")
    if "\0" in break_:
        return  # PostgreSQL stores none
    told.hook("old")
    Hook.objects.filter(pk="old").update(address=address)  # as if it was stored before a rule became stricter
    send_test("old", BY, told.now)
    told.tell()
    assert not any(
        "x-remote-user" in each.headers or each.headers["host"] == "inner" for each in told.received
    )


def test_c42_the_header_that_names_the_event_is_from_the_closed_list(told: Told) -> None:
    with pytest.raises(Refused, match="There is no event"):
        told.hook(events=("incident.opened\r\nX-Remote-User: ada",))
    assert all(each.replace(".", "").replace("_", "").isascii() for each in EVENTS)
    assert not any(set(each) & set("\r\n: ") for each in EVENTS)


def test_c42_a_stranger_makes_none(told: Told) -> None:
    assert Client().post("/new/webhook", {"name": "x"}).status_code == 302
    assert Program().get("/webhooks").status == 401
    assert not Hook.objects.exists()
