"""Who is away at an instant, read once per version of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tocsin.catalog.actions import per_configuration
from tocsin.kernel.spans import Span
from tocsin.oncall.models import Absence

ABSENCES_MAX = 5_000  # the latest to end


@per_configuration
def _absences() -> Mapping[str, tuple[Span, ...]]:
    found: dict[str, list[Span]] = {}
    latest = Absence.objects.order_by("-ends_at").values_list("user_id", "starts_at", "ends_at")
    for user, start, end in latest[:ABSENCES_MAX]:
        found.setdefault(user, []).append(Span(start, end))
    return {user: tuple(spans) for user, spans in found.items()}


def away_until(user_id: str, at: datetime) -> datetime | None:
    """When the absence ends in which this person is at `at`; None when they are there."""
    ends = [span.end for span in _absences().get(user_id, ()) if span.start <= at < span.end]
    return max(ends, default=None)


def away(at: datetime) -> frozenset[str]:
    """Everybody who is away at `at`."""
    return frozenset(user for user in _absences() if away_until(user, at) is not None)
