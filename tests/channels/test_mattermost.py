"""What Mattermost gets, what its answers mean, and what it tells us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from tests.channels.hostile import DELIVERY, LINK, message, messages, texts
from tocsin.channels import chatting
from tocsin.channels.mattermost import Mattermost, posts
from tocsin.channels.mattermost.channel import MattermostChannel
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.wording import clean
from tocsin.kernel.errors import Refused
from tocsin.notification.hearing import Commanded, Pressed, Told, Tone
from tocsin.notification.rules import ActVerb, Blame, Failed, Sent
from tocsin.notification.vendors import Account
from tocsin.testing.fakes import Mood, running
from tocsin.testing.fakes.mattermost import BOT, COMMAND_TOKEN, TOKEN, FakeMattermost

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
BO, OPS = "bobobobobobobobobobobobo26", "opsopsopsopsopsopsopsops26"
OURS = "https://tocsin.example/channels/chat"
ACCOUNT = Account("chat", {"url": "http://x", "bot_token": TOKEN}, OURS)


@pytest.fixture
def fake() -> Iterator[FakeMattermost]:
    with running(FakeMattermost()) as chat:
        yield chat


@pytest.fixture
def mattermost(outgoing: Outgoing, fake: FakeMattermost) -> MattermostChannel:
    return opened(outgoing, fake)


def opened(outgoing: Outgoing, fake: FakeMattermost, id: str = "chat", **more: str) -> MattermostChannel:
    given = {"url": fake.url, "bot_token": TOKEN, "command_token": COMMAND_TOKEN, **more}
    return Mattermost(outgoing).open(Account(id, given, OURS))


# -- the request ---------------------------------------------------------------------------------------------------


def test_a_page_to_a_person_is_a_post_in_the_conversation_with_them(
    mattermost: MattermostChannel, fake: FakeMattermost
) -> None:
    page = message("[P1] Checkout fails · Web shop #412", "Since 09:00 UTC.")

    sent = mattermost.send(f"mattermost:{BO}", "Bo", page, NOW)

    assert sent == Sent("0" * 25 + "1", confirmed=True)
    assert [(request.method, request.path) for request in fake.requests] == [
        ("GET", "/api/v4/users/me"),
        ("POST", "/api/v4/channels/direct"),
        ("POST", "/api/v4/posts"),
    ]
    assert fake.requests[1].data == {"": [BOT, BO]}
    post = fake.requests[2].data
    (attachment,) = post["props"]["attachments"]
    actions = attachment.pop("actions")
    assert post["channel_id"] == f"d{BO[1:]}"
    assert post["message"] == "\\[P1\\] Checkout fails · Web shop \\#412"
    assert attachment == {
        "fallback": post["message"],
        "color": "#c0392b",
        "text": f"🔴 P1 · major impact · triggered\n\nSince 09:00 UTC.\n\n[Open in Tocsin]({LINK})",
    }
    assert [(one["id"], one["type"], one["name"]) for one in actions] == [
        ("acknowledge", "button", "Acknowledge"),
        ("resolve", "button", "Resolve"),
        ("escalate", "button", "Escalate"),
        ("snooze", "select", "Snooze"),
    ]
    assert {one["integration"]["url"] for one in actions} == {OURS}
    assert actions[0]["integration"]["context"]["delivery"] == DELIVERY
    assert actions[3]["options"][1] == {"text": "1 hour", "value": "1h"}
    assert "tocsin.example/a/" not in json.dumps(post)

    mattermost.send(f"mattermost:{BO}", "Bo", page, NOW)
    assert len(fake.requests) == 4  # the conversation is known now


def test_in_a_room_what_follows_stands_in_the_thread_of_the_first(
    mattermost: MattermostChannel, fake: FakeMattermost
) -> None:
    first = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(first, Sent)
    follow = mattermost.send(f"mattermost:~{OPS}", "", message(parent=first.reference), NOW)
    assert isinstance(follow, Sent)
    assert fake.messages[follow.reference]["root_id"] == first.reference
    lost = mattermost.send(f"mattermost:~{OPS}", "", message(parent="x" * 26), NOW)
    assert isinstance(lost, Sent)
    assert "root_id" not in fake.messages[lost.reference]


def test_what_a_message_replaces_is_changed(mattermost: MattermostChannel, fake: FakeMattermost) -> None:
    first = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(first, Sent)
    later = message("Resolved by Bo", replaces=first.reference, state="resolved")
    assert mattermost.send(f"mattermost:~{OPS}", "", later, NOW) == first
    assert fake.requests[-1].method == "PUT"
    assert fake.requests[-1].path == f"/api/v4/posts/{first.reference}/patch"
    assert fake.messages[first.reference]["message"] == "Resolved by Bo"
    assert fake.messages[first.reference]["props"]["attachments"][0]["actions"] == []


def test_without_an_address_of_ours_there_are_no_buttons() -> None:
    body = posts.body(message(), replace(ACCOUNT, callback_url=""), TOKEN)
    assert body["props"]["attachments"][0]["actions"] == []


# -- what its answers mean -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "again", "blame", "why"),
    [
        (
            (401, "api.context.session_expired.app_error", "x"),
            False,
            Blame.PROVIDER,
            "bot token is not valid",
        ),
        (
            (403, "api.context.permissions.app_error", "You do not have the right"),
            False,
            Blame.UNKNOWN,
            "the right",
        ),
        (
            (404, "app.channel.get.existing.app_error", "Unable to find"),
            False,
            Blame.UNKNOWN,
            "Unable to find",
        ),
        (
            (400, "model.post.is_valid.msg.app_error", "Invalid message."),
            False,
            Blame.UNKNOWN,
            "Invalid message.",
        ),
        ((500, "app.post.save.app_error", "Unable to save"), True, Blame.PROVIDER, "a fault of its own"),
    ],
)
def test_its_answers_say_whose_fault_it_is(
    mattermost: MattermostChannel,
    fake: FakeMattermost,
    error: tuple[int, str, str],
    again: bool,
    blame: Blame,
    why: str,
) -> None:
    fake.errors = [error]
    outcome = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.again, outcome.blame) == (again, blame)
    assert why in outcome.why


def test_who_asks_for_patience_is_left_alone(mattermost: MattermostChannel, fake: FakeMattermost) -> None:
    fake.mood = Mood.BUSY
    asked = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(asked, Failed)
    assert asked.after == timedelta(seconds=30)
    fake.mood = Mood.WELL
    assert isinstance(
        mattermost.send(f"mattermost:{BO}", "Bo", message(), NOW + timedelta(seconds=29)), Failed
    )
    assert len(fake.requests) == 1
    assert isinstance(mattermost.send(f"mattermost:{BO}", "Bo", message(), NOW + timedelta(seconds=30)), Sent)


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.HANGS, Mood.DROPS])
def test_a_bad_day_is_tried_again(mattermost: MattermostChannel, fake: FakeMattermost, mood: Mood) -> None:
    fake.mood = mood
    outcome = mattermost.send(f"mattermost:{BO}", "Bo", message(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.again, outcome.blame) == (True, Blame.PROVIDER)


def test_somebody_is_found_by_the_address_that_both_know(
    mattermost: MattermostChannel, fake: FakeMattermost
) -> None:
    fake.people["bo+x@example.com"] = BO
    assert mattermost.find("bo+x@example.com") == f"mattermost:{BO}"
    with pytest.raises(Refused, match="Unable to find"):
        mattermost.find("../../users/me")


# -- accounts and addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["mattermost:", "mattermost:@bo", "mattermost:town-square", "mattermost:~~" + OPS]
)
def test_names_are_no_addresses(mattermost: MattermostChannel, address: str) -> None:
    with pytest.raises(Refused, match="not an address in Mattermost"):
        mattermost.check(address)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"url": ""}, "url"),
        ({"url": "javascript:x"}, "url"),
        ({"bot_token": ""}, "bot_token"),
        ({"bot_token": "a\r\nX: y" * 3}, "bot_token"),
        ({"command_token": "short"}, "command_token"),
    ],
)
def test_an_account_that_cannot_be_right_is_refused_by_its_field(
    outgoing: Outgoing, fake: FakeMattermost, more: dict[str, str], where: str
) -> None:
    with pytest.raises(Refused) as refused:
        opened(outgoing, fake, **more)
    assert refused.value.where == where


# -- back ----------------------------------------------------------------------------------------------------------


def test_a_pressed_button_names_who_which_message_and_what(
    mattermost: MattermostChannel, fake: FakeMattermost
) -> None:
    sent = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(sent, Sent)

    hearing = mattermost.hear(fake.press(sent.reference, "acknowledge", BO), NOW)

    assert hearing.heard == (Pressed(f"mattermost:{BO}", DELIVERY, ActVerb.ACKNOWLEDGE, "", "trigger2"),)
    reply = json.loads(hearing.answer([Told("@all: it is [yours](x).")]).body)
    assert reply["ephemeral_text"] == "@\u2060all: it is \\[yours\\](x)."
    assert json.loads(hearing.answer([Told("", Tone.SILENT)]).body) == {}
    snoozed = mattermost.hear(fake.press(sent.reference, "snooze", BO, option=2), NOW)
    assert snoozed.heard == (Pressed(f"mattermost:{BO}", DELIVERY, ActVerb.SNOOZE, "4h", "trigger3"),)


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "resolve"},
        {"delivery": "6f6ddc0c-6a24-4b0e-bc5f-6d6a2f1a7a12"},
        {"seal": ""},
        {"seal": None},
        {"seal": "x" * 16},
        {"verb": "explode"},
    ],
)
def test_a_button_that_we_never_made_is_refused(
    mattermost: MattermostChannel, fake: FakeMattermost, change: dict[str, Any]
) -> None:
    sent = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(sent, Sent)
    callback = fake.press(sent.reference, "acknowledge", BO)
    request = json.loads(callback.body)
    request["context"] |= change
    with pytest.raises(Refused) as refused:
        mattermost.hear(replace(callback, body=json.dumps(request).encode()), NOW)
    assert refused.value.status == 403


def test_a_button_of_another_account_is_refused(
    mattermost: MattermostChannel, fake: FakeMattermost, outgoing: Outgoing
) -> None:
    sent = mattermost.send(f"mattermost:~{OPS}", "", message(), NOW)
    assert isinstance(sent, Sent)
    other = opened(outgoing, fake, id="other")
    with pytest.raises(Refused, match="none of ours"):
        other.hear(fake.press(sent.reference, "acknowledge", BO), NOW)


def test_a_command_is_its_verb_and_the_rest_with_people_by_their_ids(
    mattermost: MattermostChannel, fake: FakeMattermost
) -> None:
    callback = fake.command(BO, "page @ada @ada.l now", user_mentions=["ada"], user_mentions_ids=["a" * 26])
    hearing = mattermost.hear(callback, NOW)
    room = f"mattermost:~{'c' * 26}"
    rest = f"mattermost:{'a' * 26} @ada.l now"
    assert hearing.heard == (Commanded(f"mattermost:{BO}", "page", rest, room, "bo", "trigger1"),)
    answer = json.loads(hearing.answer([Told("# Ada\n- is paged")]).body)
    assert answer["response_type"] == "ephemeral"
    assert answer["skip_slack_parsing"] is True
    assert answer["text"] == "\\# Ada\n\u2060- is paged"


def test_connect_says_ones_own_address(mattermost: MattermostChannel, fake: FakeMattermost) -> None:
    hearing = mattermost.hear(fake.command(BO, "connect"), NOW)
    assert hearing.heard == ()
    assert f"mattermost:{BO}" in json.loads(hearing.answer([]).body)["text"]


@pytest.mark.parametrize("token", ["", "another", COMMAND_TOKEN + "x", "é"])
def test_a_command_without_the_accounts_token_is_refused(
    mattermost: MattermostChannel, fake: FakeMattermost, token: str
) -> None:
    with pytest.raises(Refused) as refused:
        mattermost.hear(fake.command(BO, "ack 412", token), NOW)
    assert refused.value.status == 403


def test_an_account_without_a_command_token_takes_no_command(
    outgoing: Outgoing, fake: FakeMattermost
) -> None:
    for token in ("", COMMAND_TOKEN):
        with pytest.raises(Refused) as refused:
            opened(outgoing, fake, command_token="").hear(fake.command(BO, "ack", token), NOW)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'{"context":7}'),
        ("application/json", b"[" * 100_000),
        ("application/x-www-form-urlencoded", b"text=ack"),
        ("application/x-www-form-urlencoded", b"\xff"),
    ],
)
def test_what_cannot_be_read_is_refused(
    mattermost: MattermostChannel, fake: FakeMattermost, kind: str, body: bytes
) -> None:
    callback = replace(fake.command(BO, ""), headers={"content-type": kind}, body=body)
    with pytest.raises(Refused) as refused:
        mattermost.hear(callback, NOW)
    assert refused.value.status == 400


# -- hostile texts (TRUST C20 - C27) -------------------------------------------------------------------------------

_READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_PLAIN = {"paragraph_open", "paragraph_close", "inline"}
_INLINE = {"text", "softbreak", "text_special"}


def read(markdown: str) -> str:
    """What a reader of `markdown` sees. Fails when any of it is more than text."""
    seen = []
    for token in _READER.parse(markdown):
        assert token.type in _PLAIN, (token.type, markdown)
        for child in token.children or ():
            assert child.type in _INLINE, (child.type, markdown)
            seen.append(child.content or " ")
    return "".join(seen)


def bare(text: str) -> str:
    return "".join(text.replace("\u2060", "").split())


@settings(max_examples=500)
@given(texts)
def test_an_escaped_text_is_read_as_it_was_written(text: str) -> None:
    shown = clean(text, 2_000, lines=True)
    escaped = posts.escape(shown)
    seen = read(escaped)
    if "http" not in shown:  # in addresses, signs are written by their numbers
        assert bare(seen) == bare(shown)
    assert chatting._MENTION.search(seen) is None
    assert chatting._EMOJI.search(seen) is None


@settings(max_examples=200)
@given(messages())
def test_nothing_of_an_alerts_text_becomes_structure(hostile: Any) -> None:
    body = posts.body(hostile, ACCOUNT, TOKEN)
    (attachment,) = body["props"]["attachments"]
    read(body["message"])
    read(attachment["fallback"])
    text, parted, _ = attachment["text"].rpartition(f"[Open in Tocsin]({LINK})")
    assert parted
    read(text)
    assert attachment["color"].startswith("#")
    assert len(attachment["color"]) == 7
    assert all(one["integration"]["context"]["delivery"] == DELIVERY for one in attachment["actions"])
    json.dumps(body).encode("ascii")


def test_addresses_in_an_alert_stay_usable() -> None:
    assert posts.escape("see https://x.example/a_b?c=1&d=2") == "see https://x.example/a%5Fb?c=1&amp;d=2"
    assert posts.escape("disk_usage on db-1 is 91 %") == "disk\\_usage on db-1 is 91 %"
