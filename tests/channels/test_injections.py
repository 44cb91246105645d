"""What an alert, a person's name or a note says comes out as it was written, in every channel (TRUST C21, C23-C28).

Each message goes through the channel's own `send`; what it hands to its provider is caught and read as the provider
would read it, by rules that are written here anew.
"""

from __future__ import annotations

import json
import re
import ssl
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from tests.channels.hostile import CALLS, CHARACTERS, TEXTS, is_whole, message
from tests.channels.test_email import read as read_letter
from tocsin.channels import apprise as long_tail
from tocsin.channels import email as letters
from tocsin.channels.apprise import Apprise
from tocsin.channels.mattermost import Mattermost
from tocsin.channels.ntfy import Ntfy
from tocsin.channels.outgoing import Answer, Fetched, Outgoing
from tocsin.channels.reach import Reach, Target
from tocsin.channels.slack import Slack
from tocsin.channels.teams import Teams
from tocsin.channels.telegram import Telegram
from tocsin.channels.twilio import Twilio
from tocsin.channels.webhook import Webhook
from tocsin.channels.webpush import WebPush, keys
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Channel, Failed, Message, Sent
from tocsin.notification.vendors import Account
from tocsin.testing.fakes.push import FakeBrowser
from tocsin.testing.fakes.slack import SECRET as SLACK_SECRET
from tocsin.testing.fakes.slack import TOKEN as SLACK_TOKEN
from tocsin.testing.fakes.twilio import SETTINGS as PHONE

# One of Apprise's hundred plugins imports what Python 3.13 takes away, and knows how to do without.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OURS = "https://tocsin.example/channels/main"
POST = "abcdefghijklmnopqrstuvwxyz"  # an id as Mattermost makes them
SENDER = Address("Tocsin", addr_spec="tocsin@example.com")
SPOKEN_PER_SECOND = 15  # characters that a voice reads
SPEECH_MAX = 30  # seconds

# A channel's reader: the texts that a person gets to see. It fails where anything of them is more than text.
Reader = Callable[[Message, str], list[str]]


class Caught(Outgoing):
    """Sends nothing; keeps what would have been sent, and answers as every provider at once would."""

    def __init__(self) -> None:
        super().__init__(Reach.of(["127.0.0.0/8"]), tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self.bodies: list[bytes] = []

    def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        self._catch(target, body, headers)
        return Answer(200)

    def exchange(self, *asked: Any, **bounds: Any) -> Fetched:
        _method, target, body, headers, *_most = asked
        self._catch(target, body, headers)
        said = {
            "ok": True, "channel": "C012AB3CD", "ts": "1.000001", "result": {"message_id": 7, "chat": {"id": 1}},
            "id": POST, "sid": "SM1",
        }  # fmt: skip
        return Fetched(200, {}, json.dumps(said).encode())

    def _catch(self, target: Target, body: bytes, headers: Mapping[str, str]) -> None:
        for text in (str(target), *headers, *headers.values()):
            assert text.isascii() and text.isprintable(), text
        self.bodies.append(body)


def handed_over(channel: Channel, caught: Caught, address: str, one: Message, name: str) -> bytes:
    """What the provider gets when the channel sends `one`."""
    outcome = channel.send(channel.check(address), name, one, NOW)
    assert isinstance(outcome, Sent), outcome
    return caught.bodies.pop()


# -- what each provider reads ------------------------------------------------------------------------------------------

_TAGS = {"html", "head", "meta", "body", "p", "a", "br"}
_HEADERS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "reply-to",
    "x-auto-response-suppress", "tocsin-delivery", "importance", "mime-version", "content-type", "list-id",
    "content-language",
}  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        for name, value in attrs:
            assert name in ("href", "style", "charset", "name", "content", "lang")
            assert name != "lang" or value in ("en", "de", "es", "fr")
            assert name != "href" or (value or "").startswith("https://tocsin.example/"), value

    def handle_data(self, data: str) -> None:
        self.said += data


def read_email(one: Message, name: str) -> list[str]:
    raw = letters.write(SENDER, "bo@example.com", name, one, NOW)
    assert max(len(row) for row in raw.split(b"\r\n")) <= 998
    letter = read_letter(raw)
    assert {header.lower() for header in letter} <= _HEADERS
    assert len(letter.keys()) == len(set(letter.keys()))
    assert [each.addr_spec for each in letter["To"].addresses] == ["bo@example.com"]
    text, html = letter.iter_parts()
    assert isinstance(text, EmailMessage) and isinstance(html, EmailMessage)
    page = _Page()
    page.feed(html.get_content())
    page.close()
    assert not letter.defects
    return [str(letter["Subject"]), text.get_content(), page.said]


