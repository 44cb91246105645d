"""Expectations: who is to be reached when, said in advance, and whether it will be so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.escalation.rules import TargetKind
from tocsin.kernel.spans import Span
from tocsin.kernel.urgency import Urgency
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import INSTANT
from tocsin.readiness.rules.coverage import prove
from tocsin.readiness.rules.values import Arrangement, Proof


@dataclass(frozen=True)
class Expectation:
    """An incident of `service` opened at any instant of `span` pages `people` different people who can be reached
    within `within` (None: at all). `where` is its place in a file, `text` how it is written there."""

    service: str
    urgency: Urgency
    span: Span
    people: int = 1
    within: timedelta | None = None
    where: str = ""
    text: str = ""


@dataclass(frozen=True)
class Verdict:
    """What became of the expectation that stands at `where` as `text`; `why` says what is missing, and is "" when it is
    met. `proof` None: what is meant cannot be told any more, as when its service is gone."""

    where: str
    text: str
    proof: Proof | None
    why: str = ""

    @property
    def met(self) -> bool:
        """Whether it is as was expected."""
        return not self.why


def judge(arrangement: Arrangement, expectations: Iterable[Expectation]) -> tuple[Verdict, ...]:
    """Whether each is met, in their order. Their services exist. Raises Refused."""
    return tuple(_judged(arrangement, each) for each in expectations)


def _judged(arrangement: Arrangement, wanted: Expectation) -> Verdict:
    (proof,) = prove(
        arrangement, *wanted.span, wanted.people, wanted.within, [wanted.service], [wanted.urgency]
    )
    return Verdict(wanted.where, wanted.text, proof, proof.weak[0].why if proof.weak else "")


def moment(at: datetime) -> Span:
    """The shortest span that begins at `at`."""
    return Span(at, at + INSTANT)


def zone_of(arrangement: Arrangement, service: str) -> ZoneInfo | None:
    """The zone that times about a service are meant in: that of the first schedule its policy names."""
    policy = arrangement.policy_of(service)
    for target in (target for level in policy.levels for target in level.notify) if policy else ():
        if target.kind is TargetKind.SCHEDULE and target.id in arrangement.schedules:
            return zone(arrangement.schedules[target.id].timezone)
    return None
