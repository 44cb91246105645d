"""Schedules and holidays taken from calendars that are kept elsewhere.

What a calendar says becomes overrides of a schedule, under all that people make (IMPORTED_PLACE), or the holidays of a
working calendar. So nobody is on call by a calendar that cannot be read any more: what was read last stays stored and
in use, and its owner is told. A copy is taken over only when it is one: a calendar that has become empty, a web page
that asks to sign in, an event whose person nobody knows do not take anybody off call.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
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
from tocsin.kernel.calendars import HOLIDAYS_MAX, NAME_LENGTH_MAX, Calendar, Holiday
from tocsin.kernel.errors import Refused, conflict, not_found
from tocsin.kernel.spans import Span
from tocsin.oncall.actions import find_schedule, save_calendar
from tocsin.oncall.countries import country_days
from tocsin.oncall.ical.apart import read_apart
from tocsin.oncall.ical.naming import Directory, Human, Meant, Stretch, filled, stretches
from tocsin.oncall.ical.reading import Happening
from tocsin.oncall.models import IMPORTED_PLACE, Import, ImportKind, Override
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.oncall.saving import TOPIC, Schedules
from tocsin.people.models import User

LOOK_EVERY = timedelta(minutes=5)
COUNTRY_EVERY = timedelta(days=30)  # a year's holidays come well before that year
APPLY_EVERY = timedelta(days=1)  # the same copy again, because the days that it is read for move on
LEASE = timedelta(minutes=2)  # longer than any look takes
BEHIND = timedelta(days=7)  # how much of the past is read, so that what runs now is whole
AHEAD = timedelta(days=366)
OLD = timedelta(hours=24)  # a copy older than this is used all the same, and said so loudly
UNKNOWN_SHOWN_MAX = 20
ADDRESS_LENGTH_MAX = 2_000


# -- what people do -------------------------------------------------------------------------------------------------


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
    found = read_apart(body, _read_for(now), timezone)  # takes its time, so not in a transaction
    _check_not_empty(Import(schedule_id=schedule_id or None), found, now)
    with changing():
        row = _fresh(schedule_id, calendar_id, by, now)
        row.kind, row.sealed, row.shown, row.due_at = ImportKind.FILE, "", name[:255], None
        row.save()
        _take(row, body, found, by, now)
        if not row.days and schedule_id and not _standing(schedule_id):
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
        _good(row, now)
        _set_days(row, days, by, now)
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


# -- what the engine does -------------------------------------------------------------------------------------------


def claim_due(now: datetime) -> Import | None:
    """The next import to look at, leased to the caller for LEASE; None when none is due."""
    row = (
        Import.objects.select_related("schedule", "calendar")
        .filter(due_at__lte=now)
        .order_by("due_at")
        .first()
    )
    if row is None:
        return None
    if row.schedule is not None and row.schedule.removed_at is not None:
        row.delete()  # nothing hangs on it any more
        return claim_due(now)
    won = Import.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + LEASE)
    return row if won else None


def address_of(row: Import) -> str:
    """Where the calendar is. Raises Refused when another secret key sealed it."""
    try:
        return _seal().decrypt(row.sealed.encode()).decode()
    except InvalidToken:
        raise conflict(
            "The address was sealed with another secret key",
            "Set TOCSIN_SECRET_KEY as it was, or write the address anew.",
        ) from None


def fetched(row: Import, body: bytes, etag: str, by: By, now: datetime) -> None:
    """The address has answered with `body`: take it over, or say what is wrong with it. Takes its time."""
    timezone = row.schedule.timezone if row.schedule else row.calendar.timezone if row.calendar else "UTC"
    try:
        found = read_apart(body, _read_for(now), timezone)
        _check_not_empty(row, found, now)
    except Refused as refused:
        failed(row, str(refused), now)
        return
    with changing():
        current = Import.objects.select_for_update().filter(pk=row.pk, sealed=row.sealed).first()
        if current is None:  # somebody has chosen another calendar meanwhile
            return
        current.etag, current.due_at = etag[:200], now + LOOK_EVERY
        _take(current, body, found, by, now)


def unchanged(row: Import, by: By, now: datetime) -> None:
    """The address says that the copy is what it has; once a day what follows from it is worked out anew."""
    if row.applied_at is None or now - row.applied_at >= APPLY_EVERY:
        fetched(row, row.copy.encode(), row.etag, by, now)
        return
    Import.objects.filter(pk=row.pk, sealed=row.sealed).update(
        copied_at=now, problem="", problem_at=None, due_at=now + LOOK_EVERY
    )
    wake(TOPIC)


def failed(row: Import, why: str, now: datetime) -> None:
    """The look has brought no copy: the last good one stays in use."""
    since = row.problem_at if row.problem else now
    mine = Import.objects.filter(pk=row.pk, sealed=row.sealed)
    mine.update(problem=why[:500], problem_at=since, due_at=now + LOOK_EVERY)
    wake(TOPIC)


def renew_country(row: Import, by: By, now: datetime) -> None:
    """Take over the holidays of the years that have come near."""
    country, _, region = row.shown.partition("/")
    try:
        days = country_days(country, region, now)
    except Refused as refused:
        failed(row, str(refused), now)
        return
    with changing():
        current = Import.objects.select_for_update().filter(pk=row.pk, shown=row.shown).first()
        if current is None or current.kind != ImportKind.COUNTRY:  # somebody has chosen another meanwhile
            return
        current.due_at = now + COUNTRY_EVERY
        _good(current, now)
        _set_days(current, days, by, now)


def renew_file(row: Import, by: By, now: datetime) -> None:
    """Work out anew what follows from the copy, for the days that have come near."""
    fetched(row, row.copy.encode(), "", by, now)


def _read_for(now: datetime) -> Span:
    return Span(now - BEHIND, now + AHEAD)


# -- what follows from a copy ---------------------------------------------------------------------------------------


def _take(row: Import, body: bytes, found: Sequence[Happening], by: By, now: datetime) -> None:
    """Make `body` the copy in use. In the caller's transaction."""
    row.copy = body.decode("utf-8-sig", "replace")
    row.due_at = now + (LOOK_EVERY if row.kind == ImportKind.ADDRESS else APPLY_EVERY)
    _good(row, now)
    if row.schedule_id:
        _set_shifts(row, found, by, now)
        row.save()
    else:
        _set_days(row, _days_of(found), by, now)


