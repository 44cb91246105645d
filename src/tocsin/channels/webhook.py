"""Webhooks: one signed JSON document per delivery, posted to the person's own address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import structlog

from tocsin.channels import signing
from tocsin.channels.connecting import Unreachable
from tocsin.channels.outgoing import Answer, Outgoing
from tocsin.channels.reach import Target, read_target
from tocsin.channels.wording import clean, rendering_failed
from tocsin.kernel.errors import Refused
from tocsin.notification.rules import Blame, Failed, Limits, Message, Sent

BODY_BYTES_MAX = 262_144
HELD_MAX = 1_000  # addresses that asked us to wait, remembered at once
HOLD_MAX = timedelta(hours=1)  # however long somebody asks for
_PASSING = frozenset((408, 425, 429))  # refusals that do not stay

log = structlog.get_logger("tocsin.channels.webhook")


class Webhook:
    """Posts to http and https addresses; a 2xx is a receipt."""

    name = "webhook"
    schemes: Sequence[str] = ("https", "http")
    # A program answers here, which bears more than a person and says by 429 and Retry-After what it does not.
    limits = Limits(gathers=True)

    def __init__(
        self, outgoing: Outgoing, nonces: Callable[[str, datetime], Sequence[str]] = lambda *_: [""]
    ) -> None:
        """`nonces` says with which secrets of an address to sign; without it, with the one from its beginning."""
        self._outgoing = outgoing
        self._nonces = nonces
        self._held: dict[str, datetime] = {}  # address -> until when it asked not to be called

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused for one that may not be called."""
        target = read_target(address)
        if target.literal is not None and (why := self._outgoing.reach.objection(target.literal)):
            raise Refused(
                f"{target.host} may not be called: {why}",
                "a public address",
                "Ask whoever runs this instance to allow its network.",
                "address",
            )
        return str(target)

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Post the message, signed. Who asked to be left alone for a while is not called before that."""
        body = render(to_name, message, now)
        secrets = [signing.secret_for(address, nonce) for nonce in self._nonces(address, now)]
        return self.post(address, body, message.id, signing.signatures(secrets, body, now), now)

    def post(
        self,
        address: str,
        body: bytes,
        id_: str,
        signature: str,
        now: datetime,
        headers: Mapping[str, str] | None = None,
    ) -> Sent | Failed:
        """Post a document that is written and signed, under an id that is the same each time."""
        if (until := self._held.get(address)) is not None and now < until:
            return _failed(f"it asked not to be called before {until:%H:%M:%S} UTC", after=until - now)
        try:
            target = read_target(address)
        except Refused as refused:  # stored before a rule became stricter
            return _failed(str(refused), again=False)
        sent = {"Content-Type": "application/json", "Tocsin-Delivery": id_, signing.HEADER: signature}
        try:
            answer = self._outgoing.post(target, body, sent | dict(headers or {}))
        except Unreachable as error:
            return _failed(str(error), again=not error.forbidden, perhaps=error.perhaps)
        return self._outcome(address, target, answer, now)

    def _outcome(self, address: str, target: Target, answer: Answer, now: datetime) -> Sent | Failed:
        """What the answer means. Its body goes to the administrator's log only: who may write an address here
        must not be able to read with it what an inner server says."""
        status = answer.status
        if 200 <= status < 300:
            return Sent(reference=f"HTTP {status}", confirmed=True)
        log.info("webhook refused", host=target.netloc, status=status, answer=answer.excerpt)
        if 300 <= status < 400:
            return _failed(f"HTTP {status}: it points elsewhere, and redirects are not followed", again=False)
        if status not in _PASSING and status < 500:
            return _failed(f"HTTP {status}", again=False)
        after = retry_after(answer.headers.get("retry-after", ""), now)
        if after is not None:
            self._hold(address, now + min(after, HOLD_MAX), now)
        return _failed(f"HTTP {status}", after=after)

    def _hold(self, address: str, until: datetime, now: datetime) -> None:
        """Do not call `address` again before `until`, whoever's message it is."""
        if len(self._held) >= HELD_MAX:
            self._held = {held: end for held, end in tuple(self._held.items()) if end > now}
            if len(self._held) >= HELD_MAX:
                return  # each message then finds out for itself
        self._held[address] = until


def _failed(why: str, **more: Any) -> Failed:
    """A failure of the address: whoever it belongs to runs what answers there."""
    return Failed(why, blame=Blame.ADDRESS, **more)


def render(to_name: str, message: Message, now: datetime) -> bytes:
    """The document; without the details, and with a note, when they cannot be written as JSON."""
    try:
        body = _as_json(_document(to_name, message, now, message.details, message.note))
        if len(body) <= BODY_BYTES_MAX:
            return body
    except (TypeError, ValueError, RecursionError):
        pass
    note = f"{message.note}\n{rendering_failed(message.language)}".strip()
    return _as_json(_document(to_name, message, now, {}, note))


def _document(
    to_name: str, message: Message, now: datetime, details: Mapping[str, Any], note: str
) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "sent_at": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "to": clean(to_name, 200),
        "urgent": message.urgent,
        "subject": clean(message.subject, 300),
        "note": clean(note, 4_000, lines=True),
        "lines": [clean(line, 1_000, lines=True) for line in message.lines[:50]],
        "details": dict(details),
        "link": message.link,
        "acts": [
            {"verb": str(act.verb), "label": act.label, "url": act.url} for act in message.acts if act.url
        ],
    }


def _as_json(document: Mapping[str, Any]) -> bytes:
    # ASCII only: a lone surrogate in an alert's text then stays an escape and breaks nothing.
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def retry_after(value: str, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, in seconds or as a date; None when it cannot be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(at - now, timedelta(0))
