"""What Slack gets, and what its answers mean. The real `slack_sdk` reads and checks both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block

from tests.channels.hostile import DELIVERY, LINK, message, messages
from tocsin.channels import chatting
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.slack import Slack, blocks
from tocsin.channels.slack.channel import SlackChannel
from tocsin.channels.slack.words import failure
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Act, ActVerb, Blame, Failed, Sent
from tocsin.notification.vendors import Account
from tocsin.testing.fakes import Mood, running
from tocsin.testing.fakes.slack import SECRET, TOKEN, FakeSlack

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
SETTINGS = {"bot_token": TOKEN, "signing_secret": SECRET}


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    with running(FakeSlack()) as chat:
        yield chat


@pytest.fixture
def slack(outgoing: Outgoing, fake: FakeSlack) -> SlackChannel:
    return Slack(outgoing).open(Account("chat", {**SETTINGS, "api_url": f"{fake.url}/api/"}))


def texts_of(value: Any) -> list[str]:
    """Every text that is shown, wherever it stands."""
    if isinstance(value, list):
        return [text for one in value for text in texts_of(one)]
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") in ("plain_text", "mrkdwn") else []
        return own + [
            text for name, one in value.items() if name != "text" or not own for text in texts_of(one)
        ]
    return []


# -- the request ---------------------------------------------------------------------------------------------------


def test_a_page_is_one_message_whose_buttons_name_delivery_and_verb(
    slack: SlackChannel, fake: FakeSlack
) -> None:
    page = message("[P1] Checkout fails · Web shop #412", "Web shop: Checkout fails", "Since 09:00 UTC.")

    assert slack.send("slack:U024BE7LH", "Bo", page, NOW) == Sent(
        "D024BE7LH/1772442000.000001", confirmed=True
    )

    (request,) = fake.requests
    assert (request.method, request.path) == ("POST", "/api/chat.postMessage")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    sent = dict(request.data)
    shown = sent.pop("blocks")
    assert sent == {
        "channel": "U024BE7LH",
        "text": "[P1] Checkout fails · Web shop #412",
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    header, badge, facts, actions = shown
    assert header["text"] == {
        "type": "plain_text",
        "text": "[P1] Checkout fails · Web shop #412",
        "emoji": False,
    }
    assert badge["elements"][0]["text"] == "🔴 P1 · major impact · triggered"
    assert facts["text"]["text"] == "Since 09:00 UTC."  # the other line says no more than the subject
    assert [e.get("value") or e.get("url") or e["options"][0]["value"] for e in actions["elements"]] == [
        f"acknowledge {DELIVERY}",
        f"resolve {DELIVERY}",
        f"escalate {DELIVERY}",
        f"snooze {DELIVERY} 30m",
        LINK,
    ]
    assert [e.get("style") for e in actions["elements"]] == ["primary", None, None, None, None]
    assert "tocsin.example/a/" not in json.dumps(shown)  # such a link acts for whoever opens it


def test_it_is_the_request_that_slacks_own_client_makes(slack: SlackChannel, fake: FakeSlack) -> None:
    slack.send("slack:C012AB3CD", "", message(), NOW)
    client = WebClient(TOKEN, base_url=f"{fake.url}/api/")
    client.chat_postMessage(channel="C012AB3CD", **blocks.QUIETLY, **blocks.body(message()))

    ours, theirs = fake.requests
    assert ours.path == theirs.path
    assert ours.data == theirs.data
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    kinds = {one.headers["content-type"].lower().replace(" ", "") for one in (ours, theirs)}
    assert kinds == {"application/json;charset=utf-8"}


def test_slacks_own_client_understands_what_our_fake_says(fake: FakeSlack) -> None:
    client = WebClient(TOKEN, base_url=f"{fake.url}/api/")
    posted = client.chat_postMessage(channel="C1", text="hello")
    assert client.chat_update(channel=posted["channel"], ts=posted["ts"], text="changed")["ok"]
    with pytest.raises(SlackApiError, match="message_not_found"):
        client.chat_update(channel="C1", ts="1.2", text="changed")
    fake.mood = Mood.BUSY
    with pytest.raises(SlackApiError) as busy:
        client.chat_postMessage(channel="C1", text="hello")
    assert busy.value.response.status_code == 429
    assert busy.value.response.headers["Retry-After"] == "30"


def test_what_a_message_replaces_is_changed_and_keeps_its_name(slack: SlackChannel, fake: FakeSlack) -> None:
    first = slack.send("slack:C012AB3CD", "", message(), NOW)
    assert isinstance(first, Sent)
    later = message("Acknowledged by Bo: Checkout fails", replaces=first.reference, state="acknowledged")
    later = replace(later, acts=later.acts[1:])

    assert slack.send("slack:C012AB3CD", "", later, NOW) == first

    request = fake.requests[-1]
    assert request.path == "/api/chat.update"
    assert set(request.data) == {"channel", "ts", "text", "blocks", "parse", "link_names"}
    assert (request.data["channel"], request.data["ts"]) == tuple(first.reference.split("/"))
    shown = fake.messages[first.reference]
    values = [e.get("value", "").partition(" ")[0] for e in shown["blocks"][-1]["elements"]]
    assert values == ["resolve", "escalate", "", ""]  # and the snooze menu and the link


@pytest.mark.parametrize("state", ["resolved", "closed"])
def test_what_is_over_has_no_buttons_but_the_link(state: str) -> None:
    (actions,) = [block for block in blocks.blocks(message(state=state)) if block["type"] == "actions"]
    assert [element["action_id"] for element in actions["elements"]] == ["tocsin_link"]


def test_in_a_room_what_follows_stands_in_the_thread_of_the_first_and_a_new_page_beside_it_too(
    slack: SlackChannel, fake: FakeSlack
) -> None:
    first = slack.send("slack:C012AB3CD", "", message(), NOW)
    assert isinstance(first, Sent)
    follow = replace(message(), parent=first.reference)

    slack.send("slack:C012AB3CD", "", follow, NOW)
    slack.send("slack:C012AB3CD", "", replace(follow, kind="place"), NOW)  # what rooms are told
    slack.send("slack:C012AB3CD", "", replace(follow, kind="notice"), NOW)

    assert [request.data.get("thread_ts") for request in fake.requests[1:]] == ["1772442000.000001"] * 3
    assert [request.data.get("reply_broadcast") for request in fake.requests[1:]] == [True, True, False]


def test_a_person_gets_each_page_as_a_message_of_its_own(slack: SlackChannel, fake: FakeSlack) -> None:
    """A reply in a thread rings no phone."""
    first = slack.send("slack:U024BE7LH", "Bo", message(), NOW)
    assert isinstance(first, Sent)
    slack.send("slack:U024BE7LH", "Bo", replace(message(), parent=first.reference), NOW)
    assert "thread_ts" not in fake.requests[-1].data


@pytest.mark.parametrize("parent", ["C012AB3CD/1.000001", "C999/1772442000.000001", "nonsense", "../x", ""])
def test_a_thread_that_is_gone_or_elsewhere_keeps_no_message_back(
    slack: SlackChannel, fake: FakeSlack, parent: str
) -> None:
    assert isinstance(slack.send("slack:C012AB3CD", "", replace(message(), parent=parent), NOW), Sent)
    (stored,) = fake.messages.values()
    assert "thread_ts" not in stored


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long", "no_text"])
def test_a_message_that_slack_cannot_read_goes_in_plain_letters_with_its_buttons(
    slack: SlackChannel, fake: FakeSlack, word: str
) -> None:
    fake.errors = [word]
    assert isinstance(slack.send("slack:C012AB3CD", "", message("[P1] Überlast 💥 #412"), NOW), Sent)
    (stored,) = fake.messages.values()
    assert stored["text"] == "[P1] ?berlast ? #412"
    assert "could not be rendered" in stored["blocks"][1]["text"]["text"]
    assert stored["blocks"][-1]["elements"][0]["value"] == f"acknowledge {DELIVERY}"


# -- what its answers mean -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "again", "blame", "why"),
    [
        ("channel_not_found", False, Blame.UNKNOWN, "no such person or room"),
        ("not_in_channel", False, Blame.ADDRESS, "invite it there"),
        ("is_archived", False, Blame.ADDRESS, "archived"),
        ("user_disabled", False, Blame.ADDRESS, "switched off"),
        ("invalid_auth", False, Blame.PROVIDER, "the bot token is not valid"),
        ("token_revoked", False, Blame.PROVIDER, "revoked"),
        ("missing_scope", False, Blame.PROVIDER, "install it again with the manifest"),
        ("ratelimited", True, Blame.PROVIDER, "asked too often"),
        ("internal_error", True, Blame.PROVIDER, "a fault of its own"),
        ("something_new_<!channel>", True, Blame.UNKNOWN, "something_new"),
    ],
)
def test_slacks_words_are_said_in_a_sentence_with_whose_fault_it_is(
    slack: SlackChannel, fake: FakeSlack, word: str, again: bool, blame: Blame, why: str
) -> None:
    fake.errors = [word]
    outcome = slack.send("slack:C012AB3CD", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.again, outcome.blame) == (again, blame)
    assert why in outcome.why
    assert outcome == failure(word)


def test_who_asks_for_patience_is_not_called_before_and_other_methods_are(
    slack: SlackChannel, fake: FakeSlack
) -> None:
    first = slack.send("slack:C012AB3CD", "", message(), NOW)
    assert isinstance(first, Sent)
    fake.mood = Mood.BUSY
    asked = slack.send("slack:C012AB3CD", "", message(), NOW)
    assert isinstance(asked, Failed)
    assert (asked.again, asked.after, asked.blame) == (True, timedelta(seconds=30), Blame.PROVIDER)

    fake.mood = Mood.WELL
    held = slack.send("slack:U024BE7LH", "Bo", message(), NOW + timedelta(seconds=29))
    assert isinstance(held, Failed)
    assert held.after == timedelta(seconds=1)
    assert len(fake.requests) == 2
    assert slack.send("slack:C012AB3CD", "", replace(message(), replaces=first.reference), NOW) == first
    assert isinstance(slack.send("slack:U024BE7LH", "Bo", message(), NOW + timedelta(seconds=30)), Sent)


def test_too_many_changes_are_not_held_against_the_account(slack: SlackChannel, fake: FakeSlack) -> None:
    """Slack lets fewer changes pass than messages; pages must still go."""
    fake.mood = Mood.BUSY
    change = replace(message(), replaces="C012AB3CD/1.000001")
    for _ in range(2):  # asked to wait, and waiting
        outcome = slack.send("slack:C012AB3CD", "", change, NOW)
        assert isinstance(outcome, Failed)
        assert (outcome.after, outcome.blame) == (timedelta(seconds=30), Blame.ADDRESS)
    assert len(fake.requests) == 1
    fake.mood = Mood.WELL
    assert isinstance(slack.send("slack:C012AB3CD", "", message(), NOW), Sent)


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.HANGS, Mood.DROPS])
def test_a_bad_day_of_slacks_is_tried_again(slack: SlackChannel, fake: FakeSlack, mood: Mood) -> None:
    fake.mood = mood
    outcome = slack.send("slack:C012AB3CD", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.again
    assert outcome.blame is Blame.PROVIDER
    assert TOKEN not in outcome.why


def test_a_message_that_was_deleted_is_not_changed_and_not_posted_anew(
    slack: SlackChannel, fake: FakeSlack
) -> None:
    outcome = slack.send("slack:C012AB3CD", "", replace(message(), replaces="C012AB3CD/1.000001"), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.again
    assert fake.messages == {}


def test_a_wrong_token_says_so_and_is_not_repeated(outgoing: Outgoing, fake: FakeSlack) -> None:
    settings = {**SETTINGS, "bot_token": "xoxb-another-token", "api_url": f"{fake.url}/api"}
    outcome = Slack(outgoing).open(Account("chat", settings)).send("slack:U024BE7LH", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert "the bot token is not valid" in outcome.why
    assert "xoxb" not in outcome.why


def test_somebody_is_found_by_the_address_that_both_know(slack: SlackChannel, fake: FakeSlack) -> None:
    fake.people["bo+x@example.com"] = "U024BE7LH"
    assert slack.find("bo+x@example.com") == "slack:U024BE7LH"
    with pytest.raises(Refused, match="nobody in the workspace"):
        slack.find("cy@example.com")
    fake.mood = Mood.BROKEN
    with pytest.raises(Refused, match="fault of its own"):
        slack.find("bo+x@example.com")


# -- accounts and addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        (" SLACK: U024BE7LH", "slack:U024BE7LH"),
        ("slack:W012A3CDE", "slack:W012A3CDE"),
        ("slack:C012AB3CD", "slack:C012AB3CD"),
    ],
)
def test_an_address_is_a_member_or_a_room(slack: SlackChannel, address: str, plain: str) -> None:
    assert slack.check(address) == plain


@pytest.mark.parametrize(
    "address",
    [
        "slack:",
        "slack:@bo",
        "slack:#ops",
        "slack:general",
        "slack:D024BE7LH",
        "slack:U024BE\n7LH",
        "slack:U1",
    ],
)
def test_names_are_no_addresses_for_they_change(slack: SlackChannel, address: str) -> None:
    with pytest.raises(Refused, match="not an address in Slack"):
        slack.check(address)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({}, "bot_token"),
        ({"bot_token": "xoxb-0000000000\r\nX: y", "signing_secret": SECRET}, "bot_token"),
        ({"bot_token": TOKEN}, "signing_secret"),
        ({**SETTINGS, "api_url": "ftp://slack.com/"}, "api_url"),
        ({**SETTINGS, "api_url": "https://user@slack.com/api/"}, "api_url"),
    ],
)
def test_an_account_that_cannot_be_right_is_refused_by_its_field(
    outgoing: Outgoing, settings: dict[str, str], where: str
) -> None:
    with pytest.raises(Refused) as refused:
        Slack(outgoing).open(Account("chat", settings))
    assert refused.value.where == where


def test_the_manifest_calls_us_and_asks_for_no_more_than_is_needed(outgoing: Outgoing) -> None:
    app = Slack(outgoing).manifest("https://tocsin.example/channels/chat")
    called = json.dumps(app).count("https://tocsin.example/channels/chat")
    assert called == 3  # the command, what is pressed, what is written
    scopes = set(app["oauth_config"]["scopes"]["bot"])
    assert scopes == {
        "chat:write", "chat:write.public", "commands", "im:history", "users:read", "users:read.email"
    }  # fmt: skip
    assert len(app["display_information"]["name"]) <= 35
    assert len(app["display_information"]["description"]) <= 140
    assert all(len(one["name"]) <= 24 for one in app["features"]["shortcuts"])


# -- hostile texts (TRUST C20 - C27) -------------------------------------------------------------------------------


@settings(max_examples=300)
@given(messages())
def test_nothing_of_an_alerts_text_becomes_structure(hostile: Any) -> None:
    body = blocks.body(hostile)

    assert "mrkdwn" not in [block.get("type") for block in json.loads(json.dumps(body["blocks"]))]
    assert '"type": "mrkdwn"' not in json.dumps(body["blocks"])
    for block in Block.parse_all(body["blocks"]):
        block.to_dict()  # raises where Slack's own model finds a length or a form that Slack refuses
    for text in texts_of(body["blocks"]):
        assert text.strip()
        assert chatting.units(text) <= blocks.TEXT_MAX
    assert chatting.units(body["blocks"][0]["text"]["text"]) <= blocks.HEADER_MAX
    links = [e["url"] for block in body["blocks"] for e in block.get("elements", ()) if "url" in e]
    assert links == [LINK]
    values = [e["value"] for block in body["blocks"] for e in block.get("elements", ()) if "value" in e]
    assert all(value.partition(" ")[2] == DELIVERY for value in values)
    check_fallback(body["text"])
    check_fallback(blocks.answer(hostile.subject)["text"])
    json.dumps(body).encode("ascii")


def check_fallback(text: str) -> None:
    """What Slack might read as markup has none in it."""
    assert "<" not in text and ">" not in text
    bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in bare
    assert chatting._EMOJI.search(text) is None
    assert chatting._MENTION.search(text) is None


def test_only_web_addresses_are_opened_by_a_button() -> None:
    for link in (
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://bank.example@evil.example/",
        "data:,x",
        "",
    ):
        elements = blocks.blocks(message(link=link, acts=()))
        assert all(block["type"] != "actions" for block in elements)


def test_words_on_buttons_are_cut_and_a_choice_of_times_is_offered_once() -> None:
    acts = (Act(ActVerb.SNOOZE, "S" * 200, ""), Act(ActVerb.RESOLVE, "", ""))
    (actions,) = [block for block in blocks.blocks(message(acts=acts)) if block["type"] == "actions"]
    snooze, resolve, link = actions["elements"]
    assert len(snooze["text"]["text"]) == 75
    assert resolve["text"]["text"] == "Resolve"
    assert link["url"] == LINK


def test_texts_are_cut_between_characters_as_slack_counts_them() -> None:
    family = "👩‍👩‍👧‍👦"
    short = chatting.shorten(family * 100, 150)
    assert chatting.units(short) <= 150
    assert short.removesuffix("…") == family * (len(short) // len(family))
