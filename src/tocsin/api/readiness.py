"""Whether somebody would come, over REST: the coverage proof, gaps, expectations checked, and the past replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from ninja import Query
from pydantic import BaseModel, Field

from tocsin.api.auth import Asked
from tocsin.api.organisation import OrganisationFile
from tocsin.api.room import Room
from tocsin.api.words import Duration, Instant, Sent, Slug, shown
from tocsin.kernel.urgency import Urgency
from tocsin.organisation.reading import FILES_MAX, File
from tocsin.people.rules import May
from tocsin.readiness import actions
from tocsin.readiness.rules import FOLLOWED, PEOPLE_MAX, WEEKS_MAX, Gap, GapKind, Proof, Verdict

WEAK_MAX = 100  # counter-examples of one proof in an answer
GAPS_MAX = 1_000
DIFFERENT_MAX = 500  # incidents in an answer
LOOK_BACK = timedelta(weeks=4)
DAYS_MAX = WEEKS_MAX * 7

room = Room("readiness")

People = Annotated[int, Field(ge=1, le=PEOPLE_MAX, description="How many different people are to be reached")]
Weeks = Annotated[int, Field(ge=1, le=WEEKS_MAX, description="How far ahead")]
Within = Annotated[
    Duration | None, Field(description=f"In which time; left out: at all, which is {FOLLOWED.days} days")
]


# -- the proof ------------------------------------------------------------------------------------------------------


class CoverageFilter(BaseModel):
    weeks: Weeks = actions.WEEKS
    people: People = 1
    within: Within = None
    service: Annotated[Slug | None, Field(description="This service alone")] = None
    urgency: Annotated[Urgency | None, Field(description="This urgency alone")] = None


class WeakOut(BaseModel):
    """A counter-example: opened at any of these instants, an incident does not reach enough people in time. `wait` is
    the longest it takes; null: they are not reached."""

    starts_at: datetime
    ends_at: datetime
    wait: Duration | None
    why: str


class ProofOut(BaseModel):
    """What holds at every instant from `starts_at` to `ends_at`: after `worst` (null: never, at some instant) enough
    people have been paged. `worst_at` is the first instant of that. `weak_left_out` counts what is not listed."""

    service: str
    urgency: Urgency
    starts_at: datetime
    ends_at: datetime
    people: int
    within: Duration | None
    holds: bool
    worst: Duration | None
    worst_at: datetime
    weak: list[WeakOut]
    weak_left_out: int


class CoverageOut(BaseModel):
    """The proofs, by service and urgency; `holds` when all do."""

    holds: bool
    proofs: list[ProofOut]


@room.get("/coverage", may=May.SEE, answer=CoverageOut)
def show_coverage(request: Asked, wanted: Query[CoverageFilter]) -> CoverageOut:
    """For every service, urgency and instant ahead: how long until enough people who can be reached are paged, if
    nobody answers. Counted is when a message is due at a contact that works; the fallback contact does not count."""
    proofs = [
        proof
        for proof in actions.coverage(request.now, wanted.weeks, wanted.people, wanted.within)
        if wanted.service in (None, proof.service) and wanted.urgency in (None, proof.urgency)
    ]
    return CoverageOut(holds=all(proof.holds for proof in proofs), proofs=[_proof(each) for each in proofs])


def _proof(proof: Proof) -> ProofOut:
    return shown(
        ProofOut,
        proof,
        starts_at=proof.span.start,
        ends_at=proof.span.end,
        weak=[
            WeakOut(starts_at=each.start, ends_at=each.end, wait=each.wait, why=each.why)
            for each in proof.weak[:WEAK_MAX]
        ],
        weak_left_out=max(0, len(proof.weak) - WEAK_MAX),
    )


# -- gaps -----------------------------------------------------------------------------------------------------------


class GapsFilter(BaseModel):
    days: Annotated[int, Field(ge=1, le=DAYS_MAX, description="How far ahead")] = 90


class GapOut(BaseModel):
    """Something that is missing. `about` is the id of the service, policy, schedule or person that `kind` says, and
    `level` a policy's level, else 0. "untried": no message has ever been sent to a person who is to be paged."""

    kind: GapKind
    about: str
    level: int
    urgencies: list[Urgency]
    services: list[str]
    starts_at: datetime
    ends_at: datetime
    length: Duration
    why: str
    mend: str


class GapsOut(BaseModel):
    """What is missing ahead, what concerns whole services first. `left_out` counts what is not listed."""

    gaps: list[GapOut]
    left_out: int


@room.get("/gaps", may=May.SEE, answer=GapsOut)
def show_gaps(request: Asked, wanted: Query[GapsFilter]) -> GapsOut:
    """Hours in which nobody is on call, levels and services that reach nobody, people who cannot be reached."""
    return _gaps(actions.gaps(request.now, timedelta(days=wanted.days)))


def _gaps(found: Sequence[Gap]) -> GapsOut:
    return GapsOut(gaps=[_gap(each) for each in found[:GAPS_MAX]], left_out=max(0, len(found) - GAPS_MAX))


