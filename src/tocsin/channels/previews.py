"""How a message comes out on each kind of channel, without sending it: for who words it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tocsin.channels import chatting, email
from tocsin.channels.twilio import texts
from tocsin.channels.wording import clean
from tocsin.notification.rules import Message

LOCK_SCREEN_MAX = 178  # characters of the text that a locked telephone shows, or fewer


@dataclass(frozen=True)
class Preview:
    """One kind of channel: its one line, what stands below, the words on its buttons, and what is to be known of it."""

    id: str
    name: str
    subject: str
    text: str
    buttons: tuple[str, ...] = ()
    about: str = ""


def previews(message: Message) -> tuple[Preview, ...]:
    """The message on every kind of channel, made by the channels' own code; the tokens of links are left out."""
    return tuple(_without_tokens(show(message), message) for show in _SHOWN)


def _without_tokens(shown: Preview, message: Message) -> Preview:
    text = shown.text
    for act in message.acts:
        text = text.replace(act.url, f"{act.url.rpartition('/')[0]}/…") if act.url else text
    return replace(shown, text=text)


def _lock_screen(message: Message) -> Preview:
    text = " ".join(filter(None, [chatting.note(message), *chatting.facts(message)]))
    return Preview(
        "lock-screen",
        "Lock screen",
        chatting.headline(message),
        clean(text, LOCK_SCREEN_MAX),
        about="What a telephone or computer shows before it is unlocked.",
    )


def _email(message: Message) -> Preview:
    subject = clean(message.subject, email.SUBJECT_LENGTH_MAX)
    return Preview("email", "E-mail", subject, email.as_text(message))


def _chat(message: Message) -> Preview:
    parts = [chatting.badge(message), chatting.note(message), "\n".join(chatting.facts(message))]
    buttons = tuple(chatting.label_of(act, 75) for act in chatting.acts_of(message))
    return Preview(
        "chat", "Chat", chatting.headline(message), "\n\n".join(part for part in parts if part), buttons
    )


def _sms(message: Message) -> Preview:
    text = texts.sms_of(message)
    count = texts.parts(text)
    parts = "one part" if count == 1 else f"{count} parts"
    return Preview("sms", "SMS", "", text, about=f"{parts} of at most {texts.PARTS_MAX}; what is over is cut")


def _call(message: Message) -> Preview:
    said = " ".join(filter(None, (texts.spoken(message), texts.keys_words(message))))
    return Preview("call", "Call", "", said, about="Read out, twice.")


_SHOWN: tuple[Callable[[Message], Preview], ...] = (_lock_screen, _email, _chat, _sms, _call)
