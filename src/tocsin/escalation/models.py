from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from tocsin.escalation import rules
from tocsin.incident.models import Incident
from tocsin.people.models import Team


class Policy(models.Model):
    """Who is paged in which order. `levels` is [{"notify": ["user:bo"], "timeout": "5m"}, …]."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    levels = models.JSONField(default=list)
    repeat = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name

    def as_value(self) -> rules.Policy:
        """The policy as the rules see it."""
        return rules.policy_from(
            {"id": self.id, "name": self.name, "levels": self.levels, "repeat": self.repeat}
        )


class ClimbQuerySet(models.QuerySet["Climb"]):
    """Climbs of incidents."""

    def due(self, now: datetime) -> ClimbQuerySet:
        """Those whose time has come, the worst first. What is to begin anew waits for that, and does not go on from
        where it had come to."""
        return self.filter(due_at__lte=now, incident__needs_climb=False).order_by("priority", "due_at")


class Climb(models.Model):
    """How far an incident has come up its policy, which is kept as it was when the climb began."""

    incident = models.OneToOneField(
        Incident, on_delete=models.CASCADE, related_name="climb", primary_key=True
    )
    policy = models.JSONField()
    priority = models.CharField(
        max_length=2
    )  # the incident's, so that what is due is taken worst first without a join
    due_at = models.DateTimeField(null=True)
    pages_sent = models.PositiveIntegerField(default=0)
    level = models.PositiveSmallIntegerField(default=0)  # of the last page, from 1
    round = models.PositiveSmallIntegerField(default=0)
    paged_at = models.DateTimeField(null=True)  # when that was
    forced = models.BooleanField(
        default=False
    )  # somebody said "escalate now": an acknowledgement does not stop it
    ended = models.CharField(max_length=32, blank=True, default="")  # why nothing more follows by itself
    handover = models.JSONField(default=dict)  # the note that the next person reads first
    put_off = models.BooleanField(default=False)  # its next page, once, because everything had stood still
    alarm_at = models.DateTimeField(null=True)  # nobody was reached so far: when that is said aloud, again
    version = models.PositiveIntegerField(default=1)

    objects = ClimbQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="climb_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["alarm_at"], name="climb_alarm", condition=Q(alarm_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"climb of #{self.incident_id}"

    def as_policy(self) -> rules.Policy:
        """The policy that it climbs, as it was when it began."""
        return rules.known_policy(self.policy)

    def as_value(self) -> rules.Climb:
        """The climb as the rules see it, without what it has said."""
        return rules.Climb(due_at=self.due_at, pages_sent=self.pages_sent, put_off=self.put_off)
