"""How an address becomes one that is paged, how it stops being one, and who is told."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.stories.road import Road
from tests.world import Clock, Outbox, World
from tocsin.catalog.actions import refresh
from tocsin.journal.models import Entry
from tocsin.kernel.acting import By, by_user
from tocsin.kernel.errors import Refused
from tocsin.notification import actions as notification
from tocsin.notification.book import book
from tocsin.notification.contact_actions import save_contacts, send_code
from tocsin.notification.models import Page
from tocsin.organisation.actions import apply
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import File
from tocsin.people.contacts import prove_contact
from tocsin.people.models import Contact, ContactCode
from tocsin.people.rules import Standing
from tocsin.telling.contacts import tell_contacts

BO, ADA = by_user("bo", "web"), by_user("ada", "web")


@pytest.fixture
def road(world: World, clock: Clock, outbox: Outbox) -> Road:
    return Road(world, clock)


def standing(name: str = "phone", user: str = "bo") -> Standing:
    return Contact.objects.get(user=user, name=name).as_value().standing


def add_phone(road: Road, address: str = "fake:bo-phone") -> None:
    """bo writes a second contact beside the verified one."""
    save_contacts("bo", {"fake": "fake:bo", "phone": address}, BO, road.now)


def code_in(outbox: Outbox, who: str = "bo-phone") -> str:
    """The digits that arrived there last."""
    found = re.search(r"is (\d{3} \d{3})", outbox.to(who)[-1].subject)
    assert found
    return found[1]


def test_what_a_person_adds_gets_no_page_before_its_code_is_entered(road: Road, outbox: Outbox) -> None:
    add_phone(road)
    assert standing() is Standing.UNVERIFIED
    road.event("db")
    road.look()
    assert outbox.people == ["bo"]
    notification.test_rules("bo", BO, road.now)
    road.look()
    assert outbox.people == ["bo", "bo"], "nor a test: only a code goes there"

    send_code("bo", "phone", BO, road.now)
    road.look()
    assert outbox.sent[-1][0] == "bo-phone"
    prove_contact("bo", "phone", code_in(outbox), BO, road.now)
    assert standing() is Standing.VERIFIED
    notification.test_rules("bo", BO, road.now)
    road.look()
    assert sorted(who for who, _ in outbox.sent[-2:]) == ["bo", "bo-phone"]


def test_the_digits_are_stored_nowhere_and_written_into_no_journal(road: Road, outbox: Outbox) -> None:
    add_phone(road)
    send_code("bo", "phone", BO, road.now)
    road.look()
    code = code_in(outbox)
    stored = [str(list(rows.values())) for rows in (Page.objects.all(), ContactCode.objects.all())]
    stored.append(str(list(Entry.objects.values("data"))))
    for form in (code, code.replace(" ", "")):
        assert not any(form in text for text in stored)


def test_five_wrong_tries_close_a_code_and_the_right_digits_open_it_no_more(
    road: Road, outbox: Outbox
) -> None:
    add_phone(road)
    send_code("bo", "phone", BO, road.now)
    road.look()
    right = code_in(outbox).replace(" ", "")
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for left in ("4 more tries", "3 more tries", "2 more tries", "1 more try", "Have a new one sent"):
        with pytest.raises(Refused, match="not the digits") as refused:
            prove_contact("bo", "phone", wrong, BO, road.now)
        assert left in refused.value.mend
    with pytest.raises(Refused, match="too often"):
        prove_contact("bo", "phone", right, BO, road.now)
    assert standing() is Standing.UNVERIFIED
    assert Entry.objects.filter(kind="contact.code_wrong").count() == 5


def test_a_code_ends_after_a_quarter_of_an_hour_and_only_the_latest_opens(road: Road, outbox: Outbox) -> None:
    add_phone(road)
    send_code("bo", "phone", BO, road.now)
    road.look()
    first = code_in(outbox)
    road.sleep(minutes=15)
    with pytest.raises(Refused, match="No code"):
        prove_contact("bo", "phone", first, BO, road.now)
    send_code("bo", "phone", BO, road.now)
    road.look()
    second = code_in(outbox)
    if first != second:
        with pytest.raises(Refused, match="not the digits of the latest"):
            prove_contact("bo", "phone", first, BO, road.now)
    prove_contact("bo", "phone", second, BO, road.now)
    with pytest.raises(Refused, match="No code"):
        prove_contact("bo", "phone", second, BO, road.now)


def test_a_code_is_bound_to_the_address_it_was_sent_to(road: Road, outbox: Outbox) -> None:
    add_phone(road)
    send_code("bo", "phone", BO, road.now)
    road.look()
    add_phone(road, "fake:somebody-else")
    with pytest.raises(Refused, match="No code"):
        prove_contact("bo", "phone", code_in(outbox), BO, road.now)


def test_no_more_than_three_codes_an_hour_also_for_a_contact_that_is_added_anew(road: Road) -> None:
    for _ in range(3):
        add_phone(road)
        send_code("bo", "phone", BO, road.now)
        save_contacts("bo", {"fake": "fake:bo"}, BO, road.now)
    add_phone(road)
    with pytest.raises(Refused, match="within the hour") as refused:
        send_code("bo", "phone", BO, road.now)
    assert refused.value.status == 429
    road.sleep(hours=1)
    send_code("bo", "phone", BO, road.now)


def test_an_address_gets_no_more_than_five_codes_a_day_whoever_asks(road: Road, world: World) -> None:
    for number, user in enumerate(("ada", "ada", "bo", "bo", "cy")):
        # Written by an administrator for themself or taken first: nobody has it yet when it is added.
        Contact.objects.create(user_id=user, name=f"x{number}", address="fake:victim")
        send_code(user, f"x{number}", by_user(user, "web"), road.now)
    Contact.objects.create(user_id="cy", name="more", address="fake:victim")
    with pytest.raises(Refused, match="to this address within a day"):
        send_code("cy", "more", by_user("cy", "web"), road.now)


def test_what_an_administrator_writes_for_another_is_vouched_for_and_paged(
    road: Road, outbox: Outbox
) -> None:
    save_contacts("bo", {"fake": "fake:bo", "phone": "fake:bo-phone"}, ADA, road.now)
    assert standing() is Standing.VOUCHED
    assert Contact.objects.get(name="phone").vouched_by == "user:ada"
    road.event("db")
    road.look()
    assert outbox.people == ["bo"], "the rules name the other"
    notification.test_rules("bo", BO, road.now)
    road.look()
    assert "bo-phone" in outbox.people
    assert Contact.objects.get(name="phone").as_value().is_untried
    tell_contacts(road.now)
    assert not Contact.objects.get(name="phone").as_value().is_untried, "a message went there"


def test_an_administrator_vouches_for_what_is_there_by_writing_it_and_nobody_for_their_own(
    road: Road,
) -> None:
    add_phone(road)
    save_contacts("bo", {"fake": "fake:bo", "phone": "fake:bo-phone"}, ADA, road.now)
    assert standing() is Standing.VOUCHED
    save_contacts("ada", {"fake": "fake:ada", "phone": "fake:ada-phone"}, ADA, road.now)
    assert standing(user="ada") is Standing.UNVERIFIED


def test_what_a_file_declares_is_vouched_for_and_what_was_verified_stays_so(road: Road) -> None:
    text = """
