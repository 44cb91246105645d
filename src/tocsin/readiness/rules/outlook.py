"""What lies ahead of one arrangement: its proofs and its gaps, each worked out once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

from tocsin.kernel.urgency import Urgency
from tocsin.readiness.rules.coverage import Prover, check_bounds
from tocsin.readiness.rules.gaps import Gap, gaps_of
from tocsin.readiness.rules.values import Arrangement, Proof


class Outlook:
    """From `start` to `end`. Raises Refused when that is too far."""

    def __init__(self, arrangement: Arrangement, start: datetime, end: datetime) -> None:
        check_bounds(start, end, 1, None)
        self.arrangement = arrangement
        self._prover = Prover(arrangement, start, end)

    def proofs(self, people: int = 1, within: timedelta | None = None) -> tuple[Proof, ...]:
        """What holds for every service and urgency. Raises Refused."""
        check_bounds(*self._prover.span, people, within)
        self._prover.looks = 0
        return tuple(
            self._prover.proof(service, urgency, people, within)
            for service in sorted(self.arrangement.services)
            for urgency in Urgency
        )

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """What is missing. Raises Refused."""
        self._prover.looks = 0
        return gaps_of(self._prover)
