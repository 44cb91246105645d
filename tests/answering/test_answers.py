"""People answer from messages: by code, by button, in a thread. Who may, acts; who may not, changes nothing."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.answering.conftest import Says
from tests.stories.road import Road
from tests.world import Outbox, World
from tocsin.answering.actions import answer
from tocsin.answering.models import CodeTries, HeardOnce
from tocsin.answering.once import KEPT, forget_heard
from tocsin.answering.rules.trying import SILENCE, WRONG_CODES_MAX
from tocsin.catalog.actions import refresh
from tocsin.incident.actions import acknowledge, resolve
from tocsin.incident.models import Incident
from tocsin.journal.models import Entry
from tocsin.kernel.acting import by_user
from tocsin.notification.hearing import AskedAgain, Receipt, Tone, Written
from tocsin.notification.links import reply_code
from tocsin.notification.models import Delivery, Page
from tocsin.notification.rules import ActVerb, Kind, Message
from tocsin.people.models import Contact, User


def state() -> str:
    return Incident.objects.get().shown_state


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


# -- the code in a message ---------------------------------------------------------------------------------------------


def test_the_code_of_the_message_acknowledges(says: Says, page: Message, road: Road) -> None:
    told = says("bo", page.code)
    assert told.tone is Tone.DONE
    assert told.text.endswith("Checkout fails: it is yours. Nobody else is paged.")
    entry = Entry.objects.get(kind="incident.acknowledged")
    assert (entry.who, entry.through) == ("user:bo", "fake")
    assert Delivery.objects.get().state == "confirmed"


def test_each_verb_does_what_the_page_would(says: Says, page: Message, road: Road, outbox: Outbox) -> None:
    assert "Paged now: level 2: Cy Tran, Bo Lind." in says("bo", f"escalate {page.code}").text
    road.look()
    assert outbox.to("cy")
    assert "stands on its timeline" in says("bo", f"note {page.code} it is the disk").text
    assert Entry.objects.get(kind="incident.noted").data["text"] == "it is the disk"
    assert "it rests until 11:00" in says("bo", f"snooze 2h {page.code}").text
    assert state() == "snoozed"
    assert (
        "resolved. Nothing more is sent. Its alerts still fire." in says("bo", f"resolved {page.code}").text
    )
    assert state() == "resolved"


def test_who_was_called_hears_the_message_again_and_nobody_else_does(page: Message, road: Road) -> None:
    told = answer(AskedAgain("fake:bo", page.id), "texts", road.now)
    assert told.message is not None
    assert (told.message.subject, told.message.lines) == (page.subject, page.lines)
    assert answer(AskedAgain("fake:cy", page.id), "texts", road.now).message is None
    gone = answer(AskedAgain("fake:bo", str(uuid4())), "texts", road.now)
    assert (gone.message, gone.tone) == (None, Tone.NOT_DONE)


def test_who_it_was_passed_on_to_takes_it_by_their_code(
    says: Says, page: Message, road: Road, outbox: Outbox
) -> None:
    says("bo", page.code)
    road.sleep(minutes=2)
    says("bo", f"escalate {page.code}")
    road.look()
    (called,) = outbox.to("cy")
    assert "it is yours" in says("cy", called.code).text
    assert Incident.objects.get().assigned_id == "cy"
    assert "Cy Tran acknowledged it at 09:02 and has it." in says("bo", page.code).text


def test_a_message_about_nothing_to_act_on_has_no_code(world: World, road: Road, outbox: Outbox) -> None:
    Page.objects.update(kind=Kind.SHADOW)
    from tocsin.notification.links import message_of

    shadow = Page.objects.get()
    assert message_of(shadow, shadow.pk).code == ""
    told = answer(Written("fake:bo", reply_code(shadow.pk)), "texts", road.now)
    assert told.tone is Tone.NOT_DONE
    assert state() == "triggered"


def test_an_old_code_says_what_happened_since(says: Says, page: Message, road: Road) -> None:
    road.sleep(minutes=3)
    acknowledge(road.incident().pk, by_user("cy", "web"), road.now)
    road.sleep(minutes=2)
    assert (
        "Cy Tran acknowledged it at 09:03 and has it. You need not do anything." in says("bo", page.code).text
    )
    resolve(road.incident().pk, by_user("cy", "web"), road.now)
    assert "Cy Tran resolved it at 09:05. There is nothing left to do." in says("bo", page.code).text
    assert Incident.objects.get().acknowledged_by == "user:cy"


def test_a_code_works_once_and_for_a_day(says: Says, page: Message, road: Road) -> None:
    says("bo", page.code)
    assert "you did that before, and it holds" in says("bo", page.code).text
    road.live(minutes=31)
    assert state() == "triggered"
    told = says("bo", page.code)
    assert told.tone is Tone.NOT_DONE and "answer the newest message" in told.text
    assert state() == "triggered"
    road.sleep(hours=24)
    assert "no message of the last day" in says("bo", page.code).text


def test_a_code_is_its_persons(says: Says, page: Message, road: Road) -> None:
    assert says("cy", page.code).tone is Tone.NOT_DONE
    assert state() == "triggered"


def test_an_unknown_sender_changes_nothing_and_is_not_answered(page: Message, road: Road) -> None:
    for text in (page.code, "status", "hello"):
        told = answer(Written("fake:stranger", text), "texts", road.now)
        assert (told.tone, told.text) == (Tone.SILENT, "")
    assert state() == "triggered"
    assert not CodeTries.objects.exists()


def test_who_may_not_act_does_not(says: Says, page: Message, road: Road) -> None:
    User.objects.filter(pk="bo").update(role="stakeholder")
    assert "Bo Lind may not act on incidents" in says("bo", page.code).text
    User.objects.filter(pk="bo").update(role="responder", is_active=False)
    assert says("bo", page.code).tone is Tone.SILENT
    assert state() == "triggered"


def test_without_a_code_it_is_asked_which_one_and_never_guessed(
    says: Says, page: Message, road: Road
) -> None:
    told = says("bo", "ack")
    assert told.tone is Tone.ASKED
    assert f"Answer {page.code} for #" in told.text
    assert state() == "triggered"


def test_status_says_what_is_on(says: Says, page: Message, road: Road) -> None:
    said = says("bo", "status").text
    assert "Checkout fails: nobody has it. Code: " + page.code in said
    assert "Nothing of yours is open; 1 of others." in says("cy", "was ist los").text
    says("bo", page.code)
    assert "Bo Lind acknowledged it at 09:00 and has it" in says("bo", "status").text


def test_a_shared_address_is_told_apart_by_the_code(
    says: Says, page: Message, road: Road, outbox: Outbox
) -> None:
    Contact.objects.filter(user="cy").update(address="fake:bo")
    refresh()
    road.live(minutes=6)  # the second level is paged too
    of_cy = Page.objects.filter(user="cy").latest("created_at")
    assert "it is yours" in says("bo", reply_code(of_cy.pk)).text
    assert Incident.objects.get().acknowledged_by == "user:cy"


# -- guessing and repeating --------------------------------------------------------------------------------------------


def test_wrong_codes_count_and_then_nobody_listens_for_a_while(says: Says, page: Message, road: Road) -> None:
    for _ in range(WRONG_CODES_MAX - 1):
        assert "has the code" in says("bo", wrong(page.code)).text
    assert "too many wrong codes" in says("bo", wrong(page.code)).text
    assert says("bo", page.code).tone is Tone.SILENT
    assert state() == "triggered"
    road.sleep(seconds=SILENCE.total_seconds())
    assert "it is yours" in says("bo", page.code).text
    assert not CodeTries.objects.exists()


def test_the_same_words_twice_do_nothing_twice(says: Says, page: Message, road: Road) -> None:
    says("bo", f"note {page.code} once", id="sms-1")
    told = says("bo", f"note {page.code} once", id="sms-1")
    assert "not done twice" in told.text
    assert Entry.objects.filter(kind="incident.noted").count() == 1
    says("bo", f"note {page.code} once", id="sms-2")
    assert Entry.objects.filter(kind="incident.noted").count() == 2


def test_what_was_refused_may_be_heard_again(says: Says, page: Message, road: Road) -> None:
    assert "says no time" in says("bo", f"snooze {page.code} soonish", id="sms-1").text
    assert not HeardOnce.objects.exists()


def test_what_was_heard_is_forgotten_in_time(says: Says, page: Message, road: Road) -> None:
    says("bo", wrong(page.code), id="sms-1")
    assert forget_heard(road.now + KEPT - timedelta(seconds=1)) == 0
    assert forget_heard(road.now + KEPT + timedelta(seconds=1)) == 1
    assert not HeardOnce.objects.exists() and not CodeTries.objects.exists()


# -- buttons -----------------------------------------------------------------------------------------------------------


def test_a_button_acts_for_who_pressed_it(presses: Says, page: Message, road: Road) -> None:
    assert "it is yours" in presses("cy", ActVerb.ACKNOWLEDGE, of="bo").text
    assert Incident.objects.get().acknowledged_by == "user:cy"
    assert "Cy Tran acknowledged it at 09:00 and has it." in presses("bo", ActVerb.ACKNOWLEDGE).text
    assert Delivery.objects.get().state == "confirmed"  # Bo pressed, so Bo has read it


def test_a_strangers_button_does_nothing_and_says_so(presses: Says, page: Message, road: Road) -> None:
    told = presses("stranger", ActVerb.RESOLVE, of="bo")
    assert told.tone is Tone.NOT_DONE and "Nobody here is known" in told.text
    assert state() == "triggered"


def test_a_stakeholders_button_does_nothing(presses: Says, page: Message, road: Road) -> None:
    for verb in ActVerb:
        assert "Sam Weiss may not act" in presses("sam", verb, of="bo", text="x").text
    assert state() == "triggered"


def test_a_press_that_is_told_twice_is_done_once(presses: Says, page: Message, road: Road) -> None:
    presses("bo", ActVerb.ESCALATE, id="press-1")
    road.look()
    assert "not done twice" in presses("bo", ActVerb.ESCALATE, of="bo", id="press-1").text
    assert Entry.objects.filter(kind="climb.pushed").count() == 1


def test_a_press_that_is_told_twice_says_what_is_so(presses: Says, page: Message, road: Road) -> None:
    presses("bo", ActVerb.ACKNOWLEDGE, id="call-1/acknowledge")
    assert "you have it already" in presses("bo", ActVerb.ACKNOWLEDGE, id="call-1/acknowledge").text


def test_a_press_on_what_is_gone_does_nothing(road: Road) -> None:
    from tocsin.notification.hearing import Pressed

    for delivery in ("", "nonsense", "00000000-0000-0000-0000-000000000000"):
        told = answer(Pressed("fake:bo", delivery, ActVerb.RESOLVE), "chat", road.now)
        assert told.tone is Tone.NOT_DONE
    assert state() == "triggered"


# -- answering a message -----------------------------------------------------------------------------------------------


def test_an_answer_in_the_thread_of_a_message_needs_no_code(says: Says, page: Message, road: Road) -> None:
    told = says("cy", "I look at it", delivery=page.id)
    assert told.text.endswith("your note stands on its timeline. Nobody has it yet.") and not told.minor
    assert "it is yours" in says("bo", "ack\nthe disk again", delivery=page.id).text
    told = says("bo", "still at it", delivery=page.id)
    assert told.text.endswith("your note stands on its timeline.") and told.minor
    texts = [entry.data["text"] for entry in Entry.objects.filter(kind="incident.noted").order_by("seq")]
    assert texts == ["I look at it", "the disk again", "still at it"]


def test_a_thread_is_found_by_the_providers_name_for_its_message(
    says: Says, page: Message, road: Road
) -> None:
    Delivery.objects.update(reference="C1/1.2")
    assert "your note stands" in says("cy", "I look at it", reference="C1/1.2").text
    road.sleep(days=8)
    assert says("cy", "and again", reference="C1/1.2").tone is Tone.ASKED
    assert Entry.objects.filter(kind="incident.noted").count() == 1


def test_a_stranger_in_a_thread_is_told_and_changes_nothing(page: Message, road: Road) -> None:
    told = answer(Written("fake:stranger", "resolve", delivery=page.id), "chat", road.now)
    assert "Nobody here is known" in told.text
    assert not Entry.objects.filter(kind="incident.noted").exists()
    assert state() == "triggered"


def test_a_code_that_is_not_of_the_message_answered_does_nothing(
    says: Says, page: Message, road: Road
) -> None:
    assert says("bo", f"ack {wrong(page.code)}", delivery=page.id).tone is Tone.ASKED
    assert state() == "triggered"


# -- receipts ----------------------------------------------------------------------------------------------------------


def test_a_receipt_says_that_a_message_arrived(page: Message, road: Road) -> None:
    told = answer(Receipt(True, delivery=page.id), "texts", road.now)
    assert (told.text, told.tone) == ("", Tone.SILENT)
    assert Delivery.objects.get().state == "confirmed"


# -- never a wrong act -------------------------------------------------------------------------------------------------

WORDS = ["ack", "resolve", "escalate", "no", "not", "please", "?", "status", "wait", "12345", "1234567", "ok"]


@pytest.mark.parametrize("seed", range(10))
def test_no_conversation_acts_on_what_was_not_named(seed: int, road: Road, outbox: Outbox) -> None:
    """A thousand conversations: whatever is written, by whomever, an incident moves only by its own whole code."""
    for key in ("two", "three"):
        road.event(key, title=f"Trouble {key}")
    road.look()
    codes = {Page.objects.get(pk=page.pk).incident_id: reply_code(page.pk) for page in Page.objects.all()}
    numbers, story = sorted(codes), random.Random(seed)
    for turn in range(100):
        who = story.choice(["bo", "bo", "cy", "sam", "stranger"])
        said = story.choices(WORDS, k=story.randint(0, 3))
        meant = story.choice([*numbers, None, None])
        if meant is not None:
            code = codes[meant]
            said.insert(
                story.randint(0, len(said)),
                story.choice([code, f" {code} ", f"#{code}", wrong(code), code[:5]]),
            )
        if story.random() < 0.2:
            said.append(f"\n> ack {story.choice(list(codes.values()))}")
        before = {one.pk: (one.state, one.version) for one in Incident.objects.all()}
        text = " ".join(said)
        answer(Written(f"fake:{who}", text, id=f"{seed}-{turn}"), "texts", road.now)
        for one in Incident.objects.all():
            if (one.state, one.version) != before[one.pk]:
                written = text.split("\n>")[0].replace("#", " ").split()
                assert who == "bo" and codes[one.pk] in written, text
                assert not {"no", "not", "?", "wait"} & set(written), text
        CodeTries.objects.all().delete()
