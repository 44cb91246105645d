from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from tocsin.catalog.models import Integration, Service
from tocsin.incident.models import Incident
from tocsin.intake.rules import NEVER_FIRED, AlertState
from tocsin.journal.states import StateField


class Inbox(models.Model):
    """One accepted request, exactly as it came, until it is digested. The id is the order of arrival.

    No foreign key: the hot path appends, and a key that was deleted meanwhile must not refuse its last events.
    """

    id = models.BigAutoField(primary_key=True)
    integration_id = models.SlugField(max_length=64, db_index=False)
    source = models.CharField(max_length=24)  # the file under sources/ that reads it
    lane = models.PositiveSmallIntegerField(default=0)  # 0 before 1: what is critical or small overtakes bulk
    received_at = models.DateTimeField()
    meta = models.TextField(default="")  # JSON of what was outside the body: path, generated keys
    body = models.BinaryField()
    # Set when digesting it failed: it is kept, shown, and paged about in plain text.
    quarantined_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["lane", "id"], name="inbox_waiting", condition=Q(quarantined_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"inbox {self.pk} from {self.integration_id}"


class Remembered(models.Model):
    """The answer given under an Idempotency-Key, so that the same request gets the same answer."""

    integration_id = models.SlugField(max_length=64, db_index=False)
    digest = models.CharField(max_length=64)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.TextField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration_id", "digest"], name="remembered_once")]
        indexes = [models.Index(fields=["expires_at"], name="remembered_expiry")]

    def __str__(self) -> str:
        return f"{self.integration_id}: {self.status}"


class AlertQuerySet(models.QuerySet["Alert"]):
    def ended(self, now: datetime) -> AlertQuerySet:
        """Firing alerts whose sender stopped repeating them."""
        return self.filter(state=AlertState.FIRING, ends_at__lte=now).order_by("ends_at")

    def that_fired(self) -> AlertQuerySet:
        """Without what only keeps a resolve in mind that came before any trigger."""
        return self.exclude(why=NEVER_FIRED)


class Alert(models.Model):
    """A deduplicated condition, firing or resolved. A key that fires again after its incident ended gets a new row;
    `latest` marks the newest of each key."""

    id = models.BigAutoField(primary_key=True)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="alerts")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="alerts")
    incident = models.ForeignKey(Incident, null=True, on_delete=models.SET_NULL, related_name="alerts")
    key = models.CharField(max_length=512)
    key_digest = models.CharField(max_length=32)
    latest = models.BooleanField(default=True)
    state = StateField(max_length=8, default=AlertState.FIRING)
    title = models.CharField(max_length=1024)
    severity = models.CharField(max_length=8)
    urgency = models.CharField(max_length=8)
    description = models.TextField(blank=True, default="")
    fields = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    count = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # the sender's own time of the resolve
    last_seq = models.BigIntegerField(default=0)
    samples = models.JSONField(default=list)  # [{"at": …, "raw": …}], bounded
    why = models.CharField(max_length=300, blank=True, default="")  # why it is in this incident, or in none

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "key_digest"], condition=Q(latest=True), name="alert_latest"
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_at"], name="alert_ends", condition=Q(state="firing", ends_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class Change(models.Model):
    """A deployment or another change that a sender told about: context beside what broke after it."""

    id = models.BigAutoField(primary_key=True)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="changes")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="changes")
    title = models.CharField(max_length=1024)
    fields = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["service", "-happened_at"], name="change_of_service")]

    def __str__(self) -> str:
        return self.title


class Tally(models.Model):
    """How many events a day had which effect: the numbers that must add up."""

    day = models.DateField()
    integration_id = models.SlugField(max_length=64, db_index=False)
    effect = models.CharField(max_length=32)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "integration_id", "effect"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.integration_id} {self.effect}: {self.count}"