def _gap(gap: Gap) -> GapOut:
    return shown(
        GapOut,
        gap,
        urgencies=list(gap.urgencies),
        services=list(gap.services),
        starts_at=gap.span.start,
        ends_at=gap.span.end,
    )


# -- a check --------------------------------------------------------------------------------------------------------


class ToCheck(Sent):
    """Files with expectations, and what is demanded of every service besides. `verified`: people to whom no message
    has ever been sent count as missing. With files of an `organisation`: as if these were applied."""

    files: Annotated[list[OrganisationFile], Field(max_length=FILES_MAX)] = []
    weeks: Weeks | None = None
    people: People = 1
    within: Within = None
    verified: Annotated[bool, Field(strict=True)] = False
    organisation: Annotated[list[OrganisationFile], Field(max_length=FILES_MAX)] = []


class ExpectedOut(BaseModel):
    """An expectation, where it stands, and why it is not met ("" when it is)."""

    where: str
    text: str
    met: bool
    why: str


class CheckedOut(GapsOut):
    """`passed`: nothing is missing. `proofs` are those that do not hold."""

    passed: bool
    proofs: list[ProofOut]
    expectations: list[ExpectedOut]


@room.post("/check", may=May.SEE, answer=CheckedOut)
def check_readiness(request: Asked, body: ToCheck) -> CheckedOut:
    """Judges the expectations of files against what is planned, with the gaps ahead. Stores nothing."""
    if body.organisation:
        request.auth.must(May.SETTINGS)  # as for planning them
    found = actions.check(
        _files(body.files),
        request.now,
        weeks=body.weeks,
        people=body.people,
        within=body.within,
        organisation=_files(body.organisation),
    )
    return CheckedOut(
        **_gaps(found.gaps).model_dump(),
        passed=found.passed(body.verified),
        proofs=[_proof(each) for each in found.weak],
        expectations=[_expected(each) for each in found.verdicts],
    )


def _expected(verdict: Verdict) -> ExpectedOut:
    return shown(ExpectedOut, verdict)


def _files(given: Sequence[OrganisationFile]) -> list[File]:
    return [File(file.name, file.text) for file in given]


# -- the past -------------------------------------------------------------------------------------------------------


class ToReplay(Sent):
    """Organisation files, changed as somebody would like, and the incidents meant: those opened from `from_at` to
    `to_at`; left out, those of the last four weeks. `prune` as when the files are applied."""

    files: Annotated[list[OrganisationFile], Field(min_length=1, max_length=FILES_MAX)]
    prune: Annotated[bool, Field(strict=True)] = False
    from_at: Instant | None = None
    to_at: Instant | None = None


class TallyOut(BaseModel):
    """How often a person was paged and would have been, and how often of these at night on their own clock."""

    user: str
    name: str
    pages_before: int
    nights_before: int
    pages_after: int
    nights_after: int


class PageThenOut(BaseModel):
    """Somebody was, or would have been, paged."""

    at: datetime
    user: str


class ReplayedOut(BaseModel):
    """One incident for which it makes a difference. `unserved`: its service is no more in these files; `missed`: nobody
    who can be reached is paged for it."""

    number: int
    service: str
    unserved: bool
    missed: bool
    before: list[PageThenOut]
    after: list[PageThenOut]


class BacktestOut(BaseModel):
    """The recorded past beside what it would have been. `missed` counts the incidents for which nobody who can be
    reached would be paged, `different_left_out` those that are not listed."""

    from_at: datetime
    to_at: datetime
    incidents: int
    missed: int
    tallies: list[TallyOut]
    different: list[ReplayedOut]
    different_left_out: int


@room.post("/backtest", may=May.SETTINGS, answer=BacktestOut)
def replay_past(request: Asked, body: ToReplay) -> BacktestOut:
    """Who would have been paged for the recorded incidents with other organisation files. Whoever is paged instead is
    taken to answer when those did who were, and what was escalated or assigned by hand is so again. Stores nothing."""
    end = body.to_at or request.now
    start = body.from_at or end - LOOK_BACK
    found = actions.replay(_files(body.files), start, end, body.prune)
    different = [
        ReplayedOut(
            number=was.number,
            service=was.service,
            unserved=becomes.unserved,
            missed=becomes.missed,
            before=_paged(was.paged),
            after=_paged(becomes.paged),
        )
        for was, becomes in zip(found.past, found.replayed, strict=True)
        if {user for _, user in was.paged} != {user for _, user in becomes.paged}
    ]
    return BacktestOut(
        from_at=start,
        to_at=end,
        incidents=len(found.past),
        missed=sum(each.missed for each in found.replayed),
        tallies=[shown(TallyOut, each) for each in found.tallies],
        different=different[:DIFFERENT_MAX],
        different_left_out=max(0, len(different) - DIFFERENT_MAX),
    )


def _paged(paged: Sequence[tuple[datetime, str]]) -> list[PageThenOut]:
    return [PageThenOut(at=at, user=user) for at, user in paged]