def read_webhook(one: Message, name: str) -> list[str]:
    caught = Caught()
    body = handed_over(Webhook(caught), caught, "https://hook.example/", one, name)
    said = json.loads(body.decode("ascii"))
    assert len(body) <= 262_144
    assert "\n" not in said["subject"] + said["to"]
    return [said["subject"], said["note"], *said["lines"]]


def read_slack(one: Message, name: str) -> list[str]:
    caught = Caught()
    settings = {"bot_token": SLACK_TOKEN, "signing_secret": SLACK_SECRET}
    channel = Slack(caught).open(Account("main", settings, OURS))
    said = json.loads(handed_over(channel, caught, "slack:C012AB3CD", one, name))
    assert (said["parse"], said["link_names"], said["mrkdwn"]) == ("none", False, False)
    assert not set("<>") & set(said["text"])
    assert re.search(r"&(?!amp;|lt;|gt;)", said["text"]) is None
    assert re.search(r"(?<!\w)@\w", said["text"]) is None
    shown = list(_slack_texts(said["blocks"]))
    assert len(said["blocks"]) <= 50
    assert len(shown[0]) <= 150 and all(len(text) <= 3_000 for text in shown)
    return shown


def _slack_texts(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        for each in found:
            yield from _slack_texts(each)
    elif isinstance(found, dict):
        if found.get("type") in ("plain_text", "mrkdwn"):
            assert (found["type"], found["emoji"]) == ("plain_text", False)
            yield found["text"]
            return
        assert found.get("url", "https://tocsin.example/").startswith("https://tocsin.example/")
        for each in found.values():
            yield from _slack_texts(each)


_MARKDOWN = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])


def read_mattermost(one: Message, name: str) -> list[str]:
    caught = Caught()
    settings = {"url": "https://chat.example", "bot_token": "t" * 26}
    channel = Mattermost(caught).open(Account("main", settings, OURS))
    said = json.loads(handed_over(channel, caught, f"mattermost:~{POST}", one, name))
    (attachment,) = said["props"]["attachments"]
    assert set(said) == {"channel_id", "message", "props"} and set(said["props"]) == {"attachments"}
    assert len(said["message"]) <= 16_383 and len(attachment["text"]) <= 16_383
    link = "https://tocsin.example/incidents/412"
    own = f"[Open in Tocsin]({link})"
    assert attachment["text"].endswith(own)
    return [
        _markdown(text)
        for text in (said["message"], attachment["fallback"], attachment["text"].removesuffix(own))
    ]


def _markdown(text: str) -> str:
    assert re.search(r"(?<![A-Za-z0-9_])@[A-Za-z0-9]", text) is None, (
        text
    )  # anywhere in a post it would call somebody
    seen = []
    for token in _MARKDOWN.parse(text):
        assert token.type in ("paragraph_open", "paragraph_close", "inline"), (token.type, text)
        for child in token.children or ():
            assert child.type in ("text", "text_special", "softbreak"), (child.type, text)
            seen.append(child.content or " ")
    return "".join(seen)


def read_telegram(one: Message, name: str) -> list[str]:
    caught = Caught()
    settings = {"bot_token": f"123456:{'a' * 35}", "webhook_secret": "s" * 32}
    channel = Telegram(caught).open(Account("main", settings, OURS))
    said = json.loads(handed_over(channel, caught, "telegram:4711", one, name))
    assert "parse_mode" not in said
    assert [each["type"] for each in said["entities"]] == ["bold"]
    assert said["link_preview_options"] == {"is_disabled": True}
    text: str = said["text"]
    assert len(text.encode("utf-16-le")) // 2 <= 4_096
    assert re.search(r"(?<![A-Za-z0-9_])@[A-Za-z0-9_]", text) is None
    assert re.search(r"(?:^|\s)/[A-Za-z0-9_]{1,64}(?:@\w+)?(?:\s|$)", text) is None  # one touch would send it
    return [text]


def read_teams(one: Message, name: str) -> list[str]:
    caught = Caught()
    said = json.loads(body := handed_over(Teams(caught), caught, "teams:https://flow.example/x", one, name))
    assert len(body) <= 28_000
    card = said["attachments"][0]["content"]
    assert set(card["msteams"]) == {"width"}  # and no entities, by which alone somebody is mentioned
    shown = []
    for block in card["body"]:
        assert block["type"] == "RichTextBlock"  # the one element whose text is never Markdown
        for run in block["inlines"]:
            assert run["type"] == "TextRun" and "selectAction" not in run
            shown.append(run["text"])
    assert all(act["url"].startswith("https://tocsin.example/") for act in card["actions"])
    return shown


