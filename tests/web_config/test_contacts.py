"""A contact on the pages: added, proved by its code, shown for what it is worth. Its owner is bo."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.stories.road import Road
from tests.web.conftest import text_of as said_by
from tests.web_config.conftest import Reader
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.people.models import Contact
from tocsin.people.rules import Standing


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def text_of(response: Any) -> str:
    return said_by(response)


def standing(name: str = "phone") -> Standing:
    return Contact.objects.get(user="bo", name=name).as_value().standing


def code_in(outbox: Outbox) -> str:
    found = re.search(r"is (\d{3} \d{3})", outbox.to("bo-phone")[-1].subject)
    assert found
    return found[1]


NEW = {"name": ["fake", "phone"], "address": ["fake:bo", "fake:bo-phone"]}


def test_a_new_contact_is_sent_its_code_at_once_and_the_code_is_entered_beside_it(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    bo = reader(world.bo)
    saved = bo.post("/me/contacts", NEW, follow=True)
    said = text_of(saved)
    assert "A code is on its way to phone: enter it there." in said
    assert "unverified gets no pages" in said
    road.send()
    assert "A code was sent there." in text_of(bo.get("/me"))

    wrong = bo.post("/me/contacts/phone/verify", {"code": "12"})
    assert wrong.status_code == 422
    assert "These are not the digits of the latest code. Expected 6 digits. 4 more tries." in text_of(wrong)
    assert standing() is Standing.UNVERIFIED

    done = bo.post("/me/contacts/phone/verify", {"code": code_in(outbox)}, follow=True)
    assert "phone is verified: pages go there." in text_of(done)
    assert standing() is Standing.VERIFIED


def test_a_code_is_sent_again_and_not_without_end(reader: Reader, world: World, outbox: Outbox) -> None:
    bo = reader(world.bo)
    bo.post("/me/contacts", NEW)
    for _ in range(2):
        assert bo.post("/me/contacts/phone/code").headers["Location"] == "/me#contacts"
    enough = bo.post("/me/contacts/phone/code")
    assert enough.status_code == 422
    assert "3 codes were sent to this contact within the hour" in text_of(enough)


def test_nobody_sends_or_enters_the_code_of_anothers_contact(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    reader(world.bo).post("/me/contacts", NEW)
    road.send()
    for outsider in (world.sam, world.mo, world.ada):
        client = reader(outsider)
        answer = client.post("/me/contacts/phone/verify", {"code": code_in(outbox)})
        assert answer.status_code == 404
        assert client.post("/me/contacts/phone/code").status_code in (404, 422)
    assert standing() is Standing.UNVERIFIED
    stranger = reader(None).post("/me/contacts/phone/verify", {"code": code_in(outbox)})
    assert stranger.headers["Location"].startswith("/sign-in")


def test_a_code_in_an_address_verifies_nothing(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    """Whoever can make somebody open a link must not be able to prove an address with it."""
    bo = reader(world.bo)
    bo.post("/me/contacts", NEW)
    road.send()
    assert bo.get(f"/me/contacts/phone/verify?code={code_in(outbox)}").status_code == 405
    assert standing() is Standing.UNVERIFIED


def test_anothers_address_is_refused_in_words_that_do_not_say_whose(reader: Reader, world: World) -> None:
    answer = reader(world.bo).post("/me/contacts", {"name": ["fake"], "address": ["fake:cy"]})
    assert answer.status_code == 422
    said = text_of(answer)
    assert "An address here cannot be added by you." in said
    assert "Cy" not in said and "Tran" not in said
    assert Contact.objects.get(user="bo").address == "fake:bo"


def test_an_administrator_vouches_and_the_page_says_who(reader: Reader, world: World) -> None:
    ada = reader(world.ada)
    assert "What you write here you vouch for" in text_of(ada.get("/people/bo/contacts"))
    ada.post("/people/bo/contacts", NEW)
    assert "vouched for by Ada Ortiz; not yet tried" in text_of(reader(world.mo).get("/people/bo"))
    assert "vouched for by Ada Ortiz; not yet tried" in text_of(reader(world.bo).get("/me"))


def test_one_that_fails_is_said_to_its_person_to_others_and_on_the_first_page(
    reader: Reader, world: World, clock: Clock
) -> None:
    Contact.objects.filter(user="bo").update(failing_since=clock.now, failing_why="mailbox does not exist")
    refresh()
    for page in ("/me", "/people/bo"):
        said = text_of(reader(world.bo).get(page))
        assert "failing since 09:00: mailbox does not exist." in said
        assert "at once → fake (failing: tried last)" in said
    listed = text_of(reader(world.sam).get("/people"))
    assert "nothing: cannot be paged fake fails" in listed
    said = text_of(reader(world.bo).get("/"))
    assert "Messages to your contact 'fake' do not arrive." in said
    assert "Pages cannot reach Bo Lind, whose contacts fail." in text_of(reader(world.sam).get("/"))
    assert "all paging works" not in said


def test_who_has_only_unverified_contacts_is_warned_wherever_it_shows(reader: Reader, world: World) -> None:
    Contact.objects.filter(user="bo").update(verified_at=None)
    refresh()
    bo = reader(world.bo)
    mine = text_of(bo.get("/me"))
    assert "Nothing reaches you: a page passes you over at once. Enter the code of a contact below" in mine
    first = text_of(bo.get("/"))
    assert "Your contact 'fake' gets no pages before you have entered its code." in first
    assert "Pages cannot reach Bo Lind, whose contacts are unverified." in first
    assert "fake unverified" in text_of(reader(world.mo).get("/people"))


def test_what_happened_to_contacts_stands_in_the_audit_log(
    reader: Reader, world: World, road: Road, outbox: Outbox
) -> None:
    bo = reader(world.bo)
    bo.post("/me/contacts", NEW)
    road.send()
    bo.post("/me/contacts/phone/verify", {"code": "000"})
    bo.post("/me/contacts/phone/verify", {"code": code_in(outbox)})
    log = text_of(reader(world.ada).get("/settings/audit"))
    for words in ("had a code sent to", "mistyped the code of", "verified"):
        assert f"{words} the contact phone of Bo Lind" in log
    assert code_in(outbox) not in log
