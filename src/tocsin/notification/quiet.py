"""Who wants quiet, and until when: what can wait does, what is urgent does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from tocsin.catalog.calendars import calendars
from tocsin.catalog.snapshot import per_configuration
from tocsin.journal.actions import Fact
from tocsin.journal.changes import changing, did, record
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import in_parts
from tocsin.kernel.zones import wall_clock, zone
from tocsin.notification.models import QuietHours
from tocsin.notification.rules import quiet as rules
from tocsin.notification.rules.quiet import Quiet, quiet_as_data, quiet_from
from tocsin.people.actions import find_user
from tocsin.people.models import User


@per_configuration
def _wanted() -> Mapping[str, tuple[Quiet, str]]:
    """Person -> their quiet hours and their zone; mostly few, and then nobody is asked about."""
    found = {}
    for user, data, timezone in QuietHours.objects.values_list("user_id", "data", "user__timezone"):
        if (quiet := quiet_from(data)) is not None:
            found[user] = quiet, timezone
    return found


def quiet_until(user_id: str | None, now: datetime) -> datetime | None:
    """When the quiet ends that this person has at `now`; None when they have none."""
    wanted = _wanted().get(user_id or "")
    return rules.quiet_until(*wanted, calendars(), now) if wanted is not None else None


def waits_words(user_id: str, until: datetime) -> str:
    """Why a message waits."""
    timezone = User.objects.values_list("timezone", flat=True).get(pk=user_id)
    return f"waits until {wall_clock(until, zone(timezone)):%a %H:%M} {timezone}: quiet hours"


def quiet_of(user_id: str) -> Quiet | None:
    """The person's quiet hours as they are stored."""
    row = QuietHours.objects.filter(user=user_id).first()
    return quiet_from(row.data) if row is not None else None


def save_quiet(user_id: str, quiet: Quiet | None, by: By, now: datetime) -> None:
    """Make these the person's quiet hours; None: no more. Raises Refused."""
    with changing():
        if quiet is not None and quiet.calendar and quiet.calendar not in calendars():
            raise Refused(f"No calendar '{quiet.calendar}'", "the id of a working calendar", where="quiet")
        saving = QuietChanges([find_user(user_id).pk])
        saving.save(user_id, quiet)
        saving.store(by, now)


class QuietChanges:
    """Changes to the quiet hours of the people `user_ids`, who exist: `save` decides about one, `store` writes all.
    Both inside one transaction of the caller's."""

    def __init__(self, user_ids: Collection[str]) -> None:
        self._had: dict[str, dict[str, Any]] = {}
        for some in in_parts(user_ids):
            self._had |= dict(QuietHours.objects.filter(user__in=some).values_list("user_id", "data"))
        self._facts: list[Fact] = []
        self._kept: dict[str, dict[str, Any]] = {}

    def save(self, user_id: str, quiet: Quiet | None) -> None:
        before, after = self._had.get(user_id, {}), quiet_as_data(quiet)
        if before != after:
            self._kept[user_id] = after
            self._facts.append(did("quiet.saved", user=user_id, before=before, after=after))

    def store(self, by: By, now: datetime) -> None:
        """Write."""
        gone = [user for user, data in self._kept.items() if not data]
        for some in in_parts(gone):
            QuietHours.objects.filter(user__in=some).delete()
        QuietHours.objects.bulk_create(
            [QuietHours(user_id=user, data=data) for user, data in self._kept.items() if data],
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["data"],
        )
        record(self._facts, by, now)


def quiet_naming(calendar_id: str) -> list[str]:
    """The people whose quiet hours are those of the calendar, or all others."""
    rows = QuietHours.objects.order_by("user_id").values_list("user_id", "data")
    return [user for user, data in rows if calendar_id in (data.get("calendar"), data.get("outside"))]