def read_ntfy(one: Message, name: str) -> list[str]:
    caught = Caught()
    channel = Ntfy(caught).open(Account("main", {}, OURS))
    said = json.loads(handed_over(channel, caught, "ntfy:https://ntfy.sh/bo", one, name))
    assert not {"markdown", "attach", "icon", "email", "call", "delay", "tags"} & set(said)
    assert said["topic"] == "bo" and len(said["message"].encode()) < 4_096
    return [said["title"], said["message"]]


def read_apprise(one: Message, name: str) -> list[str]:
    pytest.importorskip("apprise")
    import apprise

    told: dict[str, Any] = {}

    class Sender(apprise.Apprise):
        def notify(self, **more: Any) -> bool:  # type: ignore[override]
            told.update(more)
            return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apprise, "Apprise", Sender)
        outcome = long_tail._notify("json://127.0.0.1/", one, 5, Reach.of(["127.0.0.0/8"]))
    assert outcome == Sent()
    assert (told["body_format"], told["interpret_escapes"]) == (apprise.NotifyFormat.TEXT, False)
    for text in (told["title"], told["body"]):
        assert re.search(r"(?<!\w)@\w", text) is None
    return [told["title"], told["body"]]


def read_sms(one: Message, name: str) -> list[str]:
    (text,) = _dialled("sms:+4915112345678", one, name)["Body"]
    small = all(character in _GSM or character in "^{}\\[~]|€" for character in text)
    places = len(text) + sum(character in "^{}\\[~]|€" for character in text)
    assert places <= 306 if small else len(text.encode("utf-16-le")) // 2 <= 134, text
    assert "Reply 123456 to acknowledge." in text
    return [text]


_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


def read_voice(one: Message, name: str) -> list[str]:
    (twiml,) = _dialled("tel:+4915112345678", one, name)["Twiml"]
    assert len(twiml) <= 4_000
    tree = ElementTree.fromstring(twiml)
    assert [each.tag for each in tree] == ["Gather", "Gather", "Say"]
    said = [each.text or "" for each in tree.iter("Say")]
    assert {each.tag for each in tree.iter()} == {"Response", "Gather", "Say"}
    assert sum(map(len, said)) / SPOKEN_PER_SECOND <= SPEECH_MAX, said
    return said


def _dialled(address: str, one: Message, name: str) -> dict[str, list[str]]:
    caught = Caught()
    channel = Twilio(caught).open(Account("main", PHONE, OURS))
    body = handed_over(channel, caught, address, one, name)
    return parse_qs(body.decode("ascii"), strict_parsing=True)


def read_push(one: Message, name: str) -> list[str]:
    caught = Caught()
    browser = FakeBrowser("https://push.example/x", keys().public)
    sealed = handed_over(WebPush(caught, "https://tocsin.example"), caught, browser.address, one, name)
    assert len(sealed) <= 4_096
    said = browser.open(sealed)
    assert all(each["url"].startswith("/a/") for each in said["acts"]) and said["link"] == "/incidents/412"
    return [said["title"], said["body"]]


READERS: Mapping[str, Reader] = {
    "e-mail": read_email, "webhook": read_webhook, "slack": read_slack, "mattermost": read_mattermost,
    "telegram": read_telegram, "teams": read_teams, "ntfy": read_ntfy, "apprise": read_apprise, "sms": read_sms,
    "voice": read_voice, "push": read_push,
}  # fmt: skip
# Which show the note and every line; the others have room for the subject alone.
WHOLE = ("e-mail", "webhook", "slack", "mattermost", "telegram", "teams", "ntfy", "apprise", "push")
every_channel = pytest.mark.parametrize("name", READERS)

# Each way to call somebody, where a reader of markup would look for it.
PLACES = ("{}", "Disk {} full", "({})", "a\r\n{}", "> {}", "{0}{0}")
PAYLOADS = (*TEXTS, *(place.format(call) for place in PLACES for call in CALLS if "{0}" not in call[:3]))


def page(text: str, **more: Any) -> Message:
    """A page in which `text` stands wherever somebody else's words can come to stand."""
    details = {
        "incident": 412,
        "priority": text,
        "impact": text,
        "title": text,
        "service": text,
        "to": text,
        text: text,
    }
    given: dict[str, Any] = {"note": text, "details": details, "code": "123456", **more}
    return message(text, "first", text, **given)


# Signs that show nothing, that reorder, or that nothing can carry; and what is put between to take a word's power.
_UNSEEN = re.compile(r"[\s\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u2060]+")


def seen(text: str) -> str:
    """`text` without white space and what is not seen, to compare what was written with what is shown."""
    return _UNSEEN.sub("", text.encode("utf-8", "replace").decode())


