"""Read what decides who is paged, and let the rules prove, find and judge."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.catalog.actions import configuration, per_configuration
from tocsin.catalog.actions import organisation as settings
from tocsin.escalation.reading import fallback, policies
from tocsin.escalation.rostering import roster
from tocsin.kernel.errors import Refused
from tocsin.kernel.phrases import phrase
from tocsin.kernel.urgency import Urgency
from tocsin.notification.book import book, everybody
from tocsin.notification.channels import channel_for
from tocsin.oncall.actions import calendars, schedules
from tocsin.organisation.reading import File
from tocsin.people import rules
from tocsin.people.models import Contact
from tocsin.people.reasons import as_phrase
from tocsin.people.rules import COMMAND_LINE
from tocsin.readiness.planning import planned_by
from tocsin.readiness.reading import expectation_of, in_words, read_expectations
from tocsin.readiness.replaying import recorded
from tocsin.readiness.rules import (
    GAPS_AHEAD,
    Arrangement,
    Gap,
    GapKind,
    Outlook,
    Past,
    Person,
    Proof,
    Prover,
    Replayed,
    Tally,
    Verdict,
    backtest,
    judge,
    tallies,
)

WEEKS = 4
OUTLOOKS_KEPT = 8
REASON_LENGTH_MAX = 100


@dataclass(frozen=True)
class Checked:
    """What a check has found. `weak` are the proofs that do not hold."""

    gaps: tuple[Gap, ...]
    weak: tuple[Proof, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The expectations that are not met."""
        return tuple(verdict for verdict in self.verdicts if not verdict.met)

    def passed(self, verified: bool = False) -> bool:
        """Whether nothing is missing; contacts that were never tried are, when they have to be `verified`."""
        missing = [gap for gap in self.gaps if verified or gap.kind is not GapKind.UNTRIED]
        return not (missing or self.weak or self.failed)


def coverage(
    now: datetime, weeks: int = WEEKS, people: int = 1, within: timedelta | None = None
) -> tuple[Proof, ...]:
    """What holds for every service and urgency from this full hour on. Kept until something changes. Raises Refused.

    A proof of a large organisation takes seconds; whoever asks meanwhile waits for the one that is being made.
    """
    with _proving:
        return _outlook(now, timedelta(weeks=weeks)).proofs(people, within)


def gaps(now: datetime, ahead: timedelta = GAPS_AHEAD) -> tuple[Gap, ...]:
    """Everything that is missing from this full hour on. Kept until something changes. Raises Refused."""
    with _proving:
        return _outlook(now, ahead).gaps


def check(
    files: Sequence[File],
    now: datetime,
    *,
    weeks: int | None = None,
    people: int = 1,
    within: timedelta | None = None,
    organisation: Sequence[File] = (),
) -> Checked:
    """Gaps and proofs of the next `weeks` (None: as far as gaps are looked for), and the expectations of `files`; with
    files of an `organisation`, as if these were applied. What the organisation itself expects is judged first.

    Raises Refused, with everything that is wrong with the files at once.
    """
    ahead = GAPS_AHEAD if weeks is None else timedelta(weeks=weeks)
    planned = planned_by(organisation) if organisation else None
    kept = planned.expected if planned else settings().expectations
    with _proving:
        outlook = _outlook_of(_known(planned.arrangement), now, ahead) if planned else _outlook(now, ahead)
        expected = read_expectations(files, outlook.arrangement)
        weak = tuple(proof for proof in outlook.proofs(people, within) if not proof.holds)
        verdicts = (*_judged_of(kept, outlook.arrangement), *judge(outlook.arrangement, expected))
        return Checked(outlook.gaps, weak, verdicts)


def _judged_of(kept: Sequence[Mapping[str, Any]], there: Arrangement) -> Iterator[Verdict]:
    """Whether what is expected by the organisation itself is so."""
    for number, data in enumerate(kept, 1):
        where = f"organisation, expectation {number}"
        try:
            yield from judge(there, [expectation_of(data, there, where)])
        except Refused as refused:
            yield Verdict(where, in_words(data), None, str(replace(refused, where="")))


# --- the past ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Backtest:
    """The recorded past beside what it would have been. `past` and `replayed` are of the same incidents."""

    past: tuple[Past, ...]
    replayed: tuple[Replayed, ...]
    tallies: tuple[Tally, ...]


