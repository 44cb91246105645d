"""What schedules and working calendars are taken from elsewhere: how that goes in words, and to begin and to end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from tocsin.kernel.errors import not_found
from tocsin.oncall import imports
from tocsin.oncall.countries import place_in_words
from tocsin.oncall.models import Import, ImportKind
from tocsin.telling.imports import trouble_of
from tocsin.web.forms import by, instant
from tocsin.web.forms.sources import HolidaysForm, SourceForm
from tocsin.web.layout import say
from tocsin.web.rota_words import listed


@dataclass(frozen=True)
class Source:
    """A calendar elsewhere, and how it goes with it. `trouble` "": it goes well."""

    shown: str
    kind: str
    read_at: datetime | None
    failing_since: datetime | None
    looked_next: datetime | None
    trouble: str
    why: str
    mend: str


def source_of(row: Import, now: datetime) -> Source:
    """How it goes with `row` at `now`, in words."""
    trouble, why, mend = _trouble(row, now)
    shown = place_in_words(row.shown) if row.kind == ImportKind.COUNTRY else row.shown
    since = row.problem_at if row.problem else None
    return Source(shown, row.kind, row.copied_at, since, row.due_at, trouble, why, mend)


def source_of_schedule(schedule_id: str, now: datetime) -> Source | None:
    """What the schedule is taken from; None when it is kept here."""
    row = Import.objects.filter(schedule=schedule_id).defer("copy").first()
    return source_of(row, now) if row else None


def _trouble(row: Import, now: datetime) -> tuple[str, str, str]:
    """What is wrong, why, and what to do; all "" when nothing is."""
    shifts = row.schedule_id is not None
    if row.problem and row.copied_at is None:
        what = "Nobody is on call by it yet" if shifts else "No holiday came from it yet"
        return what, row.problem, "Mend its address, or plan here."
    if row.problem and row.copied_at is not None:
        old = now - row.copied_at >= imports.OLD
        what = "It has failed for more than a day" if old else "The last look brought no calendar"
        return what, row.problem, "The last good copy stays in use. Mend its address, or plan here."
    if row.unknown:
        mend = (
            "Write the e-mail address, the id or the full name of a person there; until then their hours stay"
        )
        mend += " with whoever had them before, or with nobody."
        return "It names people nobody knows", f"Not known, or several people: {listed(row.unknown)}.", mend
    return "", "", ""


def shown(row: Import | None, now: datetime, address: str) -> Mapping[str, Any]:
    """What `schedules/source.html` needs; `address` is where what it offers lies below."""
    return {
        "source": source_of(row, now) if row else None,
        "source_page": address,
        "source_look": f"{address}/look",
        "source_stop": f"{address}/stop",
    }


@dataclass(frozen=True)
class Troubled:
    """A schedule or a working calendar whose calendar elsewhere has trouble; `address` is its page."""

    name: str
    address: str
    what: str


def troubled(now: datetime) -> Sequence[Troubled]:
    """Those with trouble that their owners are told of. One query."""
    rows = Import.objects.exclude(problem="", unknown=[]).select_related("schedule", "calendar").defer("copy")
    return [
        Troubled(str(row.schedule or row.calendar), page_of(row), source_of(row, now).trouble)
        for row in rows.order_by("pk")
        if trouble_of(row, now) and (row.schedule is None or row.schedule.removed_at is None)
    ]


def page_of(row: Import) -> str:
    """The page on which it is looked after."""
    if row.schedule_id:
        return reverse("calendar_in", args=[row.schedule_id])
    return reverse("calendar", args=[row.calendar_id])


def follow(request: HttpRequest, form: SourceForm, *, schedule_id: str = "", calendar_id: str = "") -> None:
    """Take what the form says from now on, and say so. Raises Refused."""
    who, now = by(request), instant(request)
    if isinstance(form, HolidaysForm) and (country := form.cleaned_data["country"]):
        row = imports.import_country(calendar_id, country, form.cleaned_data["region"], who, now)
        say(
            request,
            f"The public holidays of {place_in_words(row.shown)} are taken over, and renewed by themselves.",
        )
        return
    address, host = form.address()
    if address:
        imports.import_address(address, host, who, now, schedule_id=schedule_id, calendar_id=calendar_id)
        say(request, "It is looked at now. What comes of it stands here in a moment.")
        return
    body, name = form.body()
    imports.import_file(body, name, who, now, schedule_id=schedule_id, calendar_id=calendar_id)
    say(request, "The shifts are taken over." if schedule_id else "The holidays are taken over.")


def look(request: HttpRequest, row: Import | None, of: str) -> None:
    """Have it fetched now. Raises Refused when `of` follows none."""
    imports.look_soon(_there(row, of).pk, by(request), instant(request))
    say(request, "It is looked at now. What comes of it stands here in a moment.")


def leave(request: HttpRequest, row: Import | None, of: str) -> None:
    """Follow it no longer. Raises Refused when `of` follows none."""
    imports.stop_import(_there(row, of).pk, by(request), instant(request))
    what = (
        "shifts that came from it stay"
        if row and row.schedule_id
        else "days that came stay, for you to change"
    )
    say(request, f"Not followed any more. The {what}.")


def _there(row: Import | None, of: str) -> Import:
    if row is None:
        raise not_found("imported calendar of", of)
    return row
