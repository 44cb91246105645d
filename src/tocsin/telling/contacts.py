"""Contacts that fail: told to their person by another way, and to who leads their team, else to the administrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from tocsin.journal.changes import changing
from tocsin.notification.book import book
from tocsin.notification.judging import FAILING, Found, keep, look
from tocsin.people.models import Contact, Team, User
from tocsin.people.reasons import reason_words
from tocsin.people.rules import Role
from tocsin.people.speaking import moment_words
from tocsin.telling.notices import LINES_MAX, Notice, send

EVERY = timedelta(seconds=30)  # how late it is noticed that a contact fails, or works again


def tell_contacts(now: datetime) -> int:
    """Judge contacts by what became of their messages, and tell of those that fail; returns how many changed."""
    found = look(now)
    if not found:
        return 0
    with changing():
        kept = keep(found, now)
        fail = [each for each in kept if each.word == FAILING]
        if fail:
            people = User.objects.filter(is_active=True).in_bulk({each.contact.user_id for each in fail})
            mine = [each for each in fail if each.contact.user_id in people]
            send([*_to_themselves(mine, now), *_to_who_leads(mine, people, now)], now)
    return len(kept)


def _to_themselves(found: Sequence[Found], now: datetime) -> Iterator[Notice]:
    for each in found:
        alone = not book().reaches(each.contact.user_id)
        yield Notice(
            user=each.contact.user_id,
            words=partial(_own_words, each.contact, alone, now),
            reason=f"contact {each.contact.name} fails",
            path="/me/contacts",
            begins_at=now if alone else None,
        )


def _own_words(contact: Contact, alone: bool, now: datetime, here: ZoneInfo) -> tuple[str, list[str]]:
    since = gettext("Since %(time)s (%(zone)s): %(why)s.") % {
        "time": moment_words(contact.failing_since or now, here),
        "zone": here.key,
        "why": reason_words(contact.failing_why),
    }
    means = (
        gettext("You have no other contact that works: pages may not reach you.")
        if alone
        else gettext("Pages go to your other contacts first, and this one is tried last.")
    )
    subject = gettext("Messages to your contact '%(contact)s' do not arrive") % {"contact": contact.name}
    return subject, [since, means, gettext("Mend it, then have a code sent to it, or send a test.")]


def _to_who_leads(found: Sequence[Found], people: Mapping[str, User], now: datetime) -> Iterator[Notice]:
    """One notice to each, of all that concerns them."""
    concerned: dict[str, list[Found]] = {}
    for each in found:
        for user in _who_leads(each.contact.user_id):
            concerned.setdefault(user, []).append(each)
    for user, some in sorted(concerned.items()):
        alone = any(not book().reaches(each.contact.user_id) for each in some)
        yield Notice(
            user=user,
            words=partial(_words, some, people),
            reason="contacts fail",
            path="/people",
            begins_at=now if alone else None,
        )


def _words(some: Sequence[Found], people: Mapping[str, User], here: ZoneInfo) -> tuple[str, list[str]]:
    lines = []
    for each in some[: LINES_MAX - 1]:
        why = reason_words(each.contact.failing_why)
        line = f"{people[each.contact.user_id].name}, '{each.contact.name}': {why}."
        reached = book().reaches(each.contact.user_id)
        lines.append(line if reached else f"{line} {gettext('Nothing else reaches them.')}")
    if more := len(some) - len(lines):
        lines.append(gettext("And %(count)s more.") % {"count": more})
    names = dict.fromkeys(people[each.contact.user_id].name for each in some)
    who = next(iter(names)) if len(names) == 1 else gettext("%(count)s people") % {"count": len(names)}
    return gettext("Messages to %(who)s do not arrive") % {"who": who}, lines


def _who_leads(user: str) -> list[str]:
    """Who leads the person's teams; without such, the administrators. Never the person."""
    leads = Team.objects.filter(memberships__user=user, lead__is_active=True).exclude(lead=user)
    found = sorted(set(leads.values_list("lead_id", flat=True)) - {None})
    if found:
        return [lead for lead in found if lead is not None]
    admins = User.objects.people().filter(is_active=True, role=Role.ADMIN).exclude(pk=user)
    return list(admins.order_by("pk").values_list("pk", flat=True))
