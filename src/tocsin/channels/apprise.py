"""The long tail: whatever the library Apprise can send to, by addresses that an administrator keeps. One way.

Apprise makes its own connections. Before each send the host that a URL names is resolved and judged as that of any
webhook is; but Apprise resolves it once more, follows where it is led, and has services whose host stands in no URL.
That is a weaker guard than the other channels have, so a contact says only a name: which URL it stands for is in the
account, where administrators alone write. It is an extra: `pip install 'tocsin[apprise]'`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from tocsin.channels import chatting
from tocsin.channels.chatting import pieces
from tocsin.channels.connecting import Unreachable, checked_addresses, resolve
from tocsin.channels.outgoing import DEADLINE
from tocsin.channels.reach import Reach
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug
from tocsin.notification.deadline import seconds_left
from tocsin.notification.rules import Blame, Failed, Limits, Message, Sent
from tocsin.notification.rules.throttling import ROOM_STORM, STORM
from tocsin.notification.vendors import Account, Field

PUBLIC_ALONE = Reach()
TARGETS_MAX = 50
TEXT_MAX = 2_000
THREADS_MAX = 16  # that may hang at once, of all accounts

_TARGET = re.compile(r"([a-z0-9][a-z0-9-]{0,63})=([a-z][a-z0-9+.-]{0,30}://\S+)\Z")
_KINDS = {"P1": "failure", "P2": "failure", "P3": "warning", "P4": "warning"}

log = structlog.get_logger("tocsin.channels.apprise")


class Apprise:
    """Accounts of names and the URLs they stand for."""

    kind = "apprise"
    title = "Apprise: about a hundred other services"
    schemes: Sequence[str] = ("apprise",)
    hears = False
    fields: Sequence[Field] = (
        Field(
            "targets",
            "Targets",
            "NAME=URL, several with a space between: ops=gotify://host/token bo=pover://user@token. A contact is then "
            "apprise:NAME.",
            secret=True,
        ),
    )

    def __init__(self, reach: Reach = PUBLIC_ALONE) -> None:
        self._reach = reach
        self._threads = threading.BoundedSemaphore(THREADS_MAX)

    def check(self, address: str) -> str:
        """`apprise:NAME` in its plain form. Raises Refused."""
        return check(address)

    def open(self, account: Account) -> AppriseChannel:
        """The channel of this account. Raises Refused for targets that cannot be right, and without the library."""
        if find_spec("apprise") is None:
            raise Refused(
                "Apprise is not installed here",
                "the extra of that name",
                "Install tocsin[apprise] where Tocsin runs, and start it again.",
                "targets",
            )
        targets = _read_targets(account.settings.get("targets", ""))
        return AppriseChannel(targets, self._threads, self._reach)


def check(address: str) -> str:
    """The address in its plain form. Raises Refused."""
    try:
        return f"apprise:{check_slug(address.partition(':')[2].strip().lower())}"
    except Refused as refused:
        raise Refused(
            f"{address[:80]!r} is not an address for Apprise",
            "apprise: and the name of a target",
            "Ask whoever runs this instance which there are.",
            "address",
        ) from refused


def _read_targets(text: str) -> Mapping[str, str]:
    """Name -> URL. Raises Refused for what is not written so, or what Apprise does not know."""
    import apprise  # an extra, and slow to import

    found: dict[str, str] = {}
    for number, word in enumerate(text.split()[: TARGETS_MAX + 1], 1):
        match = _TARGET.match(word)
        if match is None or number > TARGETS_MAX or match[1] in found:
            raise Refused(
                f"Target {number} cannot be read",
                f"NAME=URL, at most {TARGETS_MAX}, each name once; names have small letters, digits and dashes",
                where="targets",
            )
        if apprise.Apprise.instantiate(match[2], asset=_asset()) is None:
            raise Refused(
                f"Apprise cannot read the URL of {match[1]}", "a URL of its own kind", where="targets"
            )
        found[match[1]] = match[2]
    if not found:
        raise Refused("There is no target", "NAME=URL", where="targets")
    return found


def _asset() -> Any:
    """How Apprise is to behave: nothing kept on the disk, no plugins, and texts are never templates."""
    import apprise

    return apprise.AppriseAsset(
        app_id="Tocsin",
        app_desc="Tocsin",
        app_url="",
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        allow_templates=False,
        secure_logging=True,
    )


class AppriseChannel:
    """Hands messages to Apprise, each in a thread that is left behind when it hangs."""

    name = "Apprise"
    schemes: Sequence[str] = ("apprise",)
    # Behind a name may be anything, a telephone too: so as few as a person bears, and nothing gathers. Apprise does not
    # say what a service asked to wait, so only the throttle keeps to anything.
    limits = Limits(text_max=TEXT_MAX, at_once=4, storm=STORM, room=ROOM_STORM)

    def __init__(self, targets: Mapping[str, str], threads: threading.BoundedSemaphore, reach: Reach) -> None:
        self._targets = targets
        self._threads = threads
        self._reach = reach

    def check(self, address: str) -> str:
        """The address in its plain form. Raises Refused."""
        return check(address)

    def send(self, address: str, to_name: str, message: Message, now: datetime) -> Sent | Failed:
        """Have the message sent within the deadline. Apprise says whether the service took it, and no more."""
        url = self._targets.get(address.partition(":")[2])
        if url is None:
            return Failed("Apprise: there is no such target in this account", again=False)
        if not self._threads.acquire(blocking=False):
            return Failed("Apprise: too many sends hang already", blame=Blame.PROVIDER)
        done: SimpleQueue[Sent | Failed] = SimpleQueue()
        seconds = seconds_left(DEADLINE)

        def run() -> None:
            try:
                done.put(_notify(url, message, seconds, self._reach))
            finally:
                self._threads.release()

        threading.Thread(target=run, name="apprise", daemon=True).start()
        try:
            return done.get(timeout=seconds)
        except Empty:
            why = f"Apprise: the service did not answer within {seconds:g} s"
            return Failed(why, blame=Blame.PROVIDER, perhaps=True)


def _notify(url: str, message: Message, seconds: float, reach: Reach) -> Sent | Failed:
    import apprise

    sender = apprise.Apprise(asset=_asset())
    sender.add(url)
    for service in sender:
        try:
            _judge(service, reach, seconds)
        except Unreachable as inner:
            if inner.forbidden:
                return Failed(f"Apprise: {inner}", again=False, blame=Blame.PROVIDER)
            # No name that can be resolved: a topic or a token where others have a host. Apprise knows.
    said: Callable[..., Any] = sender.notify
    try:
        taken = said(
            title=chatting.defuse(chatting.headline(message)),
            body=text_of(message),
            notify_type=_kind(message),
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
            timeout=max(seconds, 0.1),
        )
    except Exception as error:  # whatever one of a hundred plugins does
        log.warning("apprise failed", error=type(error).__name__)
        return Failed(f"Apprise failed: {type(error).__name__}", blame=Blame.PROVIDER)
    return Sent() if taken else Failed("Apprise: the service did not take it", blame=Blame.PROVIDER)


def _judge(service: Any, reach: Reach, seconds: float) -> None:
    """Raises Unreachable when the host that the service's URL names may not be called, or is not found."""
    host = getattr(service, "smtp_host", None) or service.host
    named = any("{host}" in form for form in service.templates or ())
    if named and host:
        checked_addresses(host, service.port or 0, reach, resolve, seconds)


def text_of(message: Message) -> str:
    """The body, as plain text; the acts are links that ask."""
    parts = [chatting.badge(message), chatting.note(message), *pieces(chatting.facts(message), TEXT_MAX, 1)]
    parts = [chatting.defuse(part) for part in parts]
    doors = [(chatting.label_of(act, 40), chatting.web_link(act.url)) for act in chatting.acts_of(message)]
    doors.append((chatting.open_word(message), chatting.web_link(message.link)))
    parts.append("\n".join(f"{label}: {url}" for label, url in doors if url))
    return "\n\n".join(part for part in parts if part) or chatting.look_there(message)


def _kind(message: Message) -> str:
    if message.state in ("resolved", "closed"):
        return "success"
    return _KINDS.get(str(message.details.get("priority")), "info")
