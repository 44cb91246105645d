"""What Twilio tells us, and that nobody else can. The real validator judges what the fake signs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from twilio.request_validator import RequestValidator

from tests.channels.hostile import DELIVERY
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.twilio import Twilio
from tocsin.channels.twilio.channel import TwilioChannel
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import AskedAgain, Callback, Pressed, Receipt, Told, Tone, Written
from tocsin.notification.rules import Act, ActVerb, Message
from tocsin.notification.vendors import Account
from tocsin.testing.fakes import running
from tocsin.testing.fakes.twilio import ACCOUNT, NUMBER, SETTINGS, TOKEN, FakeTwilio

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
OURS = "https://tocsin.example/channels/phone"
ADA = "+4915112345678"
ABOUT = urlencode({"d": DELIVERY, "l": "en"})


@pytest.fixture
def phone(outgoing: Outgoing) -> TwilioChannel:
    return Twilio(outgoing).open(Account("phone", SETTINGS, OURS))


def said(what: str, form: dict[str, str], about: str = ABOUT) -> Callback:
    with running(FakeTwilio()) as fake:
        return fake.says(f"{OURS}/{what}" + (f"?{about}" if about else ""), form)


def words_of(reply: Any) -> list[str]:
    tree = ElementTree.fromstring(reply.body.decode())
    return [each.text or "" for each in tree.iter() if each.tag in ("Say", "Message")]


def test_the_signature_is_the_real_ones() -> None:
    form = {"MessageSid": "SM1", "Body": "ä & <x>", "From": ADA, "To": NUMBER}
    callback = said("sms", form, "")
    validator = RequestValidator(TOKEN)
    given = callback.headers["x-twilio-signature"]
    assert validator.validate(callback.url, {"AccountSid": ACCOUNT, **form}, given)


def test_an_address_with_a_query_is_signed_with_it(outgoing: Outgoing) -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    signature = RequestValidator("12345678").compute_signature(url, form)
    phone = Twilio(outgoing).open(Account("phone", {**SETTINGS, "auth_token": "12345678"}, OURS))
    callback = Callback("POST", url, "call", {"x-twilio-signature": signature}, urlencode(form).encode())
    assert phone.hear(callback, NOW).heard == ()


@pytest.mark.parametrize(
    "forge",
    [
        lambda one: replace(one, headers={}),
        lambda one: replace(one, headers={"x-twilio-signature": "x" * 28}),
        lambda one: replace(one, headers={"x-twilio-signature": "ä"}),
        lambda one: replace(one, body=one.body + b"&Digits=8"),
        lambda one: replace(one, url=one.url.replace(DELIVERY, DELIVERY[:-1] + "2")),
        lambda one: replace(one, url=one.url.replace("https://tocsin", "https://other")),
        lambda one: replace(one, body=one.body.replace(b"4915112345678", b"4915112345679")),
    ],
)
def test_a_forged_request_is_refused(phone: TwilioChannel, forge: Any) -> None:
    true = said("keys", {"Digits": "4", "To": ADA, "CallSid": "CA1"})
    assert phone.hear(true, NOW).heard
    with pytest.raises(Refused) as refused:
        phone.hear(forge(true), NOW)
    assert refused.value.status == 403


def test_a_request_of_another_account_is_refused(phone: TwilioChannel) -> None:
    with pytest.raises(Refused) as refused:
        phone.hear(said("sms", {"AccountSid": "AC_of_somebody_else", "From": ADA, "Body": "ack"}, ""), NOW)
    assert refused.value.status == 403


def test_the_usual_port_may_stand_in_the_signed_address(phone: TwilioChannel) -> None:
    with running(FakeTwilio()) as fake:
        signed = fake.says(
            OURS.replace(".example", ".example:443") + "/sms", {"From": ADA, "Body": "ack 123456"}
        )
    assert phone.hear(replace(signed, url=f"{OURS}/sms"), NOW).heard


def test_what_cannot_be_read_or_was_not_asked_for_is_refused(phone: TwilioChannel) -> None:
    with pytest.raises(Refused) as unread:
        phone.hear(Callback("POST", f"{OURS}/sms", "sms", {}, b"\xff\xfe=1"), NOW)
    assert unread.value.status == 400
    with pytest.raises(Refused) as many:
        phone.hear(
            Callback("POST", f"{OURS}/sms", "sms", {}, b"&".join(b"a%d=1" % i for i in range(200))), NOW
        )
    assert many.value.status == 400
    with pytest.raises(Refused) as unknown:
        phone.hear(said("elsewhere", {}), NOW)
    assert unknown.value.status == 404


@pytest.mark.parametrize(
    ("status", "code", "heard"),
    [
        ("delivered", "", Receipt(True, DELIVERY, "SM1")),
        ("undelivered", "30005", Receipt(False, DELIVERY, "SM1", "there is no such number (30005)")),
        ("failed", "99", Receipt(False, DELIVERY, "SM1", "the provider says failed (99)")),
    ],
)  # fmt: skip
def test_a_receipt_says_whether_the_sms_arrived_and_else_why(
    phone: TwilioChannel, status: str, code: str, heard: Receipt
) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": code, "To": ADA}
    assert phone.hear(said("sms-status", form), NOW).heard == (heard,)


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "accepted", ""])
def test_what_is_only_on_its_way_is_no_receipt(phone: TwilioChannel, status: str) -> None:
    assert phone.hear(said("sms-status", {"MessageSid": "SM1", "MessageStatus": status}), NOW).heard == ()


@pytest.mark.parametrize(
    ("status", "arrived", "why"),
    [
        ("completed", True, ""),
        ("busy", False, "the line was busy"),
        ("no-answer", False, "nobody answered the telephone"),
        ("failed", False, "the call could not be made"),
    ],
)
def test_a_call_that_nobody_took_did_not_arrive(
    phone: TwilioChannel, status: str, arrived: bool, why: str
) -> None:
    form = {"CallSid": "CA1", "CallStatus": status}
    assert phone.hear(said("call-status", form), NOW).heard == (Receipt(arrived, DELIVERY, "CA1", why),)


LISTENS = f"{ABOUT}&m=1"  # the call was made with an ear for machines


@pytest.mark.parametrize("machine", ["machine_start", "machine_end_beep", "machine_end_silence", "fax"])
def test_a_call_that_a_machine_took_did_not_arrive(phone: TwilioChannel, machine: str) -> None:
    refuted = (Receipt(False, DELIVERY, "CA1", "a voicemail or another machine took the call"),)
    form = {"CallSid": "CA1", "AnsweredBy": machine}
    assert phone.hear(said("answered-by", form, LISTENS), NOW).heard == refuted
    ended = {**form, "CallStatus": "completed"}  # of a provider that says it at the end
    assert phone.hear(said("call-status", ended), NOW).heard == refuted


@pytest.mark.parametrize("person", ["human", "unknown"])
def test_a_call_that_nobody_holds_for_a_machines_arrived(phone: TwilioChannel, person: str) -> None:
    form = {"CallSid": "CA1", "AnsweredBy": person}
    assert phone.hear(said("answered-by", form, LISTENS), NOW).heard == (Receipt(True, DELIVERY, "CA1"),)


def test_the_end_of_a_call_says_nothing_when_who_took_it_is_said_apart(phone: TwilioChannel) -> None:
    """Else the end of a voicemail's recording would be a receipt."""
    form = {"CallSid": "CA1", "CallStatus": "completed"}
    assert phone.hear(said("call-status", form, LISTENS), NOW).heard == ()
    missed = {"CallSid": "CA1", "CallStatus": "no-answer"}
    (receipt,) = phone.hear(said("call-status", missed, LISTENS), NOW).heard
    assert isinstance(receipt, Receipt) and not receipt.arrived


