"""Contacts that fail: told to their person by another way, and to who leads their team, else to the administrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tocsin.journal.changes import changing
from tocsin.kernel.zones import zone
from tocsin.notification.book import book
from tocsin.notification.judging import FAILING, Found, keep, look
from tocsin.people.models import Team, User
from tocsin.people.rules import Role
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
            send([*_to_themselves(mine, people, now), *_to_who_leads(mine, people, now)], now)
    return len(kept)


def _to_themselves(found: Sequence[Found], people: Mapping[str, User], now: datetime) -> Iterator[Notice]:
    for each in found:
        person, contact = people[each.contact.user_id], each.contact
        alone = not book().reaches(person.pk)
        since = (contact.failing_since or now).astimezone(zone(person.timezone))
        yield Notice(
            user=person.pk,
            subject=f"Messages to your contact '{contact.name}' do not arrive",
            lines=[
                f"Since {since:%a %-d %b %H:%M} ({person.timezone}): {contact.failing_why}.",
                "You have no other contact that works: pages may not reach you."
                if alone
                else "Pages go to your other contacts first, and this one is tried last.",
                "Mend it, then have a code sent to it, or send a test.",
            ],
            reason=f"contact {contact.name} fails",
            path="/me/contacts",
            begins_at=now if alone else None,
        )


def _to_who_leads(found: Sequence[Found], people: Mapping[str, User], now: datetime) -> Iterator[Notice]:
    """One notice to each, of all that concerns them."""
    concerned: dict[str, list[Found]] = {}
    for each in found:
        for user in _who_leads(each.contact.user_id):
            concerned.setdefault(user, []).append(each)
    for user, some in sorted(concerned.items()):
        lines = [
            f"{people[each.contact.user_id].name}, '{each.contact.name}': {each.contact.failing_why}."
            + ("" if book().reaches(each.contact.user_id) else " Nothing else reaches them.")
            for each in some[: LINES_MAX - 1]
        ]
        if len(some) > len(lines):
            lines.append(f"And {len(some) - len(lines)} more.")
        names = dict.fromkeys(people[each.contact.user_id].name for each in some)
        who = next(iter(names)) if len(names) == 1 else f"{len(names)} people"
        alone = any(not book().reaches(each.contact.user_id) for each in some)
        yield Notice(
            user=user,
            subject=f"Messages to {who} do not arrive",
            lines=lines,
            reason="contacts fail",
            path="/people",
            begins_at=now if alone else None,
        )


def _who_leads(user: str) -> list[str]:
    """Who leads the person's teams; without such, the administrators. Never the person."""
    leads = Team.objects.filter(memberships__user=user, lead__is_active=True).exclude(lead=user)
    found = sorted(set(leads.values_list("lead_id", flat=True)) - {None})
    if found:
        return [lead for lead in found if lead is not None]
    admins = User.objects.people().filter(is_active=True, role=Role.ADMIN).exclude(pk=user)
    return list(admins.order_by("pk").values_list("pk", flat=True))
