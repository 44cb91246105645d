"""What people and senders are called, fetched once for a whole page."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.catalog.models import Integration
from tocsin.people.models import User


def names_of(parties: Iterable[str]) -> dict[str, str]:
    """The names behind "user:ada" and "integration:shop-events"; who is gone is left out. At most two queries."""
    asked: dict[str, set[str]] = {"user": set(), "integration": set()}
    for party in parties:
        kind, _, key = party.partition(":")
        if key and kind in asked:
            asked[kind].add(key)
    found: dict[str, str] = {}
    if asked["user"]:
        people = User.objects.filter(pk__in=asked["user"]).values_list("id", "name")
        found |= {f"user:{key}": name for key, name in people}
    if asked["integration"]:
        senders = Integration.objects.filter(pk__in=asked["integration"]).values_list("id", "name")
        found |= {f"integration:{key}": name or key for key, name in senders}
    return found
