"""Whether the organisation that would come out fits together: who is named exists, and nobody is shut out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tocsin.kernel.errors import Refused
from tocsin.oncall.rules import references
from tocsin.organisation import rules
from tocsin.organisation.kinds import nearest
from tocsin.organisation.meaning import schedule_of
from tocsin.organisation.rules import (
    CALENDARS,
    EXPECT,
    INTEGRATIONS,
    NOUNS,
    ORGANISATION,
    PLACES,
    POLICIES,
    SCHEDULES,
    SERVICES,
    TEAMS,
    USERS,
    WEBHOOKS,
    Data,
    Declarations,
    Declared,
    Removed,
    State,
    has_admin,
    refusal,
)
from tocsin.people.rules import COMMAND_LINE

_TARGETS = {"user": USERS, "team": TEAMS, "schedule": SCHEDULES, "calendar": CALENDARS, "place": PLACES}


def check(
    current: State,
    final: State,
    declared: Declarations,
    removed: Sequence[Removed],
    spoilt: Mapping[str, set[str]],
    past: Mapping[str, frozenset[str]],
) -> list[Refused]:
    """Everything that does not fit in `final`, at the places that say it; what was so before is not held against
    the files. `spoilt` ids count as existing: their own mistakes are told already."""
    problems: list[Refused] = []
    for each in declared.objects:
        data, before = final[each.section][each.id], current[each.section].get(each.id)
        dangled = {(s, key) for _, s, key in _references(each.section, before or {}) if key not in current[s]}
        for path, section, key in _references(each.section, data):
            if key not in final[section] and key not in spoilt[section] and (section, key) not in dangled:
                known = sorted(final[section])
                problems.append(
                    refusal(each, path, f"No {NOUNS[section]} '{key}'", _some(known), nearest(key, known))
                )
        problems += _inner(each, current, final)
    problems += _twice(final, declared)
    problems += _removals(final, declared, removed, past)
    if has_admin(current) and not has_admin(final):
        problems.append(
            Refused(
                "This would leave nobody who may administer",
                "at least one active user with the role admin",
                where=next((each.where for each in declared.of(USERS)), ""),
            )
        )
    return problems


def _references(section: str, data: Data) -> Iterator[tuple[str, str, str]]:
    """Whom an object names: the path of the value, the section and the id."""
    if section == ORGANISATION and data.get("fallback"):
        yield "fallback", USERS, data["fallback"]
    if section == ORGANISATION:
        for number, expectation in enumerate(data.get(EXPECT, ())):
            yield f"{EXPECT}.{number}.service", SERVICES, expectation["service"]
    if section == TEAMS:
        for number, member in enumerate(data.get("members", ())):
            yield f"members.{number}", USERS, member
    if section == USERS and (quiet := data.get("quiet")) and "hours" not in quiet:
        yield "quiet", CALENDARS, quiet.get("calendar") or quiet["outside"]
    if section in (SCHEDULES, POLICIES, SERVICES) and data.get("team"):
        yield "team", TEAMS, data["team"]
    if section == SERVICES and data.get("policy"):
        yield "policy", POLICIES, data["policy"]
    if section == WEBHOOKS:
        for name, named in (("services", SERVICES), ("teams", TEAMS)):
            for number, key in enumerate(data.get(name, ())):
                yield f"{name}.{number}", named, key
    if section == POLICIES:
        for number, level in enumerate(data.get("levels", ())):
            for place, target in enumerate(level["notify"]):
                kind, _, key = target.partition(":")
                yield f"levels.{number}.notify.{place}", _TARGETS[kind], key.partition("/")[0]
            if when := level.get("when"):
                yield f"levels.{number}.when", CALENDARS, when.get("calendar") or when["outside"]
    if section == SCHEDULES:
        for path, kind, key in references(schedule_of("schedule", data)) if data else ():
            yield path, _TARGETS[kind], key


def _inner(each: Declared, current: State, final: State) -> Iterator[Refused]:
    """What does not fit within one object."""
    data = final[each.section][each.id]
    if each.section == TEAMS and data["lead"] and data["lead"] not in data["members"]:
        yield refusal(each, "lead", f"The lead {data['lead']} is not a member", "one of the members")
    if each.section == ORGANISATION and (fallback := data.get("fallback")):
        was = current[USERS].get(fallback)
        off_before = (
            was is not None and not was["active"] and current[ORGANISATION][each.id]["fallback"] == fallback
        )
        if fallback in final[USERS] and not final[USERS][fallback]["active"] and not off_before:
            yield refusal(each, "fallback", f"{fallback} is switched off", "an active user")
    if each.section == USERS:
        if each.id == COMMAND_LINE:
            yield refusal(each, "id", f"'{COMMAND_LINE}' is the account of the command line", "another id")
        contacts = sorted(data.get("contacts", {}))
        for urgency, steps in (each.data.get("rules") or {}).items():
            for number, step in enumerate(steps):
                name = _contact_of(step)
                if name not in contacts:
                    path = f"rules.{urgency}.{number}"
                    yield refusal(
                        each,
                        path,
                        f"{each.id} has no contact '{name}'",
                        _some(contacts),
                        nearest(name, contacts),
                    )


def _contact_of(step: Any) -> str:
    return step if isinstance(step, str) else next(iter(step))


def _twice(final: State, declared: Declarations) -> Iterator[Refused]:
    """Addresses and keys of which there may be only one."""
    for section, path, what in ((USERS, "email", "e-mail address"), (INTEGRATIONS, "key", "key")):
        owners: dict[str, list[str]] = {}
        for key, data in final[section].items():
            owners.setdefault(str(data.get(path) or "").casefold(), []).append(key)
        owners.pop("", None)  # a key that is still to be made
        for ids in owners.values():
            here = [each for each in declared.of(section) if each.id in ids] if len(ids) > 1 else []
            for each in here[1:] if len(here) == len(ids) else here:
                other = next(key for key in ids if key != each.id)
                yield refusal(each, path, f"The same {what} as {other}", f"each {NOUNS[section]} its own")


def _removals(
    final: State, declared: Declarations, removed: Sequence[Removed], past: Mapping[str, frozenset[str]]
) -> Iterator[Refused]:
    """Who would be missed, and what must not be lost."""
    own = {(each.section, each.id) for each in declared.objects}
    gone = {
        (each.section, each.id)
        for each in removed
        if each.section != USERS and each.fate is rules.Fate.DELETED
    }
    for section in (SCHEDULES, POLICIES, SERVICES, WEBHOOKS):
        for key, data in final[section].items():
            for _, named, name in _references(section, data):
                if (named, name) in gone and (section, key) not in own:
                    yield Refused(
                        f"{NOUNS[named].capitalize()} {name} would be removed, and {NOUNS[section]} {key} names it",
                        mend=f"Declare {NOUNS[named]} {name}, or change {NOUNS[section]} {key}.",
                    )
    for each in removed:
        if each.section == SERVICES and each.id in past[SERVICES]:
            yield Refused(
                f"Service {each.id} would be removed, and it has incidents or alerts",
                mend="Keep it in the file, with its integrations switched off (enabled: false).",
            )
    fallback = final[ORGANISATION].get(rules.THE_ORGANISATION, {}).get("fallback")
    if any(each.section == USERS and each.id == fallback for each in removed):
        yield Refused(
            f"User {fallback} would be switched off, and is the fallback", mend="Name another fallback."
        )


def _some(known: Sequence[str]) -> str:
    """The ids there are, as an expectation; not all of them when there are many."""
    if not known:
        return ""
    return "one of " + ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
