"""Cover, swaps and absences over REST: one's own, and for the absent by those who edit schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Query, Status
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked, Caller
from tocsin.api.paging import BY_NUMBER, Listing, Paged, page_of
from tocsin.api.room import Room
from tocsin.api.schedules import may_edit
from tocsin.api.words import Instant, RowInPath, Sent, Slug, SlugInPath, shown
from tocsin.kernel.spans import Span
from tocsin.oncall import absences, actions, swaps
from tocsin.oncall.models import Absence, CoverRequest, Schedule
from tocsin.oncall.rules.swaps import ASKED_MAX
from tocsin.people.rules import May
from tocsin.telling.starts import AHEAD, ahead_of, choose_ahead

room = Room("cover and absences")

Who = Annotated[Slug | None, Field(description="Whose hours; left out: yours")]


class CoverBody(Sent):
    """Asks `asked`, or whoever can, to take the hours of `user` between the two instants; with `returns_from` and
    `returns_until` in exchange for hours of the one who is asked."""

    user: Who = None
    starts_at: Instant
    ends_at: Instant
    asked: Annotated[list[Slug], Field(max_length=ASKED_MAX)] = []
    returns_from: Instant | None = None
    returns_until: Instant | None = None
    note: Annotated[str, Field(max_length=swaps.NOTE_LENGTH_MAX)] = ""


class CoverOut(BaseModel):
    """A request; `asked` empty: whoever can."""

    id: int
    schedule: str
    user: str
    starts_at: datetime
    ends_at: datetime
    asked: list[str]
    returns_from: datetime | None
    returns_until: datetime | None
    note: str
    state: Literal["open", "accepted", "declined", "withdrawn", "expired"]
    accepted_by: str | None
    declined_by: list[str]
    made_at: datetime


class Answering(Sent):
    user: Who = None


class TakeBody(Sent):
    """`user` takes the hours of `of` between the two instants; of whoever is on call, when it is left out."""

    user: Who = None
    starts_at: Instant
    ends_at: Instant
    of: Slug | None = None


class TakenOut(BaseModel):
    """The number of the override that was made."""

    override: int


class AbsenceBody(Sent):
    user: Who = None
    starts_at: Instant
    ends_at: Instant
    note: Annotated[str, Field(max_length=absences.NOTE_LENGTH_MAX)] = ""


class AbsenceOut(BaseModel):
    """`note` is shown to the person and to those who edit schedules."""

    id: int
    user: str
    starts_at: datetime
    ends_at: datetime
    note: str | None


class AheadBody(Sent):
    """How long ahead you are told that a shift of yours begins; of none: not at all."""

    ahead: Annotated[list[Literal["week", "day", "hour"]], Field(max_length=len(AHEAD))]


class AheadOut(AheadBody):
    pass


# -- cover and swaps ------------------------------------------------------------------------------------------------


@room.get("/cover-requests", may=May.SEE, answer=Listing[CoverOut])
def list_cover_requests(request: Asked, paged: Query[Paged]) -> Listing[CoverOut]:
    """The newest first, whatever became of them."""
    return page_of(CoverRequest.objects.all(), paged, show_cover, BY_NUMBER, newest_first=True)


@room.post("/schedules/{id}/cover-requests", may=May.SWAP, answer=CoverOut, status=201)
def ask_for_cover(request: Asked, id: SlugInPath, body: CoverBody) -> CoverOut:
    """Asks for cover or for a swap."""
    user = _for(request.auth, body.user, actions.find_schedule(id))
    returns = (
        Span(body.returns_from, body.returns_until) if body.returns_from and body.returns_until else None
    )
    span = Span(body.starts_at, body.ends_at)
    asked = {"asked": body.asked, "returns": returns, "note": body.note}
    return show_cover(swaps.ask_cover(id, user, span, request.auth.by, request.now, **asked))  # type: ignore[arg-type]


@room.post("/cover-requests/{id}/accept", may=May.SWAP, answer=CoverOut)
def accept_cover(request: Asked, id: RowInPath, body: Answering) -> CoverOut:
    """Takes the hours: from then on they are yours."""
    user = _for(request.auth, body.user, swaps.find_request(id).schedule)
    return show_cover(swaps.accept_cover(id, user, request.auth.by, request.now))


@room.post("/cover-requests/{id}/decline", may=May.SWAP, answer=CoverOut)
def decline_cover(request: Asked, id: RowInPath, body: Answering) -> CoverOut:
    """Says no."""
    user = _for(request.auth, body.user, swaps.find_request(id).schedule)
    return show_cover(swaps.decline_cover(id, user, request.auth.by, request.now))


@room.post("/cover-requests/{id}/withdraw", may=May.SWAP, answer=CoverOut)
def withdraw_cover(request: Asked, id: RowInPath) -> CoverOut:
    """Nobody need take these hours any more."""
    row = swaps.find_request(id)
    _for(request.auth, row.user_id, row.schedule)
    return show_cover(swaps.withdraw_cover(id, request.auth.by, request.now))


@room.post("/schedules/{id}/take", may=May.SWAP, answer=TakenOut, status=201)
def take_shift(request: Asked, id: SlugInPath, body: TakeBody) -> TakenOut:
    """Takes a shift, or part of one, at once."""
    user = _for(request.auth, body.user, actions.find_schedule(id))
    span = Span(body.starts_at, body.ends_at)
    return TakenOut(override=swaps.take_shift(id, span, user, request.auth.by, request.now, of=body.of or ""))


# -- absences -------------------------------------------------------------------------------------------------------


@room.get("/absences", may=May.SEE, answer=Listing[AbsenceOut])
def list_absences(request: Asked, paged: Query[Paged]) -> Listing[AbsenceOut]:
    """Who is, was or will be away, the newest note first."""
    caller = request.auth
    return page_of(
        Absence.objects.all(), paged, lambda row: show_absence(row, caller), BY_NUMBER, newest_first=True
    )


@room.post("/absences", may=May.SWAP, answer=AbsenceOut, status=201)
def add_absence(request: Asked, body: AbsenceBody) -> AbsenceOut:
    """Notes that somebody is away, and asks for cover of what they are on call for then."""
    user = _for(request.auth, body.user)
    span = Span(body.starts_at, body.ends_at)
    row = absences.add_absence(user, span, body.note, request.auth.by, request.now)
    return show_absence(row, request.auth)


@room.delete("/absences/{id}", may=May.SWAP)
def remove_absence(request: Asked, id: RowInPath) -> Status[None]:
    """The person is there after all; what nobody has accepted yet is not asked for any more."""
    _for(request.auth, absences.find_absence(id).user_id)
    absences.remove_absence(id, request.auth.by, request.now)
    return Status(204, None)


# -- before one's shifts --------------------------------------------------------------------------------------------


@room.get("/me/shift-reminders", may=May.SWAP, answer=AheadOut)
def show_shift_reminders(request: Asked) -> AheadOut:
    """How long ahead you are told that a shift of yours begins."""
    return AheadOut(ahead=list(ahead_of(request.auth.user.pk)))  # type: ignore[arg-type]


@room.put("/me/shift-reminders", may=May.SWAP, answer=AheadOut)
def choose_shift_reminders(request: Asked, body: AheadBody) -> AheadOut:
    """Chooses it."""
    choose_ahead(request.auth.user.pk, body.ahead, request.auth.by, request.now)
    return show_shift_reminders(request)


def _for(caller: Caller, user: str | None, schedule: Schedule | None = None) -> str:
    """In whose name the caller acts: their own, or for those who edit schedules anybody's. Raises Refused (403)."""
    if user in (None, caller.user.pk):
        return caller.user.pk
    if not may_edit(caller, schedule):
        caller.must(May.EDIT_SCHEDULES)
    return user or caller.user.pk


def show_cover(row: CoverRequest) -> CoverOut:
    """A request for cover."""
    return shown(
        CoverOut,
        row,
        schedule=row.schedule_id,
        user=row.user_id,
        accepted_by=row.accepted_by_id,
        returns_from=row.returns_start,
        returns_until=row.returns_end,
    )


def show_absence(row: Absence, caller: Caller) -> AbsenceOut:
    """An absence as `caller` may see it."""
    note = row.note if row.user_id == caller.user.pk or May.EDIT_SCHEDULES in caller.rights else None
    return shown(AbsenceOut, row, user=row.user_id, note=note)
