"""The break-glass list: whom to tell when nobody can be reached by anything else.

It is a file of the administrator's, and stands on nothing that failed: not on the database, nor on the accounts,
the mail server or the contacts that are kept there. It is read once, at the start, and refused then rather than at
three in the morning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tocsin.channels.email import Email
from tocsin.channels.mailserver import read_mail_server
from tocsin.channels.outgoing import Outgoing
from tocsin.channels.teams import Teams
from tocsin.channels.webhook import Webhook
from tocsin.hooks.addresses import known_nonces
from tocsin.kernel.errors import Refused
from tocsin.notification.channels import scheme_of
from tocsin.notification.deadline import within
from tocsin.notification.rules import SEND_DEADLINE, Channel, Failed, Message, Sent
from tocsin.notification.vendors import Account, part_of, vendors
from tocsin.organisation.compounds import REQUIRED, Field, Listed, Record
from tocsin.organisation.kinds import BAD, Reader, Slug, Text
from tocsin.organisation.outside import Outside
from tocsin.organisation.provider_kinds import Settings, VendorKind
from tocsin.organisation.reading import File, FilesRefused, read_files

SETTING = "TOCSIN_BREAK_GLASS"
CONTACTS_MAX = 10
ACCOUNTS_MAX = 10
BYTES_MAX = 100_000
NAME_LENGTH_MAX = 120
ADDRESS_LENGTH_MAX = 500
URL_LENGTH_MAX = 1_000
FOR_OTHERS = 0o077  # the bits of a mode that let anybody but its owner at a file


def _plain(text: str) -> str:
    return text.strip()


_FILE = Record(
    "a break-glass list",
    (
        Field(
            "contacts",
            Listed(
                Record(
                    "a contact",
                    (
                        Field("name", Text(_plain, NAME_LENGTH_MAX), "Who is told."),
                        Field(
                            "address", Text(_plain, ADDRESS_LENGTH_MAX), "Where, such as tel:+4915112345678."
                        ),
                    ),
                ),
                CONTACTS_MAX,
                least=1,
            ),
            "Whom to tell.",
            REQUIRED,
        ),
        Field("mail", Text(_plain, URL_LENGTH_MAX), "A mail server, as TOCSIN_SMTP_URL is written.", ""),
        Field(
            "accounts",
            Listed(
                Record(
                    "an account",
                    (
                        Field("id", Slug(), "What it is called here."),
                        Field("vendor", VendorKind(), "Whose it is."),
                        Field("settings", Settings(), "The fields of its vendor."),
                    ),
                ),
                ACCOUNTS_MAX,
            ),
            "Accounts with vendors.",
            [],
        ),
    ),
)


@dataclass(frozen=True)
class Contact:
    """One of the list, with the channel that is its own."""

    name: str
    address: str
    channel: Channel = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of the message to one of them. `why` is "" when a provider took it."""

    name: str
    channel: str
    why: str = ""


@dataclass(frozen=True)
class BreakGlass:
    """The list as it was read."""

    contacts: Sequence[Contact]

    def tell(self, message: Message, now: datetime) -> list[Outcome]:
        """Tell all of them at once; returns what became of each, in their order, within SEND_DEADLINE and a little.
        Never raises for what a provider may do."""
        with ThreadPoolExecutor(len(self.contacts), thread_name_prefix="break-glass") as threads:
            return list(threads.map(lambda contact: _told(contact, message, now), self.contacts))


def _told(contact: Contact, message: Message, now: datetime) -> Outcome:
    try:
        with within(SEND_DEADLINE.total_seconds()):
            outcome: Sent | Failed = contact.channel.send(contact.address, contact.name, message, now)
    except Exception as error:
        outcome = Failed(f"the channel failed: {type(error).__name__}")
    why = outcome.why if isinstance(outcome, Failed) else ""
    return Outcome(contact.name, scheme_of(contact.address), why)


# -- reading ---------------------------------------------------------------------------------------------------------


