"""What services and integrations are, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from tocsin.kernel.durations import format_duration
from tocsin.kernel.errors import Refused
from tocsin.kernel.ids import check_slug
from tocsin.kernel.urgency import DEFAULT_MATRIX, Impact, Matrix, Priority, Urgency

TIER_MAX = 5
GROUP_FIELDS_MAX = 8
GROUP_FIELD_LENGTH_MAX = 100
GROUP_WINDOW_MIN = timedelta(seconds=1)
GROUP_WINDOW_MAX = timedelta(days=7)
RESOLVE_DELAY_MAX = timedelta(days=1)
ACK_TIMEOUT_MIN = timedelta(seconds=5)
ACK_TIMEOUT_MAX = timedelta(days=7)


class IntegrationType(StrEnum):
    """`alertmanager` speaks Alertmanager's webhook and API v2; `events` PagerDuty, Opsgenie and plain JSON; `email` is
    a mailbox. A key of whichever type opens every path; the type decides which set-up lines are shown."""

    ALERTMANAGER = "alertmanager"
    EVENTS = "events"
    EMAIL = "email"


class UrgencyFrom(StrEnum):
    """Where an alert's urgency comes from."""

    SEVERITY = "severity"  # critical and error page high, warning and info low
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True)
class Grouping:
    """Alerts of a service whose `by` fields are equal join one open incident while less than `window` has
    passed since an alert last joined it. With `by` empty all alerts do; without a Grouping none does."""

    by: tuple[str, ...] = ()
    window: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class ServiceValue:
    """A service, with everything that intake and escalation ask of it. `tier` 1 is the most critical."""

    id: str
    name: str
    tier: int = 3
    team: str | None = None
    policy: str | None = None
    urgency: UrgencyFrom = UrgencyFrom.SEVERITY
    grouping: Grouping | None = None
    resolve_delay: timedelta = timedelta(0)
    ack_timeout: timedelta | None = timedelta(minutes=30)  # None: an acknowledgement never expires
    restricted: bool = False  # its incidents are read only by whom they concern, from the start
    workaround: str = ""  # what is known to help until it is mended, told with each of its incidents


@dataclass(frozen=True)
class IntegrationValue:
    """A sender's own door to one service."""

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


def check_service(value: ServiceValue) -> ServiceValue:
    """Return `value` when a service can be like this, whatever it names. Raises Refused."""
    check_slug(value.id, "id")
    if not 1 <= value.tier <= TIER_MAX:
        raise Refused(f"tier is {value.tier}", f"a number from 1 (most critical) to {TIER_MAX}", where="tier")
    if value.grouping is not None:
        fields = value.grouping.by
        if len(fields) > GROUP_FIELDS_MAX or len(set(fields)) != len(fields):
            raise Refused(
                "Too many fields to group by, or one of them twice",
                f"at most {GROUP_FIELDS_MAX}, each once",
                where="grouping.by",
            )
        for name in fields:
            if not name.strip() or len(name) > GROUP_FIELD_LENGTH_MAX:
                raise Refused(
                    f"{name!r} is not a field",
                    "a name such as alertname or labels.region",
                    where="grouping.by",
                )
        _check_span(value.grouping.window, GROUP_WINDOW_MIN, GROUP_WINDOW_MAX, "grouping.window")
    _check_span(value.resolve_delay, timedelta(0), RESOLVE_DELAY_MAX, "resolve_delay")
    if value.ack_timeout is not None:
        _check_span(value.ack_timeout, ACK_TIMEOUT_MIN, ACK_TIMEOUT_MAX, "ack_timeout")
    return value


def _check_span(span: timedelta, least: timedelta, most: timedelta, where: str) -> None:
    if not least <= span <= most:
        raise Refused(
            f"{where} is {format_duration(span)}",
            f"between {format_duration(least)} and {format_duration(most)}",
            where=where,
        )


def check_matrix(matrix: Matrix) -> Matrix:
    """Return `matrix` when it has a priority for every impact and urgency. Raises Refused."""
    for impact in Impact:
        for urgency in Urgency:
            if urgency not in matrix.get(impact, {}):
                raise Refused(
                    f"No priority for {impact} and {urgency}",
                    "one for every impact and urgency",
                    where="priorities",
                )
    return matrix


def matrix_from(data: Mapping[str, Mapping[str, str]]) -> Matrix:
    """The matrix that `matrix_as_data` wrote; what is absent is as in the default matrix."""
    return {
        impact: {
            urgency: Priority(data.get(impact, {}).get(urgency, default)) for urgency, default in row.items()
        }
        for impact, row in DEFAULT_MATRIX.items()
    }


def matrix_as_data(matrix: Matrix) -> dict[str, dict[str, str]]:
    """The matrix as it is stored: impact to urgency to priority, all as text."""
    return {str(impact): {str(u): str(p) for u, p in row.items()} for impact, row in matrix.items()}


__all__ = [
    "Configuration",
    "Grouping",
    "Impact",
    "IntegrationType",
    "IntegrationValue",
    "ServiceValue",
    "UrgencyFrom",
    "check_matrix",
    "check_service",
    "matrix_as_data",
    "matrix_from",
    "urgency_of",
]
