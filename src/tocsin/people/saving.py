"""Save people, contacts and teams, one of them or thousands at once.

Each class collects changes of one kind: `save` decides about one object, against what those before it have changed,
and raises Refused for what cannot be; `store` writes all of them in few statements, and into the journal. Both belong
inside one transaction of the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.journal.actions import Fact
from tocsin.journal.changes import did, record, saved
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.ids import check_slug, digest, in_parts
from tocsin.people import rules
from tocsin.people.checking import check_email, check_language, check_name, check_role, check_timezone
from tocsin.people.models import Contact, Membership, SignInLink, Team, Token, User
from tocsin.people.rules import Role

ADDRESS_LENGTH_MAX = 500
CONTACTS_MAX = 20
MEMBERS_MAX = 200
PERSONAL = ("name", "email")


@dataclass(frozen=True)
class UserValue:
    """A person as they are to be. `language` None: it stays as it is, and is English at first."""

    name: str
    email: str
    timezone: str = "UTC"
    language: str | None = None
    role: Role | str = Role.RESPONDER
    active: bool = True


class Users:
    """Changes to the people `ids`; `emails` are the addresses that any of them will have."""

    def __init__(self, ids: Iterable[str], emails: Iterable[str]) -> None:
        self._rows = User.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._owners = {
            email: row.pk for email, row in User.objects.in_bulk(list(emails), field_name="email").items()
        }
        self._changed: dict[str, User] = {}
        self._facts: list[Fact] = []
        self._switched_off: list[str] = []
        self._admin_steps_down = False

    def save(self, user_id: str, value: UserValue, now: datetime) -> User:
        """Make the person or change them. Raises Refused for what cannot be."""
        check_slug(user_id, "id")
        name, email = check_name(value.name), check_email(value.email)
        timezone, role = check_timezone(value.timezone), check_role(value.role)
        if self._owners.get(email, user_id) != user_id:
            raise conflict(
                f"Somebody else has the address {email}", "Every person needs an address of their own."
            )
        user = self._rows.get(user_id)
        before = _user_as_data(user) if user else None
        if user is None:
            user = self._rows[user_id] = User(id=user_id, created_at=now)
            user.set_unusable_password()
        elif self._owners.get(user.email) == user_id:
            del self._owners[user.email]
        self._owners[email] = user_id
        user.name, user.email, user.timezone = name, email, timezone
        user.role, user.is_active = role, value.active
        if value.language is not None:
            user.language = check_language(value.language)
        after = _user_as_data(user)
        if before == after:
            return user
        if before and (before["role"], before["active"]) != (after["role"], value.active):
            user.sessions_epoch += 1
            self._admin_steps_down |= before["active"] and before["role"] == Role.ADMIN
            if not value.active:
                self._switched_off.append(user_id)
        self._changed[user_id] = user
        self._facts += saved("user", user_id, before, after, PERSONAL)
        return user

    def store(self, by: By, now: datetime) -> None:
        """Write. Raises Refused when nobody who may administer would be left."""
        User.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name", "email", "timezone", "language", "role", "is_active", "sessions_epoch"],
        )
        for some in in_parts(self._switched_off):
            Token.objects.filter(user__in=some).delete()
            SignInLink.objects.filter(user__in=some, used_at__isnull=True).delete()
        if self._admin_steps_down:
            _check_admin_left()
        record(self._facts, by, now)


def _check_admin_left() -> None:
    admins = User.objects.people().filter(role=Role.ADMIN, is_active=True)
    if not admins.exists():
        raise conflict("This would leave nobody who may administer", "Make somebody else an admin first.")


def _user_as_data(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "email": user.email,
        "timezone": user.timezone,
        "language": str(user.language),
        "role": str(user.role),
        "active": user.is_active,
    }


@dataclass(frozen=True)
class Left:
    """An address that was somebody's and is not any more: they are told there, in case it was not them."""

    user_id: str
    contact: str
    address: str