def replay(files: Sequence[File], start: datetime, end: datetime, prune: bool = False) -> Backtest:
    """Whom the incidents opened in [start, end) would have paged with these organisation files. Raises Refused."""
    there = planned_by(files, prune).arrangement
    past = recorded(start, end)
    replayed = backtest(there, past)
    users = everybody()
    names = {key: user.name for key, user in users.items()} | {
        key: person.name for key, person in there.people.items()
    }
    zones = {key: user.timezone for key, user in users.items()} | {
        key: person.timezone for key, person in there.people.items()
    }
    return Backtest(tuple(past), replayed, tallies(past, replayed, names, zones))


# --- what there is ---------------------------------------------------------------------------------------


def arrangement() -> Arrangement:
    """Who is paged for what, when and how, as it stands."""
    return _configured()


def prover_of(now: datetime, ahead: timedelta) -> Prover:
    """A prover of what lies ahead of this full hour, for whoever looks at one thing after the other."""
    return Prover(_configured(), _hour(now), _hour(now) + ahead)


def _known(there: Arrangement) -> Arrangement:
    """`there` with what is known of everybody's contacts; one that is not stored is vouched for by its file."""
    known = {(row.user_id, row.name, row.address): row.as_value() for row in Contact.objects.all()}
    return replace(there, people={key: _judged(person, known) for key, person in there.people.items()})


@per_configuration
def _configured() -> Arrangement:
    """The same, read once per version of the configuration, of which what is known of contacts is a part."""
    users, active, steps = everybody(), roster(), book().steps
    contacts: dict[str, dict[str, str]] = {}
    for row in Contact.objects.all():
        contacts.setdefault(row.user_id, {})[row.name] = row.address
    people = {
        key: Person(
            key,
            user.name,
            user.timezone,
            key in active.users,
            contacts.get(key, {}),
            {urgency: steps.get((key, urgency), ()) for urgency in Urgency},
        )
        for key, user in users.items()
        if key != COMMAND_LINE
    }
    there = Arrangement(
        services=configuration().services,
        policies=policies(),
        people=people,
        teams=active.teams,
        schedules=schedules(),
        calendars=calendars(),
        fallback=fallback(),
        is_named=configuration().fallback is not None,
    )
    return _known(there)


def _judged(person: Person, known: Mapping[tuple[str, str, str], rules.Contact]) -> Person:
    """The person with what is known of their contacts."""
    paged, broken, failing, untried, unverified = dict[str, str](), dict[str, str](), set(), set(), set()
    for name, address in person.contacts.items():
        contact = known.get((person.id, name, address)) or rules.Contact(address, vouched_by="file")
        if not contact.is_paged:
            unverified.add(name)
            continue
        paged[name] = address
        if not _has_channel(address):
            broken[name] = phrase("has an address that nothing delivers to")
        elif not contact.is_sound:
            broken[name] = phrase("fails: %(why)s", why=as_phrase(contact.failing_why[:REASON_LENGTH_MAX]))
        elif contact.is_untried:
            untried.add(name)
        if not contact.is_sound:
            failing.add(name)
    return replace(
        person,
        contacts=paged,
        broken=broken,
        failing=frozenset(failing),
        untried=frozenset(untried),
        unverified=frozenset(unverified),
    )


def _has_channel(address: str) -> bool:
    try:
        channel_for(address)
    except Refused:
        return False
    return True


# --- kept ------------------------------------------------------------------------------------------------

_proving = threading.Lock()  # a proof keeps a core busy, and two of the same are of no more use
_outlooks: dict[tuple[datetime, timedelta], Outlook] = {}


def _outlook(now: datetime, ahead: timedelta) -> Outlook:
    """The outlook from this full hour, with all that was worked out before, if nothing has changed since."""
    there, key = _configured(), (_hour(now), ahead)
    known = _outlooks.get(key)
    if known is None or known.arrangement is not there:
        if len(_outlooks) >= OUTLOOKS_KEPT:
            _outlooks.clear()
        known = _outlooks[key] = _outlook_of(there, now, ahead)
    return known


def _outlook_of(there: Arrangement, now: datetime, ahead: timedelta) -> Outlook:
    return Outlook(there, _hour(now), _hour(now) + ahead)


def _hour(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
