"""Who is behind an address, and which of their pages a code means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tocsin.catalog.snapshot import per_configuration
from tocsin.notification.book import book
from tocsin.notification.links import reply_code
from tocsin.notification.models import Page
from tocsin.notification.rules import ACT_LINK_LIFE, Kind
from tocsin.people.models import User
from tocsin.people.speaking import house_language

PAGES_MAX = 1_000  # of one person in a day, among which a code is looked for


@per_configuration
def _reached_at() -> Mapping[str, tuple[str, ...]]:
    """The ids of the people who are paged at each address."""
    found: dict[str, set[str]] = {}
    for user, contacts in book().contacts.items():
        for address in contacts.values():
            found.setdefault(_plain(address), set()).add(user)
    return {address: tuple(sorted(users)) for address, users in found.items()}


def _plain(address: str) -> str:
    """Mailboxes are written in whatever case."""
    return address.lower() if address.startswith("mailto:") else address


def people_at(address: str) -> list[User]:
    """Everybody active who is paged at `address`; an address that nobody proved or vouched for is nobody's."""
    users = _reached_at().get(_plain(address), ())
    return list(User.objects.filter(pk__in=users, is_active=True).order_by("pk")) if users else []


def language_at(address: str) -> str:
    """What is spoken with whoever writes from `address`: their language, where they all have one."""
    users = _reached_at().get(_plain(address), ())
    spoken = (
        set(User.objects.filter(pk__in=users, is_active=True).values_list("language", flat=True))
        if users
        else ()
    )
    return next(iter(spoken)) if len(spoken) == 1 else house_language()


def behind(address: str, rather: str | None = None) -> User | None:
    """The one person at `address`; of several the one called `rather`, else None."""
    found = people_at(address)
    return next((user for user in found if user.pk == rather), found[0] if len(found) == 1 else None)


def answerable(user_ids: list[str], now: datetime) -> list[Page]:
    """The pages of these people that a code may mean: of the last day, the newest first."""
    rows = Page.objects.select_related("user").filter(
        user__in=user_ids,
        incident_id__isnull=False,
        kind__in=(Kind.PAGE, Kind.UPDATE),
        created_at__gt=now - ACT_LINK_LIFE,
    )
    return list(rows.order_by("-created_at", "-pk")[:PAGES_MAX])


def with_code(pages: list[Page], code: str) -> list[Page]:
    """Those of `pages` whose code it is: one, unless chance or a guess is at work."""
    return [page for page in pages if reply_code(page.pk) == code]
