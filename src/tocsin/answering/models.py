from __future__ import annotations

from django.db import models
from django.db.models import Q

from tocsin.answering.rules.reporting import Became
from tocsin.answering.rules.trying import Tries
from tocsin.incident.models import Incident
from tocsin.people.models import User


class HeardOnce(models.Model):
    """That something was heard, under the digest of the provider's name for it: hearing it again does nothing."""

    key = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="heard_at")]

    def __str__(self) -> str:
        return f"{self.key[:8]} at {self.at}"


class CodeTries(models.Model):
    """Wrong codes that one person's address sent, and until when it is not listened to."""

    address = models.CharField(max_length=500, primary_key=True)
    wrong = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField(null=True)
    silent_until = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["changed_at"], name="code_tries_at")]

    def __str__(self) -> str:
        return f"{self.address}: {self.wrong}"

    def as_value(self) -> Tries:
        return Tries(self.wrong, self.since, self.silent_until)


class Report(models.Model):
    """What somebody said is wrong, in their own words, which stay as they are; and what became of it.

    The reporter is a person of ours (`user`), or whoever is behind `address`, or both. `told` is the state of the
    incident that they were told of last.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="reports")
    at = models.DateTimeField()
    title = models.TextField()
    text = models.TextField(blank=True, default="")
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    address = models.CharField(max_length=500, blank=True, default="")
    name = models.CharField(max_length=120, blank=True, default="")
    through = models.CharField(max_length=16)
    became = models.CharField(max_length=16, default=Became.OPEN)
    told = models.CharField(max_length=16, blank=True, default="")
    updates = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [
            models.Index(fields=["user", "at"], name="report_by_user"),
            models.Index(fields=["address", "at"], name="report_by_address"),
            models.Index(fields=["at"], name="report_at"),
            models.Index(fields=["id"], name="report_watched", condition=Q(became__in=["open", "linked"])),
        ]

    def __str__(self) -> str:
        return f"report about #{self.incident_id}"

    @property
    def reporter(self) -> str:
        """Who it was, as a reader calls them."""
        if self.user is not None:
            return self.user.name
        if self.address.startswith("form:"):
            return "somebody, by the public form"
        return self.name or self.address.partition(":")[2] or "somebody"
