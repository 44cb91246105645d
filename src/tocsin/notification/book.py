"""Who is reached how: everybody's contacts and rules, read once per version of the configuration.

What is found out about a contact is written into that configuration's journal, so the book is never behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.catalog.actions import per_configuration
from tocsin.notification.models import Rule
from tocsin.notification.rules import Step
from tocsin.people.models import Contact, User


@dataclass(frozen=True)
class Book:
    """`contacts` is person -> name -> address of those that are paged, `failing` person -> the names of those of them
    that count as none, `unverified` person -> the names of those that are not paged; `steps` is (person, urgency) ->
    what their rules say, in order."""

    contacts: Mapping[str, Mapping[str, str]]
    failing: Mapping[str, frozenset[str]]
    unverified: Mapping[str, frozenset[str]]
    steps: Mapping[tuple[str, str], tuple[Step, ...]]

    def reaches(self, user: str) -> bool:
        """Whether the person has a contact that counts, at whatever urgency: where their rules name none that does,
        every contact is used."""
        return bool(self.contacts.get(user, {}).keys() - self.failing.get(user, frozenset()))


@per_configuration
def everybody() -> Mapping[str, User]:
    """Every person by their id."""
    return {user.pk: user for user in User.objects.all()}


@per_configuration
def book() -> Book:
    """The book as it is now."""
    contacts: dict[str, dict[str, str]] = {}
    failing: dict[str, set[str]] = {}
    unverified: dict[str, set[str]] = {}
    for row in Contact.objects.all():
        known = row.as_value()
        if not known.is_paged:
            unverified.setdefault(row.user_id, set()).add(row.name)
            continue
        contacts.setdefault(row.user_id, {})[row.name] = row.address
        if not known.is_sound:
            failing.setdefault(row.user_id, set()).add(row.name)
    steps: dict[tuple[str, str], list[Step]] = {}
    rules = Rule.objects.order_by("position").values_list("user_id", "urgency", "contact", "delay")
    for user, urgency, contact, delay in rules:
        steps.setdefault((user, urgency), []).append(Step(contact, delay))
    return Book(
        contacts,
        {user: frozenset(names) for user, names in failing.items()},
        {user: frozenset(names) for user, names in unverified.items()},
        {key: tuple(some) for key, some in steps.items()},
    )
