"""Account mail leaves through a real mail server, and a dead one breaks nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings
from django.core.mail import EmailMessage
from django.test import override_settings

from tests.ports import own_port
from tests.web_config.conftest import Reader
from tests.world import World
from tocsin.channels.connecting import Unreachable
from tocsin.kernel.errors import Refused
from tocsin.web.account_mail import Backend
from tocsin.web.accounts import wait_for_mail


def config(url: str) -> Any:
    return dataclasses.replace(settings.CONFIG, smtp_url=url)


class PostOffice:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(envelope)
        return "250 taken"


@pytest.fixture
def post_office() -> Iterator[tuple[PostOffice, str]]:
    office = PostOffice()
    with own_port() as port:
        controller = Controller(office, hostname="127.0.0.1", port=port)
        controller.start()
        yield office, f"smtp://127.0.0.1:{port}?from=tocsin@example.com"
        controller.stop()


def test_a_reset_letter_arrives_with_a_link_that_works(
    reader: Reader, world: World, post_office: tuple[PostOffice, str]
) -> None:
    office, url = post_office
    with override_settings(CONFIG=config(url), EMAIL_BACKEND="tocsin.web.account_mail.Backend"):
        answer = reader(None).post("/sign-in/reset", {"email": "BO@example.com"})
        wait_for_mail()
    assert answer.status_code == 302
    (letter,) = office.letters
    assert letter.rcpt_tos == ["bo@example.com"]
    assert letter.mail_from == "tocsin@example.com"
    assert b"/sign-in/reset/bo-" in letter.content
    assert b"Set a new password for Tocsin" in letter.content


def test_a_dead_mail_server_shows_nobody_anything(reader: Reader, world: World) -> None:
    with (
        own_port() as port,
        override_settings(
            CONFIG=config(f"smtp://127.0.0.1:{port}?from=tocsin@example.com"),
            EMAIL_BACKEND="tocsin.web.account_mail.Backend",
        ),
    ):
        answer = reader(None).post("/sign-in/reset", {"email": "bo@example.com"})
        wait_for_mail()
        assert answer.status_code == 302
        message = EmailMessage("s", "b", to=["bo@example.com"])
        assert Backend(fail_silently=True).send_messages([message]) == 0
        with pytest.raises(OSError):
            Backend().send_messages([message])


def test_account_mail_goes_as_the_administrator_wants_it_or_not_at_all(
    world: World, post_office: tuple[PostOffice, str]
) -> None:
    office, url = post_office
    message = EmailMessage("s", "b", to=["bo@example.com"])
    with (
        override_settings(CONFIG=config(f"{url}&tls=required")),
        pytest.raises(Unreachable, match="offer TLS"),
    ):
        Backend().send_messages([message])
    assert office.letters == [], "this server has no TLS"
    with override_settings(CONFIG=config(f"{url}&tls=never")):
        assert Backend().send_messages([message]) == 1
    with (
        override_settings(CONFIG=config(f"{url}&tls=perhaps")),
        pytest.raises(Refused, match="cannot be read"),
    ):
        Backend().send_messages([message])