users:
  - {id: bo, name: Bo Lind, email: bo@example.com, contacts: {fake: "fake:bo", phone: "fake:bo-phone"}}
"""
    apply(plan([File("organisation.yaml", text)]), By("user:bo", "file"), road.now)
    assert (standing("fake"), standing("phone")) == (Standing.VERIFIED, Standing.VOUCHED)


def test_an_address_that_is_anothers_is_refused_without_saying_whose(road: Road, world: World) -> None:
    for address in ("fake:cy", "fake:ada"):
        with pytest.raises(Refused) as refused:
            add_phone(road, address)
        said = str(refused.value).lower()
        assert "cannot be added by you" in said
        assert not any(name in said for name in ("cy", "tran", "ada", "ortiz"))
    save_contacts("bo", {"fake": "fake:bo", "shared": "fake:cy"}, ADA, road.now)
    save_contacts("bo", {"shared": "fake:cy"}, BO, road.now)
    assert standing("shared") is Standing.VOUCHED, "what was there may stay"


def test_the_old_address_is_told_of_a_change_and_an_unproved_one_is_not(road: Road, outbox: Outbox) -> None:
    add_phone(road)
    save_contacts("bo", {"fake": "fake:bo-new"}, BO, road.now)
    road.look()
    ((who, message),) = outbox.sent
    assert who == "bo"
    assert message.subject == "The contact 'fake' of Bo Lind was changed"
    assert message.lines[0].startswith("Bo Lind changed or removed it on Mon 2 Mar 09:00 (UTC).")
    assert "tell your administrator" in message.lines[1]
    assert not message.acts


def test_a_new_name_for_the_same_address_is_no_change_of_it(road: Road, outbox: Outbox) -> None:
    save_contacts("bo", {"mobile": "fake:bo"}, BO, road.now)
    road.look()
    assert outbox.sent == []
    assert standing("mobile") is Standing.VERIFIED


def test_a_file_that_moves_a_contact_tells_the_old_address(road: Road, outbox: Outbox) -> None:
    text = "users: [{id: bo, name: Bo Lind, email: bo@example.com, contacts: {fake: 'fake:bo-new'}}]"
    apply(plan([File("organisation.yaml", text)]), By("cli", "cli"), road.now)
    road.look()
    assert outbox.people == ["bo"]
    assert outbox.sent[0][1].lines[0].startswith("The administration of Tocsin changed")


def test_what_was_there_before_the_upgrade_goes_on_being_paged(road: Road) -> None:
    Contact.objects.filter(user="bo").update(verified_at=None)
    import_module("tocsin.people.migrations.0003_contacts_proved").vouch(apps, None)
    assert standing("fake") is Standing.VOUCHED
    assert standing("fake", user="ada") is Standing.VERIFIED


# -- contacts that fail ----------------------------------------------------------------------------------------------


def page_bo(road: Road, key: str) -> None:
    road.event(key)
    road.live(minutes=2)
    tell_contacts(road.now)


def with_phone(road: Road) -> None:
    """bo has a second contact that is paged two minutes after the first."""
    save_contacts("bo", {"fake": "fake:bo", "phone": "fake:bo-phone"}, ADA, road.now)


def test_three_pages_in_a_row_that_do_not_go_make_a_contact_failing_and_one_that_goes_ends_it(
    road: Road, outbox: Outbox
) -> None:
    outbox.fail("bo", times=1_000)
    for number in range(4):
        assert standing("fake") is Standing.VERIFIED, "three in a row, and ten minutes"
        page_bo(road, f"db-{number}")
        road.live(minutes=2)
    assert standing("fake") is Standing.FAILING
    assert not book().reaches("bo")
    outbox.sent.clear()
    outbox.failures.clear()
    page_bo(road, "db-4")
    assert "bo" in outbox.people, "with nothing else, it is tried at once all the same"
    assert standing("fake") is Standing.VERIFIED
    written = Entry.objects.filter(kind__startswith="contact.", data__user="bo").order_by("seq")
    assert [entry.kind for entry in written] == ["contact.failing", "contact.recovered"]


def test_a_refusal_for_good_is_believed_at_once_and_the_others_are_paged_first(
    road: Road, outbox: Outbox
) -> None:
    with_phone(road)
    outbox.fail("bo", "mailbox does not exist", times=2, again=False)
    page_bo(road, "db")
    row = Contact.objects.get(user="bo", name="fake")
    assert (row.as_value().standing, row.failing_why) == (Standing.FAILING, "mailbox does not exist")
    road.live(minutes=1)
    outbox.sent.clear()
    road.event("cpu")
    road.live(seconds=1)
    assert outbox.people == ["bo-phone"], "the rules name only the failing one"
    road.live(minutes=2)
    assert "bo" in outbox.people, "which comes last"


def test_who_has_a_failing_contact_is_told_by_another_and_so_is_who_leads_the_team(
    road: Road, outbox: Outbox, world: World
) -> None:
    save_contacts("cy", {"fake": "fake:cy", "phone": "fake:cy-phone"}, ADA, road.now)
    outbox.fail("cy", "mailbox does not exist", again=False)
    notification.test_rules("cy", by_user("cy", "web"), road.now)
    road.look()
    outbox.sent.clear()
    assert tell_contacts(road.now) == 2  # the other one has worked
    road.look()
    told = sorted((who, message.subject) for who, message in outbox.sent)  # both are due at one instant
    assert told == [
        ("bo", "Messages to Cy Tran do not arrive"),
        ("cy-phone", "Messages to your contact 'fake' do not arrive"),
    ]
    outbox.sent.clear()
    road.sleep(minutes=1)
    tell_contacts(road.now)
    road.look()
    assert outbox.sent == [], "once"


def test_who_leads_the_team_themselves_is_left_to_the_administrators(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "mailbox does not exist", again=False)
    notification.test_rules("bo", BO, road.now)
    road.look()
    tell_contacts(road.now)
    road.look()
    assert ("ada", "Messages to Bo Lind do not arrive") in [(w, m.subject) for w, m in outbox.sent]
    (line,) = [m.lines[0] for w, m in outbox.sent if w == "ada"]
    assert line == "Bo Lind, 'fake': mailbox does not exist. Nothing else reaches them."


def test_a_code_that_is_entered_brings_a_failing_contact_back(road: Road, outbox: Outbox) -> None:
    outbox.fail("bo", "mailbox does not exist", again=False)
    notification.test_rules("bo", BO, road.now)
    road.look()
    tell_contacts(road.now)
    assert standing("fake") is Standing.FAILING
    send_code("bo", "fake", BO, road.now)
    road.look()
    prove_contact("bo", "fake", code_in(outbox, "bo"), BO, road.now)
    assert standing("fake") is Standing.VERIFIED
    road.sleep(minutes=1)
    tell_contacts(road.now)
    assert standing("fake") is Standing.VERIFIED


def test_paging_costs_no_statement_more_for_all_this(road: Road) -> None:
    def statements() -> int:
        call = notification.Call("bo", None, "high", "a test", "A page")
        book()
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            notification.page_people([call], road.now)
        return len(captured)

    plain = statements()
    Contact.objects.create(
        user_id="bo", name="phone", address="fake:phone", vouched_by="x", failing_since=road.now
    )
    Contact.objects.create(user_id="bo", name="other", address="fake:other")
    refresh()
    assert statements() == plain