@pytest.mark.parametrize(
    ("key", "verb"), [("4", ActVerb.ACKNOWLEDGE), ("6", ActVerb.ESCALATE), ("8", ActVerb.RESOLVE)]
)
def test_a_key_is_pressed_by_whoever_was_called_and_is_told_what_it_did(
    phone: TwilioChannel, key: str, verb: ActVerb
) -> None:
    form = {"Digits": key, "To": ADA, "From": NUMBER, "CallSid": "CA1"}
    hearing = phone.hear(said("keys", form), NOW)
    assert hearing.heard == (Pressed(f"tel:{ADA}", DELIVERY, verb, id=f"CA1/{verb}"),)
    reply = hearing.answer([Told("Bo has it <already> & sleeps.", Tone.NOT_DONE)])
    assert words_of(reply) == ["Bo has it, already, & sleeps."]
    assert reply.content_type.startswith("text/xml")


def test_after_a_key_that_does_nothing_it_is_asked_for_anew_but_not_for_ever(phone: TwilioChannel) -> None:
    about, asked = f"d={DELIVERY}&l=de", 0
    while True:
        hearing = phone.hear(said("keys", {"Digits": "5", "To": ADA, "CallSid": "CA1"}, about), NOW)
        assert hearing.heard == ()
        reply = hearing.answer([])
        found = re.search(rb'action="[^"]+keys\?([^"]+)"', reply.body)
        if found is None:
            break
        assert "4" in words_of(reply)[0] and "Press" not in words_of(reply)[0]
        about, asked = found[1].decode().replace("&amp;", "&"), asked + 1
    assert 3 <= asked <= 10
    right = phone.hear(said("keys", {"Digits": "4", "To": ADA, "CallSid": "CA1"}, about), NOW)
    assert right.heard == (Pressed(f"tel:{ADA}", DELIVERY, ActVerb.ACKNOWLEDGE, id="CA1/acknowledge"),)


