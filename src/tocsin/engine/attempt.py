"""One attempt at one delivery: compose it, and hand it to its channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.utils.translation import gettext, override

from tocsin.journal.crashing import point
from tocsin.kernel.errors import Refused
from tocsin.notification.bundling import Other, together
from tocsin.notification.channels import channel_for
from tocsin.notification.claimed import Claimed
from tocsin.notification.claiming import claim
from tocsin.notification.links import message_of
from tocsin.notification.places import language_of
from tocsin.notification.recording import Result, record_all
from tocsin.notification.rules import Channel, Failed, Kind, Message, Sent

Clock = Callable[[], datetime]
Finder = Callable[[str], Channel]

_log = structlog.get_logger("tocsin.engine.delivery")


def deliver_one(claimed: Claimed, clock: Clock, find: Finder = channel_for) -> Result:
    """Hand one message to its channel; never raises. The same in production and in the simulator.

    A text that breaks the rendering goes out again in its plainest form: a page is never lost to its own words.
    """
    started = clock()
    outcome: Sent | Failed
    try:
        channel = find(claimed.address)
        message = _message(claimed)
        try:
            outcome = channel.send(claimed.address, claimed.to_name, message, started)
        except Exception:
            _log.exception("a message could not be rendered; sending it plain", delivery=str(claimed.id))
            outcome = channel.send(claimed.address, claimed.to_name, plain(message), started)
        if isinstance(outcome, Sent):
            outcome = _followed(outcome, channel)
    except Refused as refused:
        outcome = Failed(str(refused), again=False)
    except Exception as error:
        _log.exception("a channel failed in an unforeseen way", delivery=str(claimed.id))
        outcome = Failed(f"the channel failed: {type(error).__name__}", perhaps=True)
    point("delivery: handed over")
    at = clock()
    return Result(claimed, outcome, max(at - started, timedelta(0)), at)


def _followed(sent: Sent, channel: Channel) -> Sent:
    """`sent` with what its channel can do for it afterwards; most can do nothing, and it stays as it is."""
    limits = channel.limits
    if sent.provider:  # which has said so itself
        return sent
    if sent.confirmed and not limits.updates:
        return sent
    within = None if sent.confirmed else limits.receipt_within
    return replace(sent, receipt_within=within, changeable=limits.updates and bool(sent.reference))


def _message(claimed: Claimed) -> Message:
    try:
        others = [
            Other(other.page.incident_id or 0, other.page.subject, other.page.kind == Kind.OVER)
            for other in claimed.others
        ]
        message = together(message_of(claimed.page, claimed.id), others)
        # Who is up is told quietly of what is urgent; a message rings when anything that it tells is to ring.
        urgent = claimed.urgent or any(other.urgent for other in claimed.others)
        if urgent == message.urgent and not claimed.parent:
            return message
        return replace(message, urgent=urgent, parent=claimed.parent)
    except Exception:
        _log.exception("a message could not be composed; sending it plain", delivery=str(claimed.id))
        page = claimed.page
        language = language_of(page)
        bare = Message(
            str(claimed.id), str(page.subject), kind=str(page.kind), urgent=claimed.urgent, language=language
        )
        return plain(bare)


def plain(message: Message) -> Message:
    """The message in letters that break nothing, without what machines read, with a note that says so."""
    with override(message.language):
        note = gettext("rendering failed; the incident's page has everything")
    return replace(
        message,
        subject=_ascii(message.subject)[:200],
        lines=tuple(_ascii(line)[:500] for line in tuple(message.lines)[:20]),
        details={},
        note=f"{_ascii(message.note)[:1000]}\n{note}".strip(),
    )


def _ascii(text: object) -> str:
    return "".join(c if " " <= c <= "~" or c == "\n" else "?" for c in str(text))


def deliver_due(
    now: datetime, limit: int, clock: Clock, jitter: Callable[[], float], find: Finder = channel_for
) -> int:
    """Claim, send and record up to `limit` deliveries one after the other, in this thread; returns how many.

    For virtual clocks and for tests: the same steps as the Sender's, without its threads.
    """
    taken = claim(now, limit)
    for claimed in taken:
        record_all([deliver_one(claimed, clock, find)], jitter, clock())
    return len(taken)


def destination_of(address: str) -> str:
    """The beginning of `address` that names who takes the message: `https://example.com/`, `mailto:`."""
    scheme, colon, rest = address.partition(":")
    if rest.startswith("//"):
        host = rest[2:].partition("/")[0]
        return f"{scheme}://{host}/"
    return scheme + colon
