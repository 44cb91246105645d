"""The organisation's own words on every channel: nothing is read or run by a template, nor by an alert's text (TRUST.md
C20, C21)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import Message as Letter
from typing import Any

import pytest
from django.conf import settings

from tests.channels.hostile import message
from tests.channels.template_payloads import PAYLOADS
from tests.world import T0
from tocsin.catalog.models import Service
from tocsin.channels import apprise, email, ntfy, teams, webhook, webpush
from tocsin.channels.mattermost import posts
from tocsin.channels.previews import previews
from tocsin.channels.slack import blocks
from tocsin.channels.telegram import texts as telegram
from tocsin.channels.wording import clean
from tocsin.incident.messages import lines_of, subject_of
from tocsin.incident.models import Incident
from tocsin.incident.rules import State
from tocsin.incident.worded import Telling, words_of
from tocsin.kernel.errors import Refused
from tocsin.kernel.text import cut
from tocsin.notification.rules import Message
from tocsin.notification.rules.pieces import (
    DEFAULT,
    OF_A_PAGE,
    SUBJECT_OUT_MAX,
    TEXT_OUT_MAX,
    Piece,
    read_piece,
)
from tocsin.notification.rules.templates import read
from tocsin.notification.vendors import Account

CANARY = "canary-in-the-environment-7f3a"
ACCOUNT = Account("main", {"token": "t"}, "https://tocsin.example/channels/main")
SENDER = Address("Tocsin", "tocsin", "example.com")


def letter_of(said: Message) -> Letter:
    return message_from_bytes(email.write(SENDER, "bo@example.com", "Bo", said, T0))


FORMS: dict[str, Callable[[Message], Any]] = {
    "e-mail, subject": lambda said: letter_of(said)["Subject"],
    "e-mail, text": email.as_text,
    "e-mail, HTML": email.as_html,
    "Slack": blocks.body,
    "Mattermost": lambda said: posts.body(said, ACCOUNT, "key"),
    "Telegram": lambda said: telegram.body(said, "main", "key"),
    "Teams": teams.body,
    "ntfy": lambda said: ntfy.body("topic", said),
    "webhook": lambda said: webhook.render("Bo", said, T0),
    "device": webpush.payload_of,
    "others": apprise.text_of,
    "SMS, call, lock screen": previews,
}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_SECRET_KEY", CANARY)
    monkeypatch.setenv("CANARY", CANARY)


def about(title: str, now: datetime = T0) -> Incident:
    return Incident(
        pk=412,
        service=Service(id="shop", name="Web shop"),
        title=title,
        state=State.TRIGGERED,
        urgency="high",
        impact="major",
        priority="P1",
        opened_at=now,
    )


def worded(template: str, title: str, label: str = "") -> Message:
    """A page whose subject and text are `template`, about an alert that says `title`."""
    incident = about(title)
    own = {DEFAULT: {piece: read_piece(piece, template) for piece in (Piece.SUBJECT, Piece.TEXT)}}
    words = words_of(Telling(incident, T0, "Bo", labels={"host": label or title}, own=own))
    return message(words.subject, *words.lines, note=words.note, details={"incident": 412, "title": title})


def whole(form: Any) -> str:
    return form.decode("utf-8", "replace") if isinstance(form, bytes) else str(form)


def test_there_are_enough_payloads() -> None:
    assert len(PAYLOADS) >= 500


def test_as_a_template_a_payload_is_refused_or_stays_as_it_is_and_the_page_goes() -> None:
    for payload in PAYLOADS:
        _tried_as_a_template(payload)


def _tried_as_a_template(payload: str) -> None:
    title = "Checkout fails"
    said = worded(payload, title)
    incident = about(title)
    tocsins = (subject_of(incident), tuple(lines_of(incident, "UTC", T0)))
    try:
        read(payload, OF_A_PAGE)
    except Refused:
        assert (said.subject, tuple(said.lines)) == tocsins
        assert "Rendering failed" in said.note
    else:
        if "{{" not in payload:
            assert said.subject == " ".join(cut(payload, SUBJECT_OUT_MAX).split())
            assert said.lines[0] == payload.partition("\n")[0].rstrip()
            assert not said.note
    for form in FORMS.values():
        shown = whole(form(said))
        assert CANARY not in shown
        assert settings.SECRET_KEY not in shown
        assert "root:x:0" not in shown


def test_as_an_alerts_text_a_payload_is_put_in_once_and_shown_as_it_is_on_every_channel() -> None:
    for payload in PAYLOADS:
        _tried_as_a_text(payload)


def _tried_as_a_text(payload: str) -> None:
    said = worded("{{title}}", payload)
    assert said.subject == " ".join(cut(payload, SUBJECT_OUT_MAX).split())
    text = worded("{{#labels}}\n{{name}} is {{value}}\n{{/labels}}", "Checkout fails", payload)
    assert text.lines[0] == cut(f"host is {payload}\n", TEXT_OUT_MAX).partition("\n")[0].rstrip()
    for name, form in FORMS.items():
        by_hand = message(said.subject, *said.lines, details={"incident": 412, "title": payload})
        assert form(said) == form(by_hand), name
    assert str(make_header(decode_header(letter_of(said)["Subject"]))) == clean(
        said.subject, email.SUBJECT_LENGTH_MAX
    )
    document = json.loads(webhook.render("Bo", said, T0))
    assert document["lines"][0] == clean(payload.partition("\n")[0], 1_000)
    assert clean(payload.partition("\n")[0], email.LINE_LENGTH_MAX) in email.as_text(said)
