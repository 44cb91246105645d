"""SMS and calls: what the provider gets, and what its answers mean. The real `twilio` client writes the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.twiml.voice_response import Gather, VoiceResponse

from tests.channels.hostile import DELIVERY, TEXTS, message, messages, texts
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.twilio import Twilio, markup
from tocsin.channels.twilio.channel import CALL_LIMITS, SMS_LIMITS, TwilioChannel
from tocsin.channels.twilio.texts import parts, places, small, sms_of, spoken
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Act, ActVerb, Blame, Failed, Kind, Message, Sent
from tocsin.notification.vendors import Account, part_of
from tocsin.testing.fakes import Mood, running
from tocsin.testing.fakes.twilio import ACCOUNT, NUMBER, SETTINGS, TOKEN, FakeTwilio

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
OURS = "https://tocsin.example/channels/phone"
ADA = "+4915112345678"
SPOKEN_MAX = 430  # characters; about half a minute


@pytest.fixture
def fake() -> Iterator[FakeTwilio]:
    with running(FakeTwilio()) as provider:
        yield provider


@pytest.fixture
def phone(outgoing: Outgoing, fake: FakeTwilio) -> TwilioChannel:
    return opened(outgoing, api_url=fake.url)


def opened(outgoing: Outgoing, **more: str) -> TwilioChannel:
    return Twilio(outgoing).open(Account("phone", {**SETTINGS, **more}, OURS))


def paged(*lines: str, **more: object) -> Message:
    facts = ("Web shop: Checkout fails", *(lines or ("Since 09:00 UTC (4 minutes ago).",)))
    return message("[P1] Checkout fails · Web shop #412", *facts, **{"code": "123456", **more})


def says(twiml: str) -> list[str]:
    return [say.text or "" for say in ElementTree.fromstring(twiml).iter("Say")]


# -- SMS -----------------------------------------------------------------------------------------------------------


def test_a_page_by_sms_says_what_it_is_how_to_answer_and_where_the_button_is(
    phone: TwilioChannel, fake: FakeTwilio
) -> None:
    outcome = phone.send(f"sms:{ADA}", "Ada", paged(), NOW)

    assert isinstance(outcome, Sent)
    assert outcome.reference in fake.messages
    assert not outcome.confirmed
    (request,) = fake.requests
    assert dict(request.data) == {
        "To": ADA,
        "From": NUMBER,
        "Body": "[P1] Checkout fails - Web shop #412\nSince 09:00 UTC (4 minutes ago).\n"
        "Reply 123456 to acknowledge.\nhttps://tocsin.example/a/ack",
        "ValidityPeriod": "600",
        "StatusCallback": f"{OURS}/sms-status?d={DELIVERY}&l=en",
    }


def test_the_request_is_the_one_that_the_real_client_makes(phone: TwilioChannel, fake: FakeTwilio) -> None:
    phone.send(f"sms:{ADA}", "Ada", paged(), NOW)
    phone.send(f"tel:{ADA}", "Ada", paged(), NOW)
    ours, call = fake.requests
    client = Client(ACCOUNT, TOKEN, http_client=_To(fake.url))
    client.messages.create(
        to=ADA,
        from_=NUMBER,
        body=ours.data["Body"],
        validity_period=600,
        status_callback=ours.data["StatusCallback"],
    )
    client.calls.create(
        to=ADA,
        from_=NUMBER,
        twiml=call.data["Twiml"],
        timeout=30,
        status_callback=call.data["StatusCallback"],
        status_callback_event=["completed"],
        machine_detection="Enable",
        async_amd="true",
        async_amd_status_callback=call.data["AsyncAmdStatusCallback"],
    )
    theirs = fake.requests[2:]
    for mine, real in zip((ours, call), theirs, strict=True):
        assert (mine.method, mine.path, dict(mine.data)) == (real.method, real.path, dict(real.data))
        for header in ("authorization", "content-type"):
            assert mine.headers[header] == real.headers[header]


class _To(TwilioHttpClient):
    """The real client's transport, led to this machine."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method, url, *arguments, **more):  # type: ignore[no-untyped-def]
        return super().request(method, url.replace("https://api.twilio.com", self._url), *arguments, **more)


def test_a_messaging_service_sends_in_the_place_of_the_number(outgoing: Outgoing, fake: FakeTwilio) -> None:
    service = "MG00000000000000000000000000000fake"
    phone = opened(outgoing, api_url=fake.url, messaging_service_sid=service)

    phone.send(f"sms:{ADA}", "Ada", paged(), NOW)

    (request,) = fake.requests
    assert request.data["MessagingServiceSid"] == service
    assert "From" not in request.data


