"""Who is reached how: everybody's contacts and rules, read once per version of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.catalog.actions import per_configuration
from tocsin.notification.models import Rule
from tocsin.notification.rules import Step
from tocsin.people.models import Contact


@dataclass(frozen=True)
class Book:
    """`contacts` is person -> name -> address; `steps` is (person, urgency) -> what their rules say, in order."""

    contacts: Mapping[str, Mapping[str, str]]
    steps: Mapping[tuple[str, str], tuple[Step, ...]]


@per_configuration
def book() -> Book:
    """The book as it is now."""
    contacts: dict[str, dict[str, str]] = {}
    for user, name, address in Contact.objects.values_list("user_id", "name", "address"):
        contacts.setdefault(user, {})[name] = address
    steps: dict[tuple[str, str], list[Step]] = {}
    rules = Rule.objects.order_by("position").values_list("user_id", "urgency", "contact", "delay")
    for user, urgency, contact, delay in rules:
        steps.setdefault((user, urgency), []).append(Step(contact, delay))
    return Book(contacts, {key: tuple(some) for key, some in steps.items()})
