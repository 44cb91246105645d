from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from tocsin.catalog.models import Calendar
from tocsin.kernel.spans import Span
from tocsin.kernel.zones import zone
from tocsin.oncall import rules
from tocsin.people.models import Team, User


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """Schedules, removed ones among them."""

    def live(self) -> ScheduleQuerySet:
        """Those there are; removed ones stay only for their past."""
        return self.filter(removed_at=None)


class Schedule(models.Model):
    """Who is on call. `definition` is {"layers": […], "shadows": […]} in the words of the organisation file; overrides
    have rows of their own. A removed schedule stays, so that the past can be told."""

    id = models.SlugField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120, blank=True, default="")
    timezone = models.CharField(max_length=64)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    definition = models.JSONField(default=dict)
    # Another one with every change of the schedule or its overrides, so that what was read can be kept until then.
    stamp = models.CharField(max_length=32)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name or self.id

    def as_data(self) -> dict[str, Any]:
        """The schedule without its overrides, in the words of the file."""
        return {"id": self.id, "name": self.name, "timezone": self.timezone, **self.definition}


class Version(models.Model):
    """What a schedule was from an instant on, without its overrides, which know themselves when they were made and
    ended. `data` null: it was removed."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="versions")
    from_at = models.DateTimeField()
    data = models.JSONField(null=True)

    class Meta:
        ordering = ["from_at", "pk"]
        indexes = [models.Index(fields=["schedule", "from_at"], name="schedule_then")]

    def __str__(self) -> str:
        return f"{self.schedule_id} from {self.from_at}"


class CoverRequest(models.Model):
    """Somebody asks others to take their hours. See rules.Request."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="requests")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="cover_requests")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    asked = models.JSONField(default=list)  # ids of people; []: whoever can
    returns_start = models.DateTimeField(null=True, blank=True)
    returns_end = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    state = models.CharField(max_length=16, default=rules.State.OPEN.value)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    declined_by = models.JSONField(default=list)
    # The absence that asked by itself, if one did.
    absence = models.ForeignKey(
        "Absence", null=True, blank=True, on_delete=models.SET_NULL, related_name="requests"
    )
    made_by = models.CharField(max_length=100)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()  # its last step: made, declined by somebody, accepted, withdrawn
    told_at = models.DateTimeField(null=True)  # up to which step the people concerned have been told
    reminded_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField(null=True)  # when it last went along with the shift it is about

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [
            models.Index(fields=["ends_at"], name="cover_open", condition=Q(state=rules.State.OPEN.value)),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} asks about {self.schedule_id}"

    def as_value(self) -> rules.Request:
        """The request as the rules of swaps know it."""
        returns = (
            Span(self.returns_start, self.returns_end) if self.returns_start and self.returns_end else None
        )
        return rules.Request(
            id=str(self.pk),
            by=self.user_id,
            span=Span(self.starts_at, self.ends_at),
            made_at=self.made_at,
            asked=tuple(self.asked),
            returns=returns,
            state=rules.State(self.state),
            accepted_by=self.accepted_by_id or "",
            declined_by=tuple(self.declined_by),
        )


class OverrideQuerySet(models.QuerySet["Override"]):
    """Overrides, ended ones among them."""

    def standing(self) -> OverrideQuerySet:
        """Those that nobody took back, whether their hours are over or not, in the order in which they count."""
        return self.filter(ended_at=None).order_by("place", "pk")