def test_typographic_signs_and_marks_are_replaced_so_that_an_sms_holds_more() -> None:
    assert small("Zürich – “Prague” … naïve café 5 €") == 'Zürich - "Prague" ... naive café 5 €'
    assert small("Příliš") == "Prilis"
    assert small("проверка") is None
    assert small("on fire 🔥") == "on fire "
    assert places("[x] €") == 8  # brackets and the euro sign take two places each


def test_what_cannot_be_written_small_is_cut_shorter_and_keeps_code_and_letters() -> None:
    text = sms_of(replace(paged(), subject="[P1] " + "Оплата не работает " * 20))
    assert parts(text) == 2
    assert "Reply 123456" in text
    assert text.startswith("[P1] Оплата")


def test_a_link_that_leaves_no_room_is_left_out_and_the_code_stays() -> None:
    long = Act(ActVerb.ACKNOWLEDGE, "Acknowledge", "https://tocsin.example/a/" + "x" * 260)
    text = sms_of(replace(paged(), acts=(long,)))
    assert "https://" not in text
    assert text.endswith("Reply 123456 to acknowledge.")


def test_who_hands_over_is_read_before_the_facts() -> None:
    text = sms_of(replace(paged(), note="I think it is the cache"))
    assert text.index('"I think it is the cache"') < text.index("Since 09:00")


def test_over_means_no_code_and_no_button() -> None:
    text = sms_of(replace(paged(), state="resolved"))
    assert "Reply" not in text
    assert text.endswith("https://tocsin.example/incidents/412")


@settings(max_examples=300, deadline=None)
@given(messages())
@example(message(TEXTS[0]))
def test_no_text_makes_an_sms_longer_than_two_parts_or_empty(one: Message) -> None:
    text = sms_of(replace(one, code="123456"))
    assert text.strip()
    assert parts(text) <= 2
    assert not any(c < " " and c != "\n" for c in text)
    text.encode()


# -- calls ---------------------------------------------------------------------------------------------------------


def test_a_call_says_what_it_is_and_which_key_does_what_then_asks_once_more(
    phone: TwilioChannel, fake: FakeTwilio
) -> None:
    outcome = phone.send(f"tel:{ADA}", "Ada", paged(), NOW)

    assert isinstance(outcome, Sent)
    (request,) = fake.requests
    keys = "Press 4 to acknowledge. Press 6 to pass it on. Press 8 if it is over."
    action = f"{OURS}/keys?d={DELIVERY}&l=en"
    real = VoiceResponse()
    said = "This is Tocsin. P1. Checkout fails, Web shop 412. Since 09:00 UTC, 4 minutes ago."
    for words in ((said, keys, "Press 9 to hear it again."), (keys,)):
        gather = Gather(input="dtmf", num_digits=1, timeout=6, action=action, method="POST")
        for each in words:
            gather.say(each, language="en-GB")
        real.append(gather)
    real.say("No key was pressed. Goodbye.", language="en-GB")
    assert _same(request.data["Twiml"], str(real))
    assert request.data["StatusCallback"] == f"{OURS}/call-status?d={DELIVERY}&l=en&m=1"
    assert request.data["AsyncAmdStatusCallback"] == f"{OURS}/answered-by?d={DELIVERY}&l=en&m=1"


def test_an_account_may_do_without_an_ear_for_machines(fake: FakeTwilio, outgoing: Outgoing) -> None:
    phone = opened(outgoing, api_url=fake.url, machine_detection="no")
    phone.send(f"tel:{ADA}", "Ada", paged(), NOW)
    (request,) = fake.requests
    assert not {"MachineDetection", "AsyncAmd", "AsyncAmdStatusCallback"} & request.data.keys()
    assert request.data["StatusCallback"] == f"{OURS}/call-status?d={DELIVERY}&l=en"
    with pytest.raises(Refused, match="yes or no"):
        opened(outgoing, machine_detection="maybe")


def _same(mine: str, theirs: str) -> bool:
    return ElementTree.canonicalize(mine) == ElementTree.canonicalize(theirs)


def test_a_code_is_read_out_digit_by_digit_and_twice(phone: TwilioChannel, fake: FakeTwilio) -> None:
    code = Message(DELIVERY, "Your code for Tocsin is 123 456", kind=Kind.CODE)
    phone.send(f"tel:{ADA}", "Ada", code, NOW)
    assert (
        says(fake.requests[0].data["Twiml"]) == ["This is Tocsin. Your code for Tocsin is 1 2 3 4 5 6."] * 2
    )


