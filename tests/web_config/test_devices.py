"""My devices: connect one, prove it, be woken, and take it away again. Nobody connects another's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from tests.channels.conftest import LOOPBACK
from tests.patience import PATIENCE
from tests.web_config.conftest import Reader
from tests.world import Clock, World
from tocsin.channels import webpush
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.reach import Reach
from tocsin.engine.attempt import deliver_due
from tocsin.notification import channels
from tocsin.notification.models import Delivery
from tocsin.people.models import Contact
from tocsin.testing.fakes import running
from tocsin.testing.fakes.push import FakeBrowser, FakePush

pytestmark = pytest.mark.django_db


@pytest.fixture
def bo(reader: Reader, world: World) -> Client:
    """A responder's browser."""
    return reader(world.bo)


@pytest.fixture
def phone(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBrowser]:
    outgoing = Outgoing(Reach.of(LOOPBACK), deadline=PATIENCE)
    push = webpush.WebPush(outgoing, "https://tocsin.example")
    monkeypatch.setitem(channels._by_scheme, "push", push)
    with running(FakePush()) as service:
        yield service.browser(webpush.keys().public)
    outgoing.close()


def form_of(phone: FakeBrowser, name: str = "My Phone") -> dict[str, str]:
    key, _, secret = phone.address.removeprefix("push:").partition(",")[0].partition(".")
    return {"name": name, "endpoint": phone.endpoint, "key": key, "secret": secret}


def sent(clock: Clock) -> int:
    return deliver_due(clock.now, 10, lambda: clock.now, lambda: 0.5)


def connected(client: Client, phone: FakeBrowser, clock: Clock) -> str:
    """Connect the phone; returns the digits that came to it."""
    assert client.post("/me/devices", form_of(phone)).status_code == 302
    sent(clock)
    return "".join(c for c in phone.got[-1]["title"] if c.isdigit())


def test_a_device_is_connected_proved_by_its_code_and_named_on_the_page(
    bo: Client, phone: FakeBrowser, clock: Clock
) -> None:
    page = bo.get("/me/devices").content.decode()
    assert webpush.keys().public in page
    assert "None yet" in page

    code = connected(bo, phone, clock)

    contact = Contact.objects.get(user="bo", name="my-phone")
    assert contact.verified_at is None
    assert "A code was sent there." in bo.get("/me/devices").content.decode()
    proved = bo.post("/me/contacts/my-phone/verify", {"code": code, "at": "devices"})
    assert proved.headers["Location"] == "/me/devices#my-phone"
    contact.refresh_from_db()
    assert contact.verified_at == clock.now
    assert "Wakes you since" in bo.get("/me/devices").content.decode()


def test_a_wrong_code_is_said_beside_it_and_another_can_be_sent(
    bo: Client, phone: FakeBrowser, clock: Clock
) -> None:
    connected(bo, phone, clock)
    answer = bo.post("/me/contacts/my-phone/verify", {"code": "000000", "at": "devices"})
    assert answer.status_code == 422
    assert "not the digits" in answer.content.decode()
    assert "Let this device wake me" in answer.content.decode(), "it is said on the page where it was typed"
    bo.post("/me/contacts/my-phone/code", {"at": "devices"})
    sent(clock)
    assert len(phone.got) == 2


def test_connecting_the_same_device_twice_makes_one_contact(
    bo: Client, phone: FakeBrowser, clock: Clock
) -> None:
    connected(bo, phone, clock)
    connected(bo, phone, clock)
    assert Contact.objects.filter(user="bo", address=phone.address).count() == 1


def test_two_devices_of_one_name_get_names_of_their_own(bo: Client, phone: FakeBrowser) -> None:
    bo.post("/me/devices", form_of(phone))
    other = FakeBrowser(phone.endpoint + "2", phone.server_key)
    bo.post("/me/devices", form_of(other))
    names = Contact.objects.filter(user="bo", address__startswith="push:").values_list("name", flat=True)
    assert sorted(names) == ["my-phone", "my-phone-2"]


def test_what_no_browser_gives_is_refused_in_words(bo: Client, phone: FakeBrowser) -> None:
    answer = bo.post("/me/devices", form_of(phone) | {"key": "A" * 87})
    assert answer.status_code == 422
    assert "not what a browser gives" in answer.content.decode()
    assert not Contact.objects.filter(address__startswith="push:").exists()


def test_forgetting_a_device_takes_the_contact_away(bo: Client, phone: FakeBrowser, clock: Clock) -> None:
    connected(bo, phone, clock)
    bo.post("/me/devices/my-phone/forget")
    assert not Contact.objects.filter(address__startswith="push:").exists()
    assert bo.post("/me/devices/my-phone/forget").status_code == 404


def test_a_receipt_confirms_the_message_that_was_shown(bo: Client, phone: FakeBrowser, clock: Clock) -> None:
    connected(bo, phone, clock)
    delivery = Delivery.objects.get(address=phone.address)
    assert delivery.state == "sent"

    assert Client().post(f"/push/{phone.got[-1]['seen']}").status_code == 204

    delivery.refresh_from_db()
    assert delivery.state == "confirmed"


def test_a_receipt_that_is_made_up_confirms_nothing(reader: Reader) -> None:
    assert Client().post("/push/" + "A" * 43).status_code == 404
    assert Client().post("/push/" + "A" * 500).status_code == 404
    assert Client().get("/push/" + "A" * 43).status_code == 405


def test_the_worker_lies_at_the_root_where_everything_is_below_it(world: World) -> None:
    answer = Client().get("/sw.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"showNotification" in answer.content
    assert "worker-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/me/devices", "/me/contacts/x/verify", "/me/devices/x/forget"])
def test_a_stranger_is_led_to_the_door(address: str, world: World) -> None:
    assert Client().get("/me/devices").status_code == 302
    assert Client().post(address).status_code in (302, 403)


def test_nobody_proves_or_forgets_anothers_device(
    bo: Client, ada: Client, phone: FakeBrowser, clock: Clock
) -> None:
    code = connected(bo, phone, clock)
    assert ada.post("/me/contacts/my-phone/verify", {"code": code, "at": "devices"}).status_code in (404, 422)
    assert ada.post("/me/devices/my-phone/forget").status_code == 404
    assert Contact.objects.get(user="bo", name="my-phone").verified_at is None