class Override(models.Model):
    """A change of a schedule for a span; with `layers` a temporary schedule. It is never edited: what changes is ended
    and made anew in the same `place`, so that it is known what was known when."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides")
    place = models.PositiveBigIntegerField()  # later ones win over earlier ones
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    users = models.JSONField(default=list)
    replaces = models.JSONField(default=list)
    mode = models.CharField(max_length=8, default=rules.Mode.REPLACE.value)
    layers = models.JSONField(null=True)
    name = models.CharField(max_length=120, blank=True, default="")
    request = models.ForeignKey(
        CoverRequest, null=True, blank=True, on_delete=models.SET_NULL, related_name="overrides"
    )
    made_by = models.CharField(max_length=100)
    made_at = models.DateTimeField()
    ended_by = models.CharField(max_length=100, blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OverrideQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["schedule", "place"], name="override_stands", condition=Q(ended_at=None)),
            models.Index(fields=["schedule", "ends_at"], name="override_then"),
        ]

    def __str__(self) -> str:
        return f"override {self.pk} of {self.schedule_id}"

    def as_value(self) -> rules.Override | rules.Temporary:
        """The override as the rules see it; one with layers of its own is Temporary."""
        key = str(self.pk or "")
        if self.layers is not None:
            layers = tuple(rules.layer_from(layer) for layer in self.layers)
            return rules.Temporary(key, self.starts_at, self.ends_at, layers, self.name)
        return rules.Override(
            key, self.starts_at, self.ends_at, tuple(self.users), tuple(self.replaces), rules.Mode(self.mode)
        )

    def as_data(self) -> Mapping[str, Any]:
        """It in the words of the organisation file, times local to its schedule."""
        return rules.override_as_data(self.as_value(), zone(self.schedule.timezone))


class Change(models.Model):
    """That the shifts of a schedule may have changed at an instant; until `told_at` people are still to be told.

    What changed is the difference between what was known before and after: see `past`.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    by = models.CharField(max_length=100)
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["at"], name="change_untold", condition=Q(told_at=None))]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.at}"


class Absence(models.Model):
    """Somebody is away: cover is asked for by itself for what they are on call for then."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True, default="")
    made_by = models.CharField(max_length=100)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at", "pk"]

    def __str__(self) -> str:
        return f"{self.user_id} from {self.starts_at}"

    @property
    def span(self) -> Span:
        """From when to when they are away."""
        return Span(self.starts_at, self.ends_at)


class Feed(models.Model):
    """A calendar feed behind a secret address. Only the digest is kept. `of` is a schedule's or a team's id, "" for the
    person's own shifts."""

    kind = models.CharField(max_length=8)
    of = models.SlugField(max_length=64, blank=True, default="")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="feeds")
    token_digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    revoked_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True, blank=True
    )

    class Meta:
        ordering = ["user_id", "pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.of}".strip()


IMPORTED_PLACE = 0  # of overrides that an imported calendar made: under all that people make


class ImportKind(models.TextChoices):
    """Where a calendar is taken from: an address that is looked at again and again, a file, a country's holidays."""

    ADDRESS = "address"
    FILE = "file"
    COUNTRY = "country"


class Import(models.Model):
    """The calendar that the shifts of a schedule come from, or the holidays of a working calendar.

    The last good copy is kept and stays in use however long its address fails. The address is sealed, because whoever
    has it reads the calendar; `shown` is its host, or the file's name, or the country.
    """

    schedule = models.OneToOneField(
        Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="source"
    )
    calendar = models.OneToOneField(
        Calendar, null=True, blank=True, on_delete=models.CASCADE, related_name="source"
    )
    kind = models.CharField(max_length=8, choices=ImportKind.choices)
    sealed = models.TextField(blank=True, default="")
    shown = models.CharField(max_length=255)
    etag = models.CharField(max_length=200, blank=True, default="")
    copy = models.TextField(blank=True, default="")
    copied_at = models.DateTimeField(null=True)  # when the copy was last known to be what the address says
    applied_at = models.DateTimeField(null=True)  # when shifts or holidays were last made of the copy
    problem = models.CharField(max_length=500, blank=True, default="")  # why the last look brought none
    problem_at = models.DateTimeField(null=True)  # since when
    unknown = models.JSONField(default=list)  # what names nobody, or several people
    days = models.JSONField(default=list)  # holidays from here; the others were made by hand
    told = models.CharField(max_length=8, blank=True, default="")  # of which trouble the owner was told last
    due_at = models.DateTimeField(null=True)  # when it is looked at next, or a lease ends
    made_by = models.CharField(max_length=100)
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="import_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(schedule__isnull=True) ^ Q(calendar__isnull=True), name="import_for_one"
            )
        ]

    def __str__(self) -> str:
        return f"{self.shown} for {self.schedule_id or self.calendar_id}"
