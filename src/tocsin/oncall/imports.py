"""Schedules and holidays taken from calendars that are kept elsewhere.

What a calendar says becomes overrides of a schedule, under all that people make (IMPORTED_PLACE), or the holidays of a
working calendar. So nobody is on call by a calendar that cannot be read any more: what was read last stays stored and
in use, and its owner is told. A copy is taken over only when it is one: a calendar that has become empty, a web page
that asks to sign in, an event whose person nobody knows do not take anybody off call.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tocsin.catalog.calendars import find_calendar
from tocsin.journal.changes import changing, did, record
from tocsin.journal.waking import wake
from tocsin.kernel.acting import By
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.oncall.actions import find_schedule
from tocsin.oncall.copies import check_not_empty, note_good, read_for, set_days, standing, take_over
from tocsin.oncall.countries import country_days
from tocsin.oncall.ical.apart import read_apart
from tocsin.oncall.models import Import, ImportKind

COUNTRY_EVERY = timedelta(days=30)  # a year's holidays come well before that year
OLD = timedelta(hours=24)  # a copy older than this is used all the same, and said so loudly
ADDRESS_LENGTH_MAX = 2_000


def import_address(
    address: str, host: str, by: By, now: datetime, *, schedule_id: str = "", calendar_id: str = ""
) -> Import:
    """Take the shifts of a schedule, or the holidays of a working calendar, from the calendar at `address` from now on;
    `host` is what is shown of it. It is fetched by the engine at once. Raises Refused."""
    if not address or len(address) > ADDRESS_LENGTH_MAX:
        raise Refused(
            "A calendar needs an address", "one such as https://example.com/on-call.ics", where="url"
        )
    with changing():
        row = _fresh(schedule_id, calendar_id, by, now)
        row.kind, row.shown, row.due_at = ImportKind.ADDRESS, host[:255], now
        row.sealed = _seal().encrypt(address.encode()).decode()
        row.save()
        record([did("calendar.followed", **_target(row), host=row.shown)], by, now)
        wake("duties")
    return row


def import_file(
    body: bytes, name: str, by: By, now: datetime, *, schedule_id: str = "", calendar_id: str = ""
) -> Import:
    """Take the shifts of a schedule, or the holidays of a working calendar, from this file. Raises Refused when it
    cannot be read, or names nobody at all."""
    if schedule_id:
        timezone = find_schedule(schedule_id).timezone
    else:
        timezone = find_calendar(calendar_id).timezone
    found = read_apart(body, read_for(now), timezone)  # takes its time, so not in a transaction
    check_not_empty(Import(schedule_id=schedule_id or None), found, now)
    with changing():
        row = _fresh(schedule_id, calendar_id, by, now)
        row.kind, row.sealed, row.shown, row.due_at = ImportKind.FILE, "", name[:255], None
        row.save()
        take_over(row, body, found, by, now)
        if not row.days and schedule_id and not standing(schedule_id):
            names = ", ".join(row.unknown[:3])
            raise Refused(
                f"No event names anybody here: {names}", "the e-mail address, id or full name of a person"
            )
    return row


def import_country(calendar_id: str, country: str, region: str, by: By, now: datetime) -> Import:
    """Take the holidays of the working calendar from those of a country, such as "DE", and its region, such as "BY".
    Raises Refused."""
    days = country_days(country, region, now)
    with changing():
        row = _fresh("", calendar_id, by, now)
        row.kind, row.sealed = ImportKind.COUNTRY, ""
        row.shown = f"{country}/{region}" if region else country
        row.due_at = now + COUNTRY_EVERY
        row.save()
        record([did("calendar.followed", **_target(row), country=row.shown)], by, now)
        note_good(row, now)
        set_days(row, days, by, now)
    return row


def stop_import(row_id: int, by: By, now: datetime) -> None:
    """Follow the calendar no longer; the shifts and days that came from it stay, for people to change. Raises
    Refused."""
    with changing():
        row = find_import(row_id)
        row.delete()
        record([did("calendar.left", **_target(row), host=row.shown)], by, now)


def look_soon(row_id: int, by: By, now: datetime) -> Import:
    """Have the calendar looked at now, whenever it would be due. Raises Refused."""
    with changing():
        row = find_import(row_id)
        row.due_at = now
        row.save(update_fields=["due_at"])
        record([did("calendar.look_asked", **_target(row), host=row.shown)], by, now)
        wake("duties")
    return row


def find_import(row_id: int) -> Import:
    """The import. Raises Refused."""
    row = Import.objects.select_related("schedule", "calendar").filter(pk=row_id).first()
    if row is None:
        raise not_found("imported calendar", row_id)
    return row


def plain_address(text: str) -> str:
    """The address as it is fetched: webcal:// is what calendars call https://."""
    text = text.strip()
    return "https://" + text.removeprefix("webcal://") if text.startswith("webcal://") else text


def _fresh(schedule_id: str, calendar_id: str, by: By, now: datetime) -> Import:
    """The row to fill, of a schedule or of a working calendar: that of before, without its copy and troubles, or a new
    one. Raises Refused where there is neither."""
    if schedule_id:
        known = Import.objects.filter(schedule=find_schedule(schedule_id)).first()
    else:
        known = Import.objects.filter(calendar=find_calendar(calendar_id)).first()
    row = known or Import(schedule_id=schedule_id or None, calendar_id=calendar_id or None)
    row.made_by, row.made_at = by.who, now
    row.etag, row.copy, row.copied_at, row.applied_at = "", "", None, None
    row.problem, row.problem_at, row.unknown, row.told = "", None, [], ""
    return row


def _target(row: Import) -> dict[str, str]:
    return {"schedule": row.schedule_id} if row.schedule_id else {"calendar": row.calendar_id or ""}


def address_of(row: Import) -> str:
    """Where the calendar is. Raises Refused when another secret key sealed it."""
    try:
        return _seal().decrypt(row.sealed.encode()).decode()
    except InvalidToken:
        raise conflict(
            "The address was sealed with another secret key",
            "Set TOCSIN_SECRET_KEY as it was, or write the address anew.",
        ) from None


def _seal() -> Fernet:
    return _seal_of(settings.SECRET_KEY)


@lru_cache(maxsize=2)
def _seal_of(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"tocsin calendar addresses").derive(secret.encode())
    return Fernet(urlsafe_b64encode(derived))
