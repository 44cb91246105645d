"""The secrets of contacts and places, changed with two valid for a day: what is sent, who may, what is written down."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.hooks.conftest import BY, Told
from tests.web.conftest import SignedIn, text_of
from tocsin.channels import signing
from tocsin.channels.webhook import Webhook
from tocsin.hooks.addresses import end_old_of_address, known_nonces, nonces_of, rotate_address
from tocsin.journal.models import Entry
from tocsin.kernel.errors import Refused
from tocsin.notification.models import Place
from tocsin.notification.rules import Kind, Message
from tocsin.people.models import Contact

ADDRESS = "https://example.com/bo"
OF = {"user": "bo", "contact": "hook"}
HELLO = Message(id="1", kind=Kind.TEST, subject="Hello", note="", lines=(), urgent=False, link="", acts=())


@pytest.fixture
def hook(told: Told) -> Contact:
    return Contact.objects.create(user=told.world.bo, name="hook", address=ADDRESS, verified_at=told.now)


def test_what_is_posted_is_signed_with_both_for_a_day_and_then_with_the_new_one(told: Told) -> None:
    address = told.faults.url()
    webhook = Webhook(told.hooks._webhook._outgoing, nonces_of)
    first = signing.secret_for(address)

    def signed() -> list[bool]:
        webhook.send(address, "Bo", HELLO, told.now)
        request = told.received[-1]
        header = request.headers["tocsin-signature"]
        known = [signing.secret_for(address, nonce) for nonce in nonces_of(address, told.now)]
        assert header == signing.signatures(known, request.body, told.now)
        macs = [
            signing.signature(each, request.body, told.now).partition("v1=")[2] for each in (first, *known)
        ]
        return [mac in header for mac in macs]

    assert signed() == [True, True]
    rotate_address(address, "contact", OF, BY, told.now)
    second = signing.secret_for(address, nonces_of(address, told.now)[0])
    assert second != first
    assert signed() == [True, True, True]
    assert known_nonces(address, told.now) == nonces_of(address, told.now)
    with pytest.raises(Refused, match="still signs"):
        rotate_address(address, "contact", OF, BY, told.now)
    told.clock.forward(hours=24)
    assert signed() == [False, True]
    rotate_address(address, "contact", OF, BY, told.now)
    assert second in [signing.secret_for(address, nonce) for nonce in nonces_of(address, told.now)]
    end_old_of_address(address, "contact", OF, BY, told.now)
    assert len(nonces_of(address, told.now)) == 1
    assert nonces_of("https://example.com/another", told.now) == [""]


def test_its_owner_changes_it_on_their_page(told: Told, signed_in: SignedIn, hook: Contact) -> None:
    bo, first = signed_in("bo"), signing.secret_for(ADDRESS)
    assert first in bo.get("/me/signing").content.decode()
    assert bo.post("/me/signing/hook/rotate").status_code == 302
    page = bo.get("/me/signing").content.decode()
    new, old = (signing.secret_for(ADDRESS, nonce) for nonce in nonces_of(ADDRESS, told.now))
    assert old == first and new in page and first in page
    assert bo.post("/me/signing/hook/rotate").status_code == 409
    bo.post("/me/signing/hook/end-old")
    page = bo.get("/me/signing").content.decode()
    assert new in page and first not in page
    audit = signed_in("ada").get("/settings/audit")
    assert "made a new signing secret for the contact hook of Bo Lind" in text_of(audit)
    assert "ended the old signing secret of the contact hook of Bo Lind" in text_of(audit)
    assert not any(each in audit.content.decode() for each in (first, new, ADDRESS))


def test_a_contact_that_is_not_proved_shows_no_secret_and_changes_none(
    told: Told, signed_in: SignedIn, hook: Contact
) -> None:
    """Whoever writes down the receiver of another cannot sign for it, or shut it out."""
    Contact.objects.create(user=told.world.cy, name="hook", address=ADDRESS)
    cy = signed_in("cy")
    page = cy.get("/me/signing")
    assert signing.secret_for(ADDRESS) not in page.content.decode()
    assert "once it is proved" in text_of(page)
    for deed in ("rotate", "end-old"):
        assert cy.post(f"/me/signing/hook/{deed}").status_code == 409
    assert nonces_of(ADDRESS, told.now) == [""]


def test_nobody_changes_the_secret_of_a_contact_that_is_not_theirs(
    told: Told, signed_in: SignedIn, hook: Contact
) -> None:
    for who in ("ada", "cy"):
        assert signed_in(who).post("/me/signing/hook/rotate").status_code == 404
    assert signed_in("bo").post("/me/signing/fake/rotate").status_code == 404  # no webhook
    assert Client().post("/me/signing/hook/rotate").status_code == 302
    assert nonces_of(ADDRESS, told.now) == [""]


def test_the_secret_of_a_place_is_shown_and_changed_by_who_writes_policies(
    told: Told, signed_in: SignedIn
) -> None:
    Place.objects.create(id="ops", name="Operations", address=ADDRESS)
    Place.objects.create(id="room", name="Room", address="fake:room")
    mo = signed_in("mo")
    assert "/places/ops/signing" in mo.get("/places/ops").content.decode()
    assert "/signing" not in mo.get("/places/room").content.decode()
    assert signing.secret_for(ADDRESS) in mo.get("/places/ops/signing").content.decode()
    mo.post("/places/ops/signing/rotate")
    assert len(nonces_of(ADDRESS, told.now)) == 2
    mo.post("/places/ops/signing/end-old")
    assert len(nonces_of(ADDRESS, told.now)) == 1
    assert mo.get("/places/room/signing").status_code == 404
    kinds = Entry.objects.filter(kind__startswith="place.").values_list("kind", "who")
    assert list(kinds) == [("place.secret_rotated", "user:mo"), ("place.old_secret_ended", "user:mo")]


@pytest.mark.parametrize("who", ["bo", "sam"])
def test_the_secret_of_a_place_is_not_everybodys(told: Told, signed_in: SignedIn, who: str) -> None:
    Place.objects.create(id="ops", name="Operations", address=ADDRESS)
    browser = signed_in(who)
    assert browser.get("/places/ops/signing").status_code == 403
    for deed in ("rotate", "end-old"):
        assert browser.post(f"/places/ops/signing/{deed}").status_code == 403
    assert nonces_of(ADDRESS, told.now) == [""]