@every_channel
def test_what_is_written_is_shown_and_does_nothing(name: str) -> None:
    for text in PAYLOADS:
        shown = READERS[name](page(text), text)
        for each in shown:
            each.encode()  # nothing in it is half a character
            assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", each), (
                text
            )
        if len(text) > 100 or not seen(text):
            continue
        if name == "voice":  # signs are not spoken, words are
            words = [word for word in re.findall(r"[a-z]+", text.replace("\x1b[31m", "")) if len(word) > 1]
            assert all(word in " ".join(shown).lower() for word in words if word.islower()), text
        elif name == "sms":  # signs that an SMS has no room for become others
            assert not text.isascii() or seen(text).replace("`", "'") in seen(shown[0]), text
        elif name == "mattermost" and "http" in text:
            assert "evil" in shown[0] or "10.0.0.1" in shown[0] or "https" in shown[0]
        else:
            assert seen(text) in seen(shown[0]), text
            if name in WHOLE:
                assert seen("".join(shown)).count(seen(text)) >= 2, text  # as subject, and as note or line


@every_channel
@pytest.mark.parametrize(
    "sign", ["x", "ü", "<", "&", "😀", "\u0635", "`", "@", "日", "\u202e", "\u200b", "\n", "\x00"]
)
def test_ten_thousand_characters_are_cut_to_what_the_channel_bears(name: str, sign: str) -> None:
    READERS[name](page(sign * 10_000), sign * 10_000)


@every_channel
@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_it_fits_in_every_language(name: str, language: str) -> None:
    """In German everything is longer."""
    if name == "mattermost" and language != "en":
        return  # its reader above knows the English word of its link
    one = page("Word " * 2_000, language=language)
    if name == "sms":
        assert len(_dialled("sms:+4915112345678", one, "Bo")["Body"][0]) <= 306
    else:
        READERS[name](one, "Bo")


@every_channel
@pytest.mark.parametrize("character", CHARACTERS)
def test_no_cut_goes_through_a_character(name: str, character: str) -> None:
    if name == "voice" and character == "नि":
        return  # no voice that we ask for reads it
    for shift in range(len(character) + 2):
        text = "x" * shift + character * 2_000
        for shown in READERS[name](page(text, details={"incident": 412}), text):
            spoken = unicodedata.normalize("NFC", character)
            assert is_whole(shown, spoken if name == "voice" else character), shown[-30:]


ADDRESSES = (
    "mailto:bo@example.com{}", "https://hook.example/x{}", "slack:C012AB3CD{}", f"mattermost:~{POST}{{}}",
    "telegram:4711{}", "teams:https://flow.example/x{}", "ntfy:https://ntfy.sh/bo{}", "apprise:ops{}",
    "sms:+4915112345678{}", "tel:+4915112345678{}",
)  # fmt: skip


def every_one(caught: Caught) -> Mapping[str, Channel]:
    """Every channel by its scheme, sending through `caught`."""

    def account(**settings: str) -> Account:
        return Account("main", settings, OURS)

    phone = Twilio(caught).open(Account("main", PHONE, OURS))
    return {
        "mailto": letters.Email(None),
        "https": Webhook(caught),
        "slack": Slack(caught).open(account(bot_token=SLACK_TOKEN, signing_secret=SLACK_SECRET)),
        "mattermost": Mattermost(caught).open(account(url="https://chat.example", bot_token="t" * 26)),
        "telegram": Telegram(caught).open(account(bot_token=f"123456:{'a' * 35}", webhook_secret="s" * 32)),
        "teams": Teams(caught),
        "ntfy": Ntfy(caught).open(account()),
        "apprise": Apprise().open(account(targets="ops=json://127.0.0.1/")),
        "sms": phone,
        "tel": phone,
        "push": WebPush(caught, "https://tocsin.example"),
    }


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "more", ["\r\nBcc: eve@evil.example", "\nX: y", "\x00", ",eve@evil.example", " <!channel>", "\u2028x"]
)
def test_an_address_holds_one_destination_and_nothing_else(address: str, more: str) -> None:
    pytest.importorskip("apprise")
    caught = Caught()
    channel = every_one(caught)[address.partition(":")[0]]
    written = address.format(more)
    if "http" in address and more.startswith(","):
        return  # a comma may stand in a web address
    with pytest.raises(Refused):
        channel.check(written)
    if isinstance(channel, Webhook | Teams) or written.startswith(
        ("mailto", "ntfy", "telegram", "sms", "tel", "apprise")
    ):
        assert isinstance(
            channel.send(written, "Bo", message(), NOW), Failed
        )  # as if it were stored all the same
        assert caught.bodies == []
