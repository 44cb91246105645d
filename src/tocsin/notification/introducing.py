"""Tell a provider where to call us, for those that are told by a call."""

from __future__ import annotations

from datetime import datetime

from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.errors import conflict
from tocsin.notification.accounts import ready
from tocsin.notification.deadline import within
from tocsin.notification.providers import find_provider
from tocsin.notification.rules import SEND_DEADLINE, Failed
from tocsin.notification.vendors import Introduces


def can_be_introduced(provider_id: str) -> bool:
    """Whether the provider, as it is open now, is told by a call."""
    opened = ready().opened.get(provider_id)
    return opened is not None and isinstance(opened.channel, Introduces)


def introduce(provider_id: str, by: By, now: datetime) -> Failed | None:
    """Tell the provider our address; None when it agreed. Takes up to SEND_DEADLINE. Raises Refused."""
    row = find_provider(provider_id)
    opened = ready().opened.get(provider_id)
    channel = opened.channel if opened is not None else None
    if not isinstance(channel, Introduces):
        raise conflict(f"Provider {row} is not told by a call", "Enter our address with it by hand.")
    with within(SEND_DEADLINE.total_seconds()):
        failed = channel.introduce()
    with changing():
        outcome = "it agreed" if failed is None else failed.why
        record([did("provider.introduced", provider=row.pk, outcome=outcome[:200])], by, now)
    return failed
