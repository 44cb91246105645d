"""Roles and what each may do: one table, in one place. Pure."""

from __future__ import annotations

from enum import StrEnum

# The account behind the token of an instance's own command line. It may do everything and is nobody: it is never
# paged, never exported, and does not count when the last administrator is looked for.
COMMAND_LINE = "command-line"


class Role(StrEnum):
    """What somebody is to the organisation, from the most to the least that they may do."""

    ADMIN = "admin"
    MANAGER = "manager"
    RESPONDER = "responder"
    STAKEHOLDER = "stakeholder"


class May(StrEnum):
    """One permission each; a route names the one it needs."""

    SEE = "see incidents, services, people and policies"
    ACT = "acknowledge, resolve, escalate, note"
    REPORT = "report that something is wrong"
    OPEN = "open an incident by hand"
    SEND_TEST = "send a test alert"
    CONFIGURE = "edit services, policies, teams and integrations"
    EDIT_SCHEDULES = "edit schedules and working calendars, act for those who cannot"
    SWAP = "take hours, ask for cover, note absences of one's own"
    SEE_KEYS = "see integration keys"
    PEOPLE = "add people and change their roles"
    OWN_PROFILE = "edit one's own contacts and rules"
    SETTINGS = "change the organisation's settings"
    AUDIT = "read the audit log and every message"
    READ_RESTRICTED = "read restricted incidents without being named"


_EVERYBODY = frozenset({May.SEE, May.REPORT, May.OWN_PROFILE})
_RESPONDS = _EVERYBODY | {May.ACT, May.OPEN, May.SEND_TEST, May.SWAP}
_MANAGES = _RESPONDS | {May.CONFIGURE, May.EDIT_SCHEDULES, May.SEE_KEYS}

TABLE: dict[Role, frozenset[May]] = {
    Role.STAKEHOLDER: _EVERYBODY,
    Role.RESPONDER: _RESPONDS,
    Role.MANAGER: _MANAGES,
    Role.ADMIN: frozenset(May),
}


def may(role: str, what: May) -> bool:
    """Whether somebody with `role` may do `what`; an unknown role may nothing."""
    return role in tuple(Role) and what in TABLE[Role(role)]


class Scope(StrEnum):
    """What a token may be used for; never more than its owner may."""

    READ = "read"
    ACT = "act"
    ADMIN = "admin"


SCOPES: dict[Scope, frozenset[May]] = {
    Scope.READ: frozenset({May.SEE}),
    Scope.ACT: _RESPONDS,
    Scope.ADMIN: frozenset(May),
}