def test_a_key_says_it_all_once_more_with_its_keys_but_not_for_ever(phone: TwilioChannel) -> None:
    about, heard = ABOUT, 0
    page = Message(
        DELIVERY,
        "[P1] Checkout fails",
        acts=(Act(ActVerb.ACKNOWLEDGE, "x", "https://t/a/x"),),
        link="https://t/1",
    )
    while True:
        hearing = phone.hear(said("keys", {"Digits": "9", "To": ADA, "CallSid": "CA1"}, about), NOW)
        if hearing.heard == ():
            break
        assert hearing.heard == (AskedAgain(f"tel:{ADA}", DELIVERY),)
        reply = hearing.answer([Told(message=page)])
        first, *_ = words_of(reply)
        assert first == "This is Tocsin. P1. Checkout fails."
        assert "Press 4 to acknowledge." in words_of(reply)
        found = re.search(rb'action="[^"]+keys\?([^"]+)"', reply.body)
        assert found is not None
        about, heard = found[1].decode().replace("&amp;", "&"), heard + 1
    assert 3 <= heard <= 10
    gone = phone.hear(said("keys", {"Digits": "9", "To": ADA, "CallSid": "CA1"}), NOW)
    assert words_of(gone.answer([Told("It is about nothing.", Tone.NOT_DONE)])) == ["It is about nothing."]


def test_what_a_key_did_is_read_out_without_signs(phone: TwilioChannel) -> None:
    hearing = phone.hear(said("keys", {"Digits": "4", "To": ADA, "CallSid": "CA1"}), NOW)
    reply = hearing.answer([Told("#412 disk_full <100%> on db: it is yours. Nobody else is paged.")])
    assert words_of(reply) == ["412 disk full, 100%, on db: it is yours. Nobody else is paged."]


def test_an_sms_is_heard_as_it_was_written_and_answered_in_the_same_way(phone: TwilioChannel) -> None:
    form = {"From": ADA, "To": NUMBER, "Body": "ack 123456\nthx", "MessageSid": "SM9"}
    hearing = phone.hear(said("sms", form, ""), NOW)
    assert hearing.heard == (Written(f"sms:{ADA}", "ack 123456\nthx", id="SM9"),)
    assert words_of(hearing.answer([Told("It is yours.")])) == ["It is yours."]
    assert words_of(hearing.answer([Told(tone=Tone.SILENT)])) == []


def test_the_address_that_the_page_shows_takes_both_texts_and_calls(phone: TwilioChannel) -> None:
    with running(FakeTwilio()) as fake:
        text = phone.hear(fake.says(OURS, {"From": ADA, "Body": "ack 123456", "MessageSid": "SM9"}), NOW)
        call = phone.hear(fake.says(OURS, {"From": ADA, "CallSid": "CA1", "CallStatus": "ringing"}), NOW)
    assert text.heard == (Written(f"sms:{ADA}", "ack 123456", id="SM9"),)
    assert "cannot be called" in words_of(call.answer([]))[0]


def test_what_the_network_answers_itself_is_not_answered_twice(phone: TwilioChannel) -> None:
    hearing = phone.hear(said("sms", {"From": ADA, "Body": "STOP", "OptOutType": "STOP"}, ""), NOW)
    assert hearing.heard == ()
    assert words_of(hearing.answer([])) == []


def test_who_calls_us_is_told_that_nobody_is_there(phone: TwilioChannel) -> None:
    hearing = phone.hear(said("call", {"From": ADA, "CallStatus": "ringing"}, ""), NOW)
    assert hearing.heard == ()
    assert "cannot be called" in words_of(hearing.answer([]))[0]