class Contacts:
    """Changes to how the people `user_ids`, who exist, are reached. `check_address` returns the plain form of an
    address or raises Refused; the channels know, and live above. After `store`, `left` are the addresses that were
    paged and are gone."""

    def __init__(self, user_ids: Collection[str], check_address: Callable[[str], str]) -> None:
        self._check_address = check_address
        self._rows: dict[str, dict[str, Contact]] = {pk: {} for pk in User.objects.in_bulk(list(user_ids))}
        for some in in_parts(user_ids):
            for row in Contact.objects.filter(user__in=some):
                self._rows[row.user_id][row.name] = row
        self._gone: list[int] = []
        self._changed: list[Contact] = []
        self._facts: list[Fact] = []
        self.left: list[Left] = []

    def added(self, user_id: str, contacts: Mapping[str, str]) -> set[str]:
        """The addresses in `contacts` that the person does not have yet."""
        return set(self._plain(contacts).values()) - {row.address for row in self._rows[user_id].values()}

    def save(self, user_id: str, contacts: Mapping[str, str], vouched_by: str = "") -> None:
        """Make these all the person's contacts. One whose address stays keeps what is known of it; the others have to
        be proved, unless somebody has `vouched_by` their name for what is written here."""
        plain = self._plain(contacts)
        if user_id not in self._rows:
            raise not_found("person", user_id)
        there = self._rows[user_id]
        before = {name: row.address for name, row in there.items()}
        known = {row.address: row for row in there.values()}
        changed = [
            _contact(user_id, name, address, known.get(address), vouched_by)
            for name, address in plain.items()
            if before.get(name) != address or (vouched_by and not there[name].as_value().is_paged)
        ]
        gone = [row for name, row in there.items() if name not in plain]
        if not changed and not gone:
            return
        self._gone += [row.pk for row in gone]
        self._changed += changed
        self.left += [
            Left(user_id, row.name, row.address)
            for row in there.values()
            if row.address not in plain.values()
            and row.as_value().is_paged
            and rules.needs_proof(row.address)
        ]
        # An address may itself be a secret (a webhook's is): only its scheme and its print are written.
        traces = [{name: _trace(address) for name, address in each.items()} for each in (before, plain)]
        said: dict[str, Any] = {"before": traces[0], "after": traces[1]}
        if vouched := [row.name for row in changed if vouched_by and row.vouched_by == vouched_by]:
            said["vouched"] = vouched
        self._facts.append(did("contacts.saved", user=user_id, **said))

    def _plain(self, contacts: Mapping[str, str]) -> dict[str, str]:
        if len(contacts) > CONTACTS_MAX:
            raise Refused(f"{len(contacts)} contacts", f"at most {CONTACTS_MAX}", where="contacts")
        plain: dict[str, str] = {}
        for name, address in contacts.items():
            check_slug(name, "contacts")
            plain[name] = self._check_address(address)
            if len(plain[name]) > ADDRESS_LENGTH_MAX:
                raise Refused(
                    f"The address of {name} is too long", f"at most {ADDRESS_LENGTH_MAX} characters"
                )
        return plain

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        for some in in_parts(self._gone):
            Contact.objects.filter(pk__in=some).delete()
        Contact.objects.bulk_create(
            self._changed,
            update_conflicts=True,
            unique_fields=["user", "name"],
            update_fields=["address", *_KNOWN],
        )
        record(self._facts, by, now)


_KNOWN = ("verified_at", "vouched_by", "worked_at", "failing_since", "failing_why")


def _contact(user_id: str, name: str, address: str, known: Contact | None, vouched_by: str) -> Contact:
    """The row of a contact; when the person has the address already, under whatever name, with what is known of it."""
    row = Contact(user_id=user_id, name=name, address=address)
    for field in _KNOWN if known is not None else ():
        setattr(row, field, getattr(known, field))
    if vouched_by and not row.as_value().is_paged:
        row.vouched_by = vouched_by
    return row


def _trace(address: str) -> str:
    return f"{address.partition(':')[0]}:#{digest(address)[:8]}"


class Teams:
    """Changes to the teams `ids`; `members` are the people who will be in any of them."""

    def __init__(self, ids: Collection[str], members: Iterable[str]) -> None:
        self._people = set(User.objects.people().in_bulk(list(members)))
        self._rows = Team.objects.select_for_update().order_by("pk").in_bulk(list(ids))
        self._members: dict[str, list[str]] = {pk: [] for pk in self._rows}
        for some in in_parts(self._rows):
            for row in Membership.objects.filter(team__in=some).order_by("position"):
                self._members[row.team_id].append(row.user_id)
        self._changed: dict[str, Team] = {}
        self._facts: list[Fact] = []

    def save(self, team_id: str, name: str, members: Sequence[str], lead: str | None) -> Team:
        """Make the team or change it; `members` keep their order."""
        check_slug(team_id, "id")
        name = check_name(name)
        members = list(dict.fromkeys(members))
        if len(members) > MEMBERS_MAX:
            raise Refused(f"{len(members)} members", f"at most {MEMBERS_MAX}", where="members")
        if lead and lead not in members:
            raise Refused(
                f"The lead {lead} is not a member",
                "one of the members",
                "Add them to the members.",
                where="lead",
            )
        for member in members:
            if member not in self._people:
                raise Refused(f"No person '{member}'", "ids of people", where="members")
        team = self._rows.get(team_id)
        before = (
            {"name": team.name, "members": self._members[team_id], "lead": team.lead_id} if team else None
        )
        after = {"name": name, "members": members, "lead": lead or None}
        team = team or self._rows.setdefault(team_id, Team(id=team_id))
        if before == after:
            return team
        team.name, team.lead_id = name, lead or None
        self._members[team_id] = members
        self._changed[team_id] = team
        self._facts += saved("team", team_id, before, after)
        return team

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        Team.objects.bulk_create(
            self._changed.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name", "lead"],
        )
        for some in in_parts(self._changed):
            Membership.objects.filter(team__in=some).delete()
        Membership.objects.bulk_create(
            Membership(team_id=team_id, user_id=member, position=n)
            for team_id in self._changed
            for n, member in enumerate(self._members[team_id])
        )
        record(self._facts, by, now)
