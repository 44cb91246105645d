from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from tocsin.journal.states import StateField
from tocsin.notification.rules import DeliveryState, cards
from tocsin.people.models import User


class Rule(models.Model):
    """One step of a person's rules for an urgency."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="rules")
    urgency = models.CharField(max_length=8)
    position = models.PositiveSmallIntegerField()
    contact = models.SlugField(max_length=64)
    delay = models.DurationField()

    class Meta:
        ordering = ["user_id", "urgency", "position"]
        constraints = [models.UniqueConstraint(fields=["user", "urgency", "position"], name="rule_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.urgency}: {self.contact} after {self.delay}"


class QuietHours(models.Model):
    """When a person wants to be told only what is urgent, as the organisation file writes it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="quiet")
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"quiet hours of {self.user_id}"


class Awake(models.Model):
    """That a person is up and at work on a service, until then; the latest per service."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    service = models.SlugField(max_length=64)
    policy = models.SlugField(max_length=64, blank=True, default="")
    until = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["until"], name="awake_until")]
        constraints = [models.UniqueConstraint(fields=["user", "service"], name="awake_once")]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.service} until {self.until}"


class Page(models.Model):
    """The decision to interrupt one person, or to tell a place. What it is about lives in a room above, so it is named,
    not linked."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    incident_id = models.BigIntegerField(null=True)  # null: a test of somebody's rules
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="pages")
    place = models.SlugField(
        max_length=64, blank=True, default="", db_default="", db_index=False
    )  # instead of a user
    urgency = models.CharField(max_length=8)
    kind = models.CharField(max_length=16, default="page")
    reason = models.CharField(max_length=300)  # "level 1 of policy web"
    subject = models.CharField(max_length=300)
    lines = models.JSONField(default=list)
    details = models.JSONField(default=dict)
    note = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    # Nothing of it is sent any more: somebody answered, or it is over.
    quieted_at = models.DateTimeField(null=True)
    # The person cannot be reached by this page, and whether the climb has moved on because of it.
    undeliverable_at = models.DateTimeField(null=True)
    passed_on_at = models.DateTimeField(null=True)
    # Of word that it is over: the incident with which it began again before the word had gone.
    again_in = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["incident_id"], name="page_incident"),
            models.Index(fields=["again_in"], name="page_again_in", condition=Q(again_in__isnull=False)),
            models.Index(
                fields=["undeliverable_at"],
                name="page_to_pass_on",
                condition=Q(undeliverable_at__isnull=False, passed_on_at__isnull=True),
            ),
            models.Index(fields=["user", "-created_at"], name="page_test", condition=Q(kind="test")),
            models.Index(
                fields=["created_at"],
                name="page_test_running",
                condition=Q(kind="test", quieted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"page {self.id} to {self.user_id or self.place}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> DeliveryQuerySet:
        """What may be sent at `now`, what presses most first: its time has come, or the node that held it died."""
        return self.filter(state__in=(DeliveryState.DUE, DeliveryState.SENDING), next_at__lte=now).order_by(
            "-urgent", "priority", "next_at"
        )


class Delivery(models.Model):
    """One message to one contact, with every attempt at it. `next_at` is when it is looked at again: its due time,
    its next retry, or the end of the lease while a node is sending it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="deliveries")
    incident_id = models.BigIntegerField(null=True)
    contact = models.SlugField(max_length=64, db_index=False)
    address = models.CharField(max_length=500)
    urgent = models.BooleanField(default=True)
    # Of its incident when it was made: of what is equally urgent, P1 goes first. "" without an incident.
    priority = models.CharField(max_length=2, blank=True, default="", db_default="")
    state = StateField(max_length=16, default=DeliveryState.DUE)
    due_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(
        default=0
    )  # rises with each claim; a late result of an old claim is refused
    sent_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    reference = models.CharField(max_length=200, blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")
    # Where the provider says whether a message arrived: until when, and since when nobody waits for it any more.
    receipt_by = models.DateTimeField(null=True)
    unconfirmed_at = models.DateTimeField(null=True)
    # Nobody knows what became of an attempt: the provider may have taken it.
    perhaps = models.BooleanField(default=False, db_default=False)
    # Where an address takes only so much: when this was last counted, since when it was held back for that, and the
    # delivery in whose message it was told.
    counted_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)
    told_with = models.UUIDField(null=True)
    for_good = models.BooleanField(
        null=True
    )  # true: the provider will never take it; null: not known to be so

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_at"],
                name="delivery_due",
                condition=Q(state__in=["due", "sending"]),
            ),
            models.Index(fields=["incident_id"], name="delivery_incident"),
            # Everything, the latest first, and its states to count. An index of the states alone would be taken for
            # every question that names one, and lead through all that was ever sent.
            models.Index(fields=["-due_at", "-id", "state"], name="delivery_recent_states"),
            models.Index(
                fields=["receipt_by"],
                name="delivery_receipt_due",
                condition=Q(state="sent", receipt_by__isnull=False, unconfirmed_at__isnull=True),
            ),
            models.Index(
                fields=["reference"], name="delivery_reference", condition=Q(receipt_by__isnull=False)
            ),
            models.Index(
                fields=["address", "counted_at"],
                name="delivery_counted",
                condition=Q(counted_at__isnull=False),
            ),
            models.Index(
                fields=["address"], name="delivery_held", condition=Q(state="due", held_at__isnull=False)
            ),
            models.Index(
                fields=["told_with"], name="delivery_told_with", condition=Q(told_with__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.id} to {self.address}: {self.state}"


class Attempt(models.Model):
    """One try at a delivery, in plain words."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=500)
    # The account that was asked, "" where none is needed. Of several in one attempt each has a row.
    provider = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        ordering = ["delivery_id", "number", "pk"]
        indexes = [
            models.Index(fields=["provider", "-at"], name="attempt_by_provider", condition=~Q(provider="")),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.outcome}"


class Card(models.Model):
    """A message that its channel can change, and how far it has: `rules.cards` says what the numbers mean. `face` is
    what it shows of its incident."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True, related_name="card")
    incident_id = models.BigIntegerField()
    address = models.CharField(max_length=500)
    reference = models.CharField(max_length=200)
    face = models.JSONField(default=dict)
    made_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    wanted = models.PositiveIntegerField(default=0)
    shown = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    sending = models.BooleanField(default=False)
    sure = models.BooleanField(default=True)
    again = models.BooleanField(default=False)
    fence = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="card_due", condition=Q(next_at__isnull=False)),
            models.Index(fields=["incident_id"], name="card_incident"),
        ]

    def __str__(self) -> str:
        return f"card of #{self.incident_id} at {self.address}"

    def as_value(self) -> cards.Card:
        return cards.Card(**{name: getattr(self, name) for name in cards.Card.__dataclass_fields__})


class ActUse(models.Model):
    """A button of a page was used. The links themselves are derived from the page and never stored."""

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="act_uses")
    verb = models.CharField(max_length=16)  # an ActVerb
    used_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["page", "verb"], name="act_used_once")]

    def __str__(self) -> str:
        return f"{self.verb} on {self.page_id}"


class SelfTestReply(models.Model):
    """What its person says of one test message: it reached them; and whether it rang, where they were asked."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField()
    rang = models.BooleanField(null=True)

    def __str__(self) -> str:
        return f"{self.delivery_id}: {'silent' if self.rang is False else 'reached'}"


class Provider(models.Model):
    """An account that the organisation has with a vendor. Its secrets are sealed, as the keys of integrations are."""

    id = models.SlugField(primary_key=True, max_length=64)
    vendor = models.SlugField(max_length=32)
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=1)  # the lowest is asked first
    enabled = models.BooleanField(default=True)
    settings = models.JSONField(default=dict)
    secrets_sealed = models.JSONField(default=dict)  # field -> token
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name or self.pk


class Place(models.Model):
    """Where many read what one is told: a chat room, a webhook. A policy names it as `place:ID`."""

    id = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=500)
    language = models.CharField(max_length=8, blank=True, default="", db_default="")  # "": the house's

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name or self.pk


class Templates(models.Model):
    """The organisation's own words for messages in one language, or in every one that has none ("default")."""

    language = models.CharField(primary_key=True, max_length=8)
    pieces = models.JSONField(default=dict)  # a rules.pieces.Piece -> its template

    class Meta:
        ordering = ["language"]

    def __str__(self) -> str:
        return f"templates for {self.language}"
