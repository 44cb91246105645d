from __future__ import annotations

from datetime import timedelta

from django.db import models

from tocsin.catalog.rules import (
    Grouping,
    IntegrationType,
    IntegrationValue,
    ServiceValue,
    UrgencyFrom,
)
from tocsin.kernel import calendars
from tocsin.people.models import Team, User


class Organisation(models.Model):
    """The one row of settings that hold for everything."""

    name = models.CharField(max_length=120, default="Our organisation")
    matrix = models.JSONField(default=dict)  # impact -> urgency -> priority; {} is the default matrix
    fallback = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    demo = models.BooleanField(default=False)
    # What has to be so, in the words of the organisation file; a room above reads and judges it.
    expectations = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """What customers or teams depend on."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="")
    workaround = models.TextField(blank=True, default="", db_default="")  # what helps until it is mended
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="services")
    # Policies live in a room above this one, so the service names its policy; whoever saves it checks.
    policy = models.SlugField(max_length=64, blank=True, default="")
    tier = models.PositiveSmallIntegerField(default=3)
    urgency = models.CharField(max_length=8, default=UrgencyFrom.SEVERITY)
    group_by = models.JSONField(null=True, blank=True)  # list of fields; null = every alert its own incident
    group_window = models.DurationField(default=timedelta(minutes=10))
    resolve_delay = models.DurationField(default=timedelta(0))
    ack_timeout = models.DurationField(null=True, blank=True, default=timedelta(minutes=30))
    restricted = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["tier", "name"]

    def __str__(self) -> str:
        return self.name

    def as_value(self) -> ServiceValue:
        """What intake and escalation have to know of it."""
        grouping = None if self.group_by is None else Grouping(tuple(self.group_by), self.group_window)
        return ServiceValue(
            id=self.id,
            name=self.name,
            tier=self.tier,
            team=self.team_id,
            policy=self.policy or None,
            urgency=UrgencyFrom(self.urgency),
            grouping=grouping,
            resolve_delay=self.resolve_delay,
            ack_timeout=self.ack_timeout,
            restricted=self.restricted,
            workaround=self.workaround,
        )


class Integration(models.Model):
    """A sender's way in. The key is looked up by digest and kept sealed, so that a dump of the database opens
    nothing and the set-up page can still show it to those who may see it."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120, blank=True, default="")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="integrations")
    type = models.CharField(max_length=16, choices=[(t.value, t.value) for t in IntegrationType])
    key_digest = models.CharField(max_length=64, unique=True)
    key_sealed = models.TextField()
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    last_event_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["service_id", "id"]

    def __str__(self) -> str:
        return self.name or self.id

    def as_value(self) -> IntegrationValue:
        """The integration as the rules see it, named by its id when it has no name."""
        return IntegrationValue(
            self.id, self.service_id, IntegrationType(self.type), self.name or self.id, self.enabled
        )


class Calendar(models.Model):
    """When work is done. `definition` is {"hours": […], "holidays": […]} in the words of the organisation file."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64)
    definition = models.JSONField(default=dict)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def as_value(self) -> calendars.Calendar:
        """The calendar as the rules see it."""
        return calendars.calendar_from(
            {"id": self.id, "name": self.name, "timezone": self.timezone, **self.definition}
        )


class CalendarVersion(models.Model):
    """What a calendar was from an instant on, so that the past can be told as it was. `data` null: there was none.

    It names its calendar by id, because it outlives it.
    """

    calendar = models.SlugField(max_length=64)
    from_at = models.DateTimeField()
    data = models.JSONField(null=True)

    class Meta:
        ordering = ["from_at", "pk"]
        indexes = [models.Index(fields=["calendar", "from_at"], name="calendar_then")]

    def __str__(self) -> str:
        return f"{self.calendar} from {self.from_at}"