def read_list(path: str, outgoing: Outgoing, url: str) -> BreakGlass | None:
    """The list in the file at `path`; None for "". `url` is our public address. Raises Refused for a file that others
    may read, that cannot be understood, or whose contacts could not be told."""
    if not path:
        return None
    text = _text_of(Path(path))
    reader = Reader()
    try:
        roots = read_files([File(Path(path).name, text)])
    except FilesRefused as refused:
        raise _refused(refused.problems) from None
    value: Any = _FILE.read(roots[0], reader, "") if roots else BAD
    if value is BAD or reader.problems or len(roots) != 1:
        raise _refused(reader.problems or [Refused("The file is not one list", "contacts: [...]")])
    by_scheme, problems = _channels(value, reader, outgoing, url)
    contacts = []
    for number, each in enumerate(value["contacts"]):
        try:
            contacts.append(_contact(each, by_scheme))
        except Refused as refused:
            where = reader.places.get(f"contacts.{number}", "")
            problems.append(Refused(refused.what, refused.expected, refused.mend, where))
    names = [each.name for each in contacts]
    if not problems and len(set(names)) < len(names):
        problems.append(
            Refused("Two contacts have one name", "each name once", where=reader.places["contacts.0"])
        )
    if problems:
        raise _refused(problems)
    return BreakGlass(contacts)


def _text_of(path: Path) -> bytes:
    """What stands in the file. Raises Refused unless it is its owner's alone, for it holds secrets."""
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            text = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Refused(f"The break-glass list cannot be read ({error.strerror})", where=SETTING) from error
    if mode & FOR_OTHERS:
        raise Refused(
            "Others may read the break-glass list, and it holds secrets",
            "a file that is its owner's alone",
            f"chmod 600 {path}",
            SETTING,
        )
    if len(text) > BYTES_MAX:
        raise Refused("The break-glass list is too long", f"at most {BYTES_MAX} bytes", where=SETTING)
    return text


def _channels(
    value: Mapping[str, Any], reader: Reader, outgoing: Outgoing, url: str
) -> tuple[dict[str, Channel], list[Refused]]:
    """The channels of the list by scheme: those that need no account, its mail server, its accounts, the first of a
    scheme first."""
    by_scheme: dict[str, Channel] = {}
    problems: list[Refused] = []
    for channel in (Webhook(outgoing, known_nonces), Teams(outgoing)):
        by_scheme |= dict.fromkeys(channel.schemes, channel)
    if value["mail"]:
        try:
            by_scheme["mailto"] = Email(read_mail_server(value["mail"]))
        except Refused as refused:
            problems.append(
                Refused(refused.what, refused.expected, refused.mend, reader.places.get("mail", ""))
            )
    for number, each in enumerate(value["accounts"]):
        try:
            opened = _opened(each, url)
        except Refused as refused:
            place = f"accounts.{number}.settings.{refused.where}"
            where = reader.places.get(place) or reader.places.get(f"accounts.{number}", "")
            problems.append(Refused(f"{each['id']}: {refused.what}", refused.expected, refused.mend, where))
            continue
        for scheme in vendors()[each["vendor"]].schemes:
            by_scheme.setdefault(scheme, part_of(opened, scheme))
    return by_scheme, problems


def _opened(each: Mapping[str, Any], url: str) -> Channel:
    """An account of the list, open. Raises Refused with the setting's name as `where`."""
    vendor = vendors()[each["vendor"]]
    fields = {one.name: one for one in vendor.fields}
    settings = {name: one.default for name, one in fields.items()}
    for name, value in each["settings"].items():
        if name not in fields:
            raise Refused(f"There is no setting '{name[:60]}'", f"one of {', '.join(fields)}", where=name)
        if isinstance(value, Outside):
            raise Refused("A value from elsewhere cannot stand here", "the value itself", where=name)
        settings[name] = value or ""
    for name, one in fields.items():
        if one.required and not settings[name]:
            raise Refused(f"The setting {name} is missing", one.help or one.label, where=name)
    return vendor.open(
        Account(f"break-glass-{each['id']}", settings, f"{url}/channels/break-glass-{each['id']}")
    )


def _contact(each: Mapping[str, Any], by_scheme: Mapping[str, Channel]) -> Contact:
    scheme = scheme_of(each["address"])
    channel = by_scheme.get(scheme)
    if channel is None:
        own = "the key mail" if scheme == "mailto" else "an account of its own in this file"
        raise Refused(
            f"Nothing in the break-glass list delivers to {scheme or 'this'}:",
            own,
            "What is set up elsewhere in Tocsin is not used: it may be what has failed.",
        )
    return Contact(each["name"], channel.check(each["address"]), channel)


def _refused(problems: Sequence[Refused]) -> Refused:
    """One refusal that names the first mistake, and how many there are."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    place = f"{first.where}: " if first.where else ""
    return Refused(
        f"The break-glass list cannot be used: {place}{first.what}{more}", first.expected, first.mend, SETTING
    )
