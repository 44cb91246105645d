"""Account mail (a new password, what was changed) through the same mail server, under the same rules, as pages."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from tocsin.channels.connecting import Unreachable
from tocsin.channels.mailserver import Conversation, MailServer, read_mail_server

SECONDS_MAX = 10.0
log = structlog.get_logger()


class Backend(BaseEmailBackend):
    """Django's way out for mail. A failure is logged, and told only when the caller wants it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Hand each message in by itself; returns how many were taken."""
        server = read_mail_server(settings.CONFIG.smtp_url)
        if server is None:
            return 0
        sent = 0
        for message in email_messages:
            try:
                _hand_in(server, message)
                sent += 1
            except (OSError, smtplib.SMTPException, Unreachable) as error:
                log.warning("account mail did not go", error=type(error).__name__)
                if not self.fail_silently:
                    raise
        return sent


def _hand_in(server: MailServer, message: EmailMessage) -> None:
    """Give one message to the server for each of its recipients. Raises what the conversation raises."""
    message.from_email = str(server.sender)
    letter = message.message().as_bytes()
    conversation = Conversation(server, SECONDS_MAX)
    try:
        for mailbox in message.recipients():
            conversation.hand_in(server.sender.addr_spec, mailbox, letter)
    finally:
        conversation.bow_out()