def _check_not_empty(row: Import, found: Sequence[Happening], now: datetime) -> None:
    """Raises Refused when nothing is in it that is still to come: it takes nobody off call and opens no holiday."""
    if row.schedule_id:
        found = [each for each in found if each.span.end > now]
    else:
        found = [each for each in found if each.days]
    if not found:
        what = "event" if row.schedule_id else "whole day"
        raise Refused(f"The calendar is empty: no {what} in it is still to come", "events of the coming year")


def _good(row: Import, now: datetime) -> None:
    wake(TOPIC)
    row.copied_at = row.applied_at = now
    row.problem, row.problem_at = "", None


def _set_shifts(row: Import, found: Sequence[Happening], by: By, now: datetime) -> None:
    """Make the schedule what the calendar says, from `now` on."""
    assert row.schedule_id is not None
    directory = _directory()
    meant: list[tuple[Span, Meant]] = [(each.span, directory.meant(each)) for each in found]
    names = dict.fromkeys(
        name for span, each in meant if span.end > now for name in (*each.ambiguous, *each.unknown)
    )
    row.unknown = list(names)[:UNKNOWN_SHOWN_MAX]
    active = {human.id for human in directory.people}
    old = [
        Stretch(Span(each.starts_at, each.ends_at), tuple(user for user in each.users if user in active))
        for each in _standing(row.schedule_id)
    ]
    wanted = filled(stretches(meant), [each for each in old if each.users])
    saving = Schedules([row.schedule_id], by, now)
    saving.import_shifts(
        row.schedule_id, [OverrideValue("", *each.span, each.users) for each in wanted if each.span.end > now]
    )
    saving.store()


def _standing(schedule_id: str) -> list[Override]:
    """The overrides that came from the calendar, sorted by their hours."""
    rows = Override.objects.standing().filter(schedule=schedule_id, place=IMPORTED_PLACE)
    return sorted(rows, key=lambda each: each.starts_at)


def imported_overrides() -> Mapping[str, Collection[str]]:
    """The ids of the overrides that calendars bring, by schedule; without those of schedules that follow none."""
    rows = Override.objects.standing().filter(schedule__source__isnull=False, place=IMPORTED_PLACE)
    found: dict[str, set[str]] = {}
    for schedule, key in rows.values_list("schedule", "pk"):
        found.setdefault(schedule, set()).add(str(key))
    return found


def _directory() -> Directory:
    people = User.objects.people().filter(is_active=True).values_list("pk", "name", "email")
    return Directory([Human(*each) for each in people])


def _days_of(found: Sequence[Happening]) -> list[Holiday]:
    """Each day of the events that last whole days."""
    days: dict[str, Holiday] = {}
    for each in found:
        day, end = each.days or (None, None)
        while day is not None and end is not None and day < end:
            days.setdefault(day.isoformat(), Holiday(day, each.summary[:NAME_LENGTH_MAX]))
            day += timedelta(days=1)
    return [days[key] for key in sorted(days)]


def _set_days(row: Import, days: Sequence[Holiday], by: By, now: datetime) -> None:
    """Make `days` the calendar's holidays, beside those that people wrote by hand."""
    before = find_calendar(row.calendar_id or "").as_value()
    came = set(row.days)
    by_hand = [day for day in before.holidays if day.on.isoformat() not in came]
    taken = {day.on for day in by_hand}
    new = [day for day in days if day.on not in taken]
    merged = tuple(sorted([*by_hand, *new], key=lambda day: day.on))[:HOLIDAYS_MAX]
    save_calendar(Calendar(before.id, before.name, before.timezone, before.hours, merged), by, now)
    row.days = [day.on.isoformat() for day in new]
    row.save()


def _seal() -> Fernet:
    return _seal_of(settings.SECRET_KEY)


@lru_cache(maxsize=2)
def _seal_of(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"tocsin calendar addresses").derive(secret.encode())
    return Fernet(urlsafe_b64encode(derived))