@settings(max_examples=300, deadline=None)
@given(messages())
def test_a_call_never_takes_longer_than_half_a_minute_and_says_no_markup(one: Message) -> None:
    assert len(spoken(one)) <= SPOKEN_MAX - len("Press 4 to acknowledge. Press 6 to pass it on.") * 2


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_tags_in_an_alert_are_words_and_never_markup(subject: str, line: str) -> None:

    one = message(subject, line, line)
    twiml = markup.asked(spoken(one), "keys", "bye", OURS, 6, "en")
    tree = ElementTree.fromstring(twiml)
    assert {each.tag for each in tree.iter()} == {"Response", "Gather", "Say"}
    assert len(list(tree.iter("Say"))) == 4
    assert not set("<>&") & set(spoken(one)) - {"&"}
    assert len(twiml) <= 4_000


def test_an_account_without_a_number_cannot_call_and_says_so(outgoing: Outgoing, fake: FakeTwilio) -> None:
    phone = opened(outgoing, api_url=fake.url, from_number="TOCSIN")
    assert isinstance(phone.send(f"sms:{ADA}", "Ada", paged(), NOW), Sent)
    refused = phone.send(f"tel:{ADA}", "Ada", paged(), NOW)
    assert refused == Failed("the account has no number to call from", again=False, blame=Blame.PROVIDER)


def test_sms_and_calls_have_limits_of_their_own(phone: TwilioChannel) -> None:
    assert part_of(phone, "sms").limits == SMS_LIMITS
    assert part_of(phone, "tel").limits == CALL_LIMITS


# -- what may go wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "blame", "again", "words"),
    [
        (21211, Blame.ADDRESS, False, "not a telephone number"),
        (21610, Blame.ADDRESS, False, "STOP"),
        (21608, Blame.PROVIDER, False, "trial account"),
        (20429, Blame.PROVIDER, True, "too often"),
        (63038, Blame.PROVIDER, False, "an error that was asked for (63038)"),
    ],
)
def test_a_refusal_says_whose_fault_it_is(
    phone: TwilioChannel, fake: FakeTwilio, code: int, blame: Blame, again: bool, words: str
) -> None:
    fake.errors.append(code)
    failed = phone.send(f"sms:{ADA}", "Ada", paged(), NOW)
    assert isinstance(failed, Failed)
    assert (failed.blame, failed.again) == (blame, again)
    assert words in failed.why


def test_a_wrong_token_is_the_accounts_fault_and_is_not_shown(outgoing: Outgoing, fake: FakeTwilio) -> None:
    phone = opened(outgoing, api_url=fake.url, auth_token="a-wrong-token-of-some-length")
    failed = phone.send(f"sms:{ADA}", "Ada", paged(), NOW)
    assert isinstance(failed, Failed)
    assert failed.blame is Blame.PROVIDER
    assert "a-wrong-token" not in repr(failed)


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.HANGS, Mood.DROPS])
def test_a_bad_day_is_the_providers_and_another_try_may_help(
    phone: TwilioChannel, fake: FakeTwilio, mood: Mood
) -> None:
    fake.mood = mood
    failed = phone.send(f"sms:{ADA}", "Ada", paged(), NOW)
    assert isinstance(failed, Failed)
    assert failed.again
    assert failed.blame is Blame.PROVIDER
    assert failed.perhaps == (mood is not Mood.BROKEN)


def test_who_asks_for_patience_is_not_called_before(phone: TwilioChannel, fake: FakeTwilio) -> None:
    fake.mood, fake.wait = Mood.BUSY, 120
    first = phone.send(f"sms:{ADA}", "Ada", paged(), NOW)
    assert isinstance(first, Failed)
    second = phone.send(f"sms:{ADA}", "Ada", paged(), NOW)
    assert isinstance(second, Failed)
    assert second.blame is Blame.PROVIDER


# -- addresses and settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("sms:+49 151 1234-5678", "sms:+4915112345678"),
        ("tel:0049 (151) 12345678", "tel:+4915112345678"),
        ("SMS:+14155550100", "sms:+14155550100"),
    ],
)
def test_a_number_is_kept_in_one_form(outgoing: Outgoing, written: str, plain: str) -> None:
    assert Twilio(outgoing).check(written) == plain


@pytest.mark.parametrize(
    "written",
    ["sms:", "sms:0151 1234567", "tel:+0123456789", "sms:+49abc", "tel:+1" + "2" * 15, "sms:+١٢٣٤٥٦٧٨"],
)
def test_what_is_no_international_number_is_refused_with_the_way_to_write_it(
    outgoing: Outgoing, written: str
) -> None:
    with pytest.raises(Refused) as refused:
        Twilio(outgoing).check(written)
    assert "country's code" in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("account_sid", "x"),
        ("auth_token", ""),
        ("from_number", "0151 123"),
        ("voice_number", "TOCSIN"),
        ("messaging_service_sid", "AC123"),
        ("api_key_sid", "SK00000000000000000000000000000fake"),
        ("api_url", "ftp://x"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named(outgoing: Outgoing, setting: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        opened(outgoing, **{setting: value})
    assert refused.value.where in (setting, "api_key_secret")
