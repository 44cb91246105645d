from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from tocsin.catalog.models import Service
from tocsin.incident.rules import OPEN, State
from tocsin.incident.rules.restricting import Viewer
from tocsin.journal.states import StateField
from tocsin.people.models import User


class IncidentQuerySet(models.QuerySet["Incident"]):
    def visible_to(self, viewer: Viewer) -> IncidentQuerySet:
        """Those that `viewer` may read: what is not restricted, and what is and names them."""
        return self if viewer.trusted else self.filter(not_hidden(viewer))

    def open(self) -> IncidentQuerySet:
        """Triggered or acknowledged, the worst first, then the oldest."""
        return self.filter(state__in=OPEN).order_by("priority", "opened_at")

    def needing_climb(self) -> IncidentQuerySet:
        """Triggered, and nobody has started to look for somebody."""
        return self.filter(needs_climb=True).order_by("priority", "id")

    def ack_expired(self, now: datetime) -> IncidentQuerySet:
        return self.filter(state=State.ACKNOWLEDGED, ack_expires_at__lte=now).order_by("ack_expires_at")

    def resolve_due(self, now: datetime) -> IncidentQuerySet:
        """Every alert of them has resolved, and the service's delay has passed."""
        return self.filter(state__in=OPEN, resolve_at__lte=now).order_by("resolve_at")

    def update_due(self, now: datetime) -> IncidentQuerySet:
        """They have grown, and it is time to tell."""
        return self.filter(update_at__lte=now).order_by("update_at")


class Incident(models.Model):
    """What people work on. Its id is the number they say: #412."""

    # `incident_of_service` begins with it.
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="incidents", db_index=False)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True, default="")
    state = StateField(max_length=16, default=State.TRIGGERED)
    urgency = models.CharField(max_length=8)
    impact = models.CharField(max_length=8)
    priority = models.CharField(max_length=2)
    assigned = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=100, blank=True, default="")
    ack_expires_at = models.DateTimeField(null=True)
    # Acknowledged, but only to rest until `ack_expires_at`: whoever wants it may take it before.
    snoozed = models.BooleanField(default=False, db_default=False)
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    # What must follow, found by duties: somebody to be found; a resolve when the delay is over; word that it grew.
    needs_climb = models.BooleanField(default=True)
    resolve_at = models.DateTimeField(null=True)
    # It has grown since somebody was told: when it is looked whom to tell, and cards change.
    update_at = models.DateTimeField(null=True)
    # Kept by intake: which alerts may still join, and how many there are.
    group_key = models.CharField(max_length=64, blank=True, default="")
    last_alert_at = models.DateTimeField(null=True)
    alerts_total = models.PositiveIntegerField(default=0)
    alerts_firing = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)  # rises with every transition
    # Only whom it concerns reads it: see `rules.restricting`.
    restricted = models.BooleanField(default=False, db_default=False)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["priority", "opened_at"],
                name="incident_open",
                condition=Q(state__in=["triggered", "acknowledged"]),
            ),
            models.Index(
                fields=["id"],
                name="incident_open_by_number",
                condition=Q(state__in=["triggered", "acknowledged"]),
            ),
            models.Index(
                fields=["service", "priority", "opened_at"],
                name="incident_open_of_service",
                condition=Q(state__in=["triggered", "acknowledged"]),
            ),
            models.Index(fields=["id"], name="incident_needs_climb", condition=Q(needs_climb=True)),
            models.Index(
                fields=["ack_expires_at"], name="incident_ack_expires", condition=Q(state="acknowledged")
            ),
            models.Index(
                fields=["resolve_at"], name="incident_resolve_due", condition=Q(resolve_at__isnull=False)
            ),
            models.Index(
                fields=["update_at"], name="incident_update_due", condition=Q(update_at__isnull=False)
            ),
            models.Index(
                fields=["service", "group_key"],
                name="incident_joinable",
                condition=Q(state__in=["triggered", "acknowledged"]) & ~Q(group_key=""),
            ),
            models.Index(fields=["service", "-opened_at"], name="incident_of_service"),
            models.Index(fields=["assigned"], name="incident_assigned", condition=Q(assigned__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    @property
    def fires_on(self) -> bool:
        """Whether it is over while alerts of it still fire: their next event does not come back to it."""
        return self.state not in OPEN and self.alerts_firing > 0

    @property
    def shown_state(self) -> str:
        """The state as people call it: one that rests is "snoozed", though it is acknowledged."""
        return "snoozed" if self.snoozed and self.state == State.ACKNOWLEDGED else str(self.state)

    @property
    def chain(self) -> str:
        return chain_of(self.pk)


class Reader(models.Model):
    """Somebody who may read an incident while it is restricted, and who named them."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="readers")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    by = models.CharField(max_length=100)  # as the journal names them
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["incident", "user"], name="reader_once")]

    def __str__(self) -> str:
        return f"{self.user_id} of #{self.incident_id}"


def not_hidden(viewer: Viewer, path: str = "") -> Q:
    """The condition that an incident may be read by `viewer`; `path` leads to it from another table ("incident__")."""
    if viewer.trusted:
        return Q()
    own = Reader.objects.filter(user=viewer.user_id).values("incident")
    return Q(**{f"{path}restricted": False}) | Q(**{f"{path}pk__in": own})


def alerts_not_hidden(viewer: Viewer) -> Q:
    """The same of alerts, which a room above hangs on incidents; one without any is as its service is."""
    if viewer.trusted:
        return Q()
    return not_hidden(viewer, "incident__") | Q(incident=None, service__restricted=False)


def chain_of(incident_id: int) -> str:
    """The journal's chain of one incident."""
    return f"incident:{incident_id}"
