"""What services and integrations are, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from tocsin.kernel.urgency import DEFAULT_MATRIX, Impact, Matrix, Urgency

TIER_MAX = 5
GROUP_FIELDS_MAX = 8


class IntegrationType(StrEnum):
    """`alertmanager` speaks Alertmanager's webhook and API v2; `events` speaks PagerDuty, Opsgenie and plain JSON.
    A key of either type opens every path; the type decides which set-up lines are shown."""

    ALERTMANAGER = "alertmanager"
    EVENTS = "events"


class UrgencyFrom(StrEnum):
    """Where an alert's urgency comes from."""

    SEVERITY = "severity"  # critical and error page high, warning and info low
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True)
class Grouping:
    """Alerts of a service whose `by` fields are equal join one open incident while less than `window` has passed
    since an alert last joined it. `by` empty with a window groups everything; no Grouping at all groups nothing."""

    by: tuple[str, ...] = ()
    window: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class ServiceValue:
    id: str
    name: str
    tier: int = 3
    team: str | None = None
    policy: str | None = None
    urgency: UrgencyFrom = UrgencyFrom.SEVERITY
    grouping: Grouping | None = None
    resolve_delay: timedelta = timedelta(0)
    ack_timeout: timedelta | None = timedelta(minutes=30)  # None: an acknowledgement never expires


@dataclass(frozen=True)
class IntegrationValue:
    id: str
    service: str
    type: IntegrationType
    name: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class Configuration:
    """Everything intake and escalation need to know, read once per version and then shared."""

    version: int
    services: Mapping[str, ServiceValue] = field(default_factory=dict)
    integrations: Mapping[str, IntegrationValue] = field(default_factory=dict)
    by_key: Mapping[str, IntegrationValue] = field(default_factory=dict)  # digest of the key -> integration
    matrix: Matrix = field(default_factory=lambda: DEFAULT_MATRIX)
    fallback: str | None = None  # the person paged when a policy reaches nobody


def urgency_of(service: ServiceValue, severity: str) -> Urgency:
    """How an alert of `severity` pages on `service`."""
    if service.urgency is not UrgencyFrom.SEVERITY:
        return Urgency(service.urgency.value)
    return Urgency.HIGH if severity in ("critical", "error") else Urgency.LOW


__all__ = [
    "Configuration",
    "Grouping",
    "Impact",
    "IntegrationType",
    "IntegrationValue",
    "ServiceValue",
    "UrgencyFrom",
    "urgency_of",
]
