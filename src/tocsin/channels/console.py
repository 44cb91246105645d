"""The message console: deliveries that only this program shows. The stored delivery is the message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug
from tocsin.notification.rules import Limits, Message, Sent


class Console:
    """Takes everything and sends nothing: the console's page shows what was delivered here."""

    name = "message console"
    schemes: Sequence[str] = ("console",)
    limits = Limits(gathers=True)  # nothing leaves, so nothing is too much

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        _, _, mailbox = address.partition(":")
        try:
            return f"console:{check_slug(mailbox.strip().lower())}"
        except Refused as refused:
            raise Refused(
                f"{address[:80]!r} is not a place in the message console",
                "console: and a name",
                "Write something like console:ada.",
                "address",
            ) from refused

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent:
        """Nothing leaves: the message stands in the console, and so it has arrived."""
        return Sent(reference=message.id, confirmed=True)
