"""What Slack tells us: proved to be Slack's, understood, and answered in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.views import View
from slack_sdk.signature import SignatureVerifier

from tests.channels.hostile import DELIVERY, TEXTS, message, texts
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.slack import Slack, modal
from tocsin.channels.slack.channel import SlackChannel
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Callback, Commanded, Pressed, Reported, Told, Tone, Written
from tocsin.notification.rules import ActVerb, Failed, Sent
from tocsin.notification.vendors import Account
from tocsin.testing.fakes import running
from tocsin.testing.fakes.slack import SECRET, TOKEN, FakeSlack, signed

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
BO, OPS = "U024BE7LH", "C012AB3CD"
TRIGGER = "13345224609.738474920.8088930838d88f008e0"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    with running(FakeSlack()) as chat:
        yield chat


@pytest.fixture
def account(fake: FakeSlack) -> Account:
    return Account("chat", {"bot_token": TOKEN, "signing_secret": SECRET, "api_url": f"{fake.url}/api/"})


@pytest.fixture
def vendor(outgoing: Outgoing) -> Slack:
    return Slack(outgoing)


@pytest.fixture
def slack(vendor: Slack, account: Account) -> SlackChannel:
    return vendor.open(account)


def command(fake: FakeSlack, text: str, now: datetime = NOW, **more: str) -> Callback:
    """`/tocsin TEXT`, as Slack sends it."""
    fields = {
        "token": "unused", "team_id": "T1", "channel_id": OPS, "channel_name": "ops", "user_id": BO,
        "user_name": "bo", "command": "/tocsin", "text": text, "api_app_id": "A1",
        "response_url": f"{fake.url}/answers/T1/1", "trigger_id": TRIGGER,
    }  # fmt: skip
    return fake.form({**fields, **more}, now)


# -- the signature (TRUST C33) -------------------------------------------------------------------------------------


def test_slacks_own_verifier_agrees_about_what_is_signed(slack: SlackChannel, fake: FakeSlack) -> None:
    callback = command(fake, "who")
    theirs = SignatureVerifier(SECRET)
    timestamp, signature = (
        callback.headers[f"x-slack-{name}"] for name in ("request-timestamp", "signature")
    )
    assert theirs.generate_signature(timestamp=timestamp, body=callback.body) == signature
    assert slack.hear(callback, NOW).heard == (
        Commanded(f"slack:{BO}", "who", "", f"slack:{OPS}", "bo", TRIGGER),
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"x-slack-signature": ""},
        {"x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-signature": "v0=é"},
        {"x-slack-signature": "v1=" + "0" * 64},
        {"x-slack-request-timestamp": ""},
        {"x-slack-request-timestamp": "soon"},
        {"x-slack-request-timestamp": "²"},
        {"x-slack-request-timestamp": "-1"},
        {"x-slack-request-timestamp": "1" * 400},
        {"x-slack-request-timestamp": str(int(NOW.timestamp()) + 1)},
    ],
)
def test_what_is_not_signed_by_the_app_is_refused(
    slack: SlackChannel, fake: FakeSlack, changed: dict[str, str]
) -> None:
    callback = command(fake, "ack 412")
    with pytest.raises(Refused) as refused:
        slack.hear(replace(callback, headers={**callback.headers, **changed}), NOW)
    assert refused.value.status == 403
    assert SECRET not in str(refused.value)


def test_one_changed_byte_is_refused(slack: SlackChannel, fake: FakeSlack) -> None:
    callback = command(fake, "ack 412")
    with pytest.raises(Refused, match="not signed"):
        slack.hear(replace(callback, body=callback.body.replace(b"412", b"413")), NOW)


@pytest.mark.parametrize("seconds", [301, -301, 86_400])
def test_what_is_older_than_five_minutes_or_too_early_is_refused(
    slack: SlackChannel, fake: FakeSlack, seconds: int
) -> None:
    with pytest.raises(Refused, match="too old") as refused:
        slack.hear(command(fake, "ack"), NOW + timedelta(seconds=seconds))
    assert refused.value.status == 403


def test_the_same_request_is_heard_once_however_often_the_account_is_opened(
    slack: SlackChannel, vendor: Slack, account: Account, fake: FakeSlack
) -> None:
    callback = command(fake, "snooze 412 4h")
    assert slack.hear(callback, NOW).heard
    for channel in (slack, vendor.open(account)):
        with pytest.raises(Refused, match="heard before"):
            channel.hear(callback, NOW + timedelta(seconds=200))


def test_another_apps_signature_counts_for_nothing(vendor: Slack, fake: FakeSlack) -> None:
    other = vendor.open(Account("other", {"bot_token": TOKEN, "signing_secret": "f" * 32}))
    with pytest.raises(Refused, match="not signed by this app"):
        other.hear(command(fake, "ack"), NOW)


# -- buttons -------------------------------------------------------------------------------------------------------


def test_a_pressed_button_names_who_which_message_and_what(slack: SlackChannel, fake: FakeSlack) -> None:
    sent = slack.send(f"slack:{OPS}", "", message(), NOW)
    assert isinstance(sent, Sent)

    hearing = slack.hear(fake.press(sent.reference, "tocsin_acknowledge", BO, NOW), NOW)

    assert hearing.heard == (Pressed(f"slack:{BO}", DELIVERY, ActVerb.ACKNOWLEDGE, id="trigger-2"),)
    told = [Told("You acknowledged it. It is yours, and nobody else is paged.")]
    assert hearing.answer(told).body == b""  # at once: Slack waits three seconds
    assert hearing.then is not None
    assert hearing.then(told) is None
    (whisper,) = fake.whispers
    assert whisper["response_type"] == "ephemeral"
    assert whisper["replace_original"] is False
    assert whisper["blocks"][0]["text"]["text"] == told[0].text


def test_a_chosen_time_is_how_long_it_is_snoozed(slack: SlackChannel, fake: FakeSlack) -> None:
    sent = slack.send(f"slack:{BO}", "Bo", message(), NOW)
    assert isinstance(sent, Sent)
    hearing = slack.hear(fake.press(sent.reference, "tocsin_snooze", BO, NOW, option=1), NOW)
    assert hearing.heard == (Pressed(f"slack:{BO}", DELIVERY, ActVerb.SNOOZE, "1h", "trigger-2"),)


def test_the_button_that_opens_a_page_says_nothing(slack: SlackChannel, fake: FakeSlack) -> None:
    sent = slack.send(f"slack:{BO}", "Bo", message(), NOW)
    assert isinstance(sent, Sent)
    hearing = slack.hear(fake.press(sent.reference, "tocsin_link", BO, NOW), NOW)
    assert (hearing.heard, hearing.then) == ((), None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "acknowledge",
        "acknowledge nonsense",
        f"explode {DELIVERY}",
        DELIVERY,
        f"acknowledge {DELIVERY}0",
        None,
        7,
    ],
)
def test_a_value_that_names_no_verb_and_delivery_says_nothing(
    slack: SlackChannel, fake: FakeSlack, value: object
) -> None:
    payload = {"type": "block_actions", "user": {"id": BO}, "actions": [{"type": "button", "value": value}]}
    assert slack.hear(fake.interaction(payload, NOW), NOW).heard == ()


def test_who_is_unknown_or_a_machine_is_told_nothing(slack: SlackChannel, fake: FakeSlack) -> None:
    sent = slack.send(f"slack:{BO}", "Bo", message(), NOW)
    assert isinstance(sent, Sent)
    hearing = slack.hear(fake.press(sent.reference, "tocsin_resolve", BO, NOW), NOW)
    assert hearing.then is not None
    assert hearing.then([Told("a secret", Tone.SILENT)]) is None
    assert hearing.then([Told("")]) is None
    assert fake.whispers == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/answers", "http://169.254.169.254/", "http://hooks.slack.com.evil.example/", "",
        "https://hooks.slack.com@evil.example/", "file:///etc/passwd", "http://127.0.0.1:1/answers",
    ],
)  # fmt: skip
def test_words_are_never_sent_to_another_host_than_slacks(
    slack: SlackChannel, fake: FakeSlack, url: str
) -> None:
    outcome = slack.whisper(url, "You acknowledged it.")
    assert isinstance(outcome, Failed)
    assert "not Slack's" in outcome.why
    assert fake.requests == []


def test_slacks_neighbour_for_answers_is_slacks(outgoing: Outgoing) -> None:
    for api, answers in (("", "https://hooks.slack.com/actions/T1/1/x"),
                         ("https://slack-gov.com/api/", "https://hooks.slack-gov.com/x")):  # fmt: skip
        settings = {"bot_token": TOKEN, "signing_secret": SECRET, "api_url": api}
        channel = Slack(outgoing).open(Account("chat", settings))
        assert channel._is_slacks(answers)
        assert not channel._is_slacks(answers.replace("hooks.", "hooks-"))
        assert not channel._is_slacks(answers.replace("https", "http"))


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verb", "rest"),
    [
        ("", "help", ""),
        ("who", "who", ""),
        ("WHO web", "who", "web"),
        ("ack 412", "ack", "412"),
        ("page &lt;@U0BO|bo&gt; now", "page", "<@U0BO|bo> now"),
        (f"page <@{BO}|bo> the shop is &amp; stays down", "page", f"slack:{BO} the shop is & stays down"),
        ("note 412 see <https://x.example/a?b=1&amp;c|there>", "note", "412 see https://x.example/a?b=1&c"),
        ("note 412 ask <mailto:bo@x.example|bo@x.example>", "note", "412 ask bo@x.example"),
        ("note 412 in <#C1|ops> <!here> <!subteam^S1|@web>", "note", "412 in #ops @here @web"),
        ("snooze 412 2h", "snooze", "412 2h"),
        ("open Checkout fails", "open", "Checkout fails"),
    ],
)
def test_a_command_is_its_verb_and_the_rest(
    slack: SlackChannel, fake: FakeSlack, text: str, verb: str, rest: str
) -> None:
    hearing = slack.hear(command(fake, text), NOW)
    assert hearing.heard == (Commanded(f"slack:{BO}", verb, rest, f"slack:{OPS}", "bo", TRIGGER),)
    reply = hearing.answer([Told("Ada is on call until 18:00 <!channel>.")])
    assert reply.content_type.startswith("application/json")
    answer = json.loads(reply.body)
    assert answer["response_type"] == "ephemeral"
    assert answer["text"] == "Ada is on call until 18:00 &lt;!channel&gt;."
    assert answer["blocks"][0]["text"]["type"] == "plain_text"
    assert hearing.then is None


def test_in_a_conversation_between_two_there_is_no_room(slack: SlackChannel, fake: FakeSlack) -> None:
    (heard,) = slack.hear(command(fake, "who", channel_id="D024BE7LH"), NOW).heard
    assert isinstance(heard, Commanded)
    assert heard.place == ""


def test_a_long_listing_is_told_in_pieces_that_slack_takes(slack: SlackChannel, fake: FakeSlack) -> None:
    hearing = slack.hear(command(fake, "who"), NOW)
    answer = json.loads(hearing.answer([Told("\n".join(f"{n}: somebody" for n in range(3_000)))]).body)
    assert len(answer["blocks"]) == 4
    assert all(len(block["text"]["text"]) <= 3_000 for block in answer["blocks"])
    assert answer["blocks"][-1]["text"]["text"].endswith("…")


def test_connect_says_ones_own_address(slack: SlackChannel, fake: FakeSlack) -> None:
    hearing = slack.hear(command(fake, "connect"), NOW)
    assert hearing.heard == ()
    assert f"slack:{BO}" in json.loads(hearing.answer([]).body)["text"]


def test_a_check_of_the_connection_is_answered_with_nothing(slack: SlackChannel, fake: FakeSlack) -> None:
    assert slack.hear(command(fake, "", ssl_check="1"), NOW).heard == ()
    assert slack.hear(fake.form({"ssl_check": "1", "token": "x"}, NOW), NOW).heard == ()


# -- the window ----------------------------------------------------------------------------------------------------


def submitted(view: dict[str, Any], **values: str | None) -> dict[str, Any]:
    """What Slack sends when the window `view` is submitted with `values`."""
    state = {name: {"value": {"type": "plain_text_input", "value": value}} for name, value in values.items()}
    choice = next(block for block in view["blocks"] if block["block_id"] == "urgency")["element"]
    state["urgency"] = {"value": {"type": "radio_buttons", "selected_option": choice["options"][0]}}
    shown = {**view, "id": "V1", "state": {"values": state}}
    return {"type": "view_submission", "user": {"id": BO, "username": "bo", "name": "bo"}, "view": shown}


def test_open_alone_shows_a_window_within_the_answer(slack: SlackChannel, fake: FakeSlack) -> None:
    hearing = slack.hear(command(fake, "open"), NOW)

    assert hearing.heard == ()
    assert hearing.answer([]).body == b""
    assert hearing.then is not None
    assert hearing.then([]) is None
    (window,) = fake.windows
    assert window["trigger_id"] == TRIGGER
    View(**window["view"]).to_dict()  # raises where Slack's own model finds a form that Slack refuses


def test_what_is_written_in_the_window_is_a_report_in_their_own_words(
    slack: SlackChannel, fake: FakeSlack
) -> None:
    view = modal.view(f"slack:{OPS}")
    payload = submitted(view, title="Nobody can pay", text="Since lunch.\n<!channel>", service=None)

    hearing = slack.hear(fake.interaction(payload, NOW), NOW)

    assert hearing.heard == (
        Reported(
            f"slack:{BO}", "Nobody can pay", "Since lunch.\n<!channel>", "", True, f"slack:{OPS}", "bo", "V1"
        ),
    )
    done = json.loads(hearing.answer([Told("Incident #413 is open; Ada is paged.")]).body)
    assert done["response_action"] == "update"
    assert done["view"]["blocks"][0]["text"]["text"] == "Incident #413 is open; Ada is paged."
    View(**done["view"]).to_dict()
    asked = json.loads(hearing.answer([Told("No service is called so.", Tone.ASKED)]).body)
    assert asked == {"response_action": "errors", "errors": {"title": "No service is called so."}}
    wrong = json.loads(hearing.answer([Told("There is none.", Tone.NOT_DONE, about="service")]).body)
    assert wrong["errors"] == {"service": "There is none."}


def test_a_message_of_somebodys_is_reported_with_its_words(slack: SlackChannel, fake: FakeSlack) -> None:
    payload = {
        "type": "message_action", "callback_id": "tocsin_report", "trigger_id": "1.2", "user": {"id": BO},
        "channel": {"id": OPS}, "message": {"text": "is &lt;pay&gt; down for <@U0BOBOBOB>?"},
    }  # fmt: skip
    hearing = slack.hear(fake.interaction(payload, NOW), NOW)
    assert hearing.then is not None
    hearing.then([])
    (window,) = fake.windows
    assert window["view"]["private_metadata"] == f"slack:{OPS}"
    assert window["view"]["blocks"][1]["element"]["initial_value"] == "is <pay> down for slack:U0BOBOBOB?"
    View(**window["view"]).to_dict()


def test_a_window_of_somebody_elses_says_nothing(slack: SlackChannel, fake: FakeSlack) -> None:
    payload = submitted(modal.view(""), title="x", text="", service="")
    payload["view"]["callback_id"] = "another"
    assert slack.hear(fake.interaction(payload, NOW), NOW).heard == ()


# -- what people write to it ---------------------------------------------------------------------------------------


def written(text: object = "ack", **more: object) -> dict[str, Any]:
    event = {
        "type": "message",
        "channel_type": "im",
        "channel": "D024BE7LH",
        "user": BO,
        "text": text,
        "ts": "1.2",
    }
    return {"type": "event_callback", "event_id": "Ev1", "event": {**event, **more}}


def test_the_address_for_events_is_proved_by_its_challenge(slack: SlackChannel, fake: FakeSlack) -> None:
    event = {"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    assert slack.hear(fake.event(event, NOW), NOW).answer([]).body.decode() == event["challenge"]


def test_words_in_a_conversation_are_heard_and_answered_there(slack: SlackChannel, fake: FakeSlack) -> None:
    first = slack.send(f"slack:{BO}", "Bo", message(), NOW)
    assert isinstance(first, Sent)
    ts = first.reference.partition("/")[2]

    hearing = slack.hear(fake.event(written("ack &amp; looking", thread_ts=ts), NOW), NOW)

    assert hearing.heard == (Written(f"slack:{BO}", "ack & looking", reference=first.reference, id="Ev1"),)
    assert hearing.answer([Told("Done.")]).body == b""
    assert hearing.then is not None
    assert hearing.then([Told("Done <!here>.")]) is None
    said = fake.requests[-1]
    assert (said.path, said.data["channel"], said.data["thread_ts"]) == (
        "/api/chat.postMessage",
        "D024BE7LH",
        ts,
    )
    assert said.data["text"] == "Done &lt;!here&gt;."


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B1"},  # our own words come back
        {"subtype": "message_changed"},
        {"channel_type": "channel"},
        {"user": None},
        {"text": ""},
        {"type": "reaction_added"},
    ],
)
def test_what_is_not_somebodys_new_words_says_nothing(
    slack: SlackChannel, fake: FakeSlack, more: dict[str, object]
) -> None:
    assert slack.hear(fake.event(written(**more), NOW), NOW).heard == ()


def test_what_slack_repeats_because_our_answer_was_late_is_not_heard_twice(
    slack: SlackChannel, fake: FakeSlack
) -> None:
    late = {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"}
    assert slack.hear(fake.event(written(), NOW, **late), NOW).heard == ()
    missed = {"x-slack-retry-num": "1", "x-slack-retry-reason": "connection_failed"}
    assert slack.hear(fake.event(written(), NOW, **missed), NOW).heard


# -- what cannot be read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"payload=%7B"),
        (FORM, b"payload=[]"),
        (FORM, b"payload=%7B%22type%22%3A%22block_actions%22%7D"),
        (
            FORM,
            urlencode({"payload": '{"type":"block_actions","user":{"id":"U024BE7LH"},"actions":7}'}).encode(),
        ),
        (
            FORM,
            urlencode({"payload": '{"type":"view_submission","user":{"id":"U024BE7LH"},"view":[]}'}).encode(),
        ),
        (FORM, b"command=/tocsin&text=ack"),
        (FORM, b"command=/tocsin&text=ack&user_id=evil"),
        (FORM, b"command=/tocsin&text=open&user_id=U024BE7LH"),
        (FORM, b"\xff\xfe=1"),
        (FORM, b"&".join(b"a%d=1" % n for n in range(200))),
        ("application/json", b"{"),
        ("application/json", b"7"),
        ("application/json", b'{"type":"url_verification"}'),
        ("application/json", b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(slack: SlackChannel, kind: str, body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        slack.hear(signed(body, kind, NOW), NOW)
    assert refused.value.status == 400


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), st.sampled_from(TEXTS[:20])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("type", "user", "id", "actions", "value", "view", "state", "callback_id", "event",
                             "channel", "text", "values", "channel_type", "selected_option")),
            inner, max_size=5),
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=_JSON,
    kind=st.sampled_from(("block_actions", "view_submission", "message_action", "shortcut", "")),
)
def test_whatever_a_signed_request_holds_it_is_read_or_refused(
    vendor: Slack, account: Account, payload: Any, kind: str
) -> None:
    shaped = {**payload, "type": kind} if kind and isinstance(payload, dict) else payload
    for body, content in (
        (urlencode({"payload": json.dumps(shaped)}).encode(), FORM),
        (json.dumps({"type": "event_callback", "event": payload}).encode(), "application/json"),
    ):
        try:
            heard = Slack(vendor._outgoing).open(account).hear(signed(body, content, NOW), NOW).heard
        except Refused as refused:
            assert refused.status == 400
        else:
            for one in heard:
                assert one.address.startswith("slack:U") or one.address.startswith("slack:W")  # type: ignore[union-attr]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts)
def test_whatever_somebody_types_can_be_stored_and_told(vendor: Slack, account: Account, typed: str) -> None:
    body = urlencode(
        {"command": "/tocsin", "user_id": BO, "text": f"note {typed}"}, errors="replace"
    ).encode()
    for one in Slack(vendor._outgoing).open(account).hear(signed(body, FORM, NOW), NOW).heard:
        assert isinstance(one, Commanded)
        one.rest.encode()
        assert "\x00" not in one.rest
        assert len(one.rest) <= 4_000
