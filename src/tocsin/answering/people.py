"""Who is behind an address."""

from __future__ import annotations

from tocsin.people.models import Contact, User


def behind(address: str, rather: str = "") -> User | None:
    """The one person who is reached at `address`; of several the one called `rather`, else None."""
    found = {
        contact.user_id: contact.user
        for contact in Contact.objects.select_related("user").filter(address=address, user__is_active=True)
    }
    if rather in found:
        return found[rather]
    return next(iter(found.values())) if len(found) == 1 else None
