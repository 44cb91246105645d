from __future__ import annotations

from django.db import models

from tocsin.catalog.models import Service
from tocsin.oncall.models import Schedule
from tocsin.people.models import User


class Standing(models.Model):
    """Who was on call when the schedule was last looked at, and since when: so that the next shift is noticed once."""

    schedule = models.OneToOneField(Schedule, on_delete=models.CASCADE, primary_key=True, related_name="+")
    users = models.JSONField(default=list)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.schedule_id} since {self.since}"


class Handover(models.Model):
    """A change of shift, and the note that who went and who came were sent: `lines` as they stood in it."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="handovers")
    began_at = models.DateTimeField()  # of the shift that ended
    at = models.DateTimeField()
    going = models.JSONField(default=list)
    coming = models.JSONField(default=list)
    lines = models.JSONField(default=list)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["schedule", "at"], name="handover_once")]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.at}"


class Word(models.Model):
    """What somebody wrote for whoever has the schedule next. It goes into the note of the next handover."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="+")
    handover = models.ForeignKey(
        Handover, null=True, blank=True, on_delete=models.CASCADE, related_name="words"
    )
    by = models.CharField(max_length=100)
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["schedule", "at"], name="word_of_schedule")]

    def __str__(self) -> str:
        return f"{self.by}: {self.text[:40]}"


class GapTold(models.Model):
    """That the owner of a schedule was told of a gap, so many days ahead. `starts_at` null: it has no beginning."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField(null=True)
    days = models.PositiveSmallIntegerField()
    told_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["schedule", "starts_at"], name="gap_told")]

    def __str__(self) -> str:
        return f"{self.schedule_id}: gap at {self.starts_at}, {self.days} days ahead"


class ShiftAhead(models.Model):
    """How long ahead somebody wants to be told of their shifts; whoever has no row as is usual (see `starts`)."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    ahead = models.JSONField(default=list)  # "week", "day", "hour"

    def __str__(self) -> str:
        return f"{self.user_id}: {self.ahead}"


class StartTold(models.Model):
    """That somebody was told, so long ahead, that a shift of theirs begins."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ahead = models.CharField(max_length=8)

    class Meta:
        indexes = [models.Index(fields=["starts_at"], name="start_told")]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "user", "starts_at", "ahead"], name="start_told_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.schedule_id} at {self.starts_at}, {self.ahead} ahead"


class ServiceGapTold(models.Model):
    """That whoever looks after a service was told that its incidents would reach nobody for this reason, when that was
    so many days ahead. Forgotten when it is over."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="+")
    why = models.CharField(max_length=500)
    days = models.PositiveSmallIntegerField()
    told_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "why"], name="service_gap_once")]

    def __str__(self) -> str:
        return f"{self.service_id}, {self.days} days ahead: {self.why}"
