from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from tocsin.hooks.rules import MessageState


class Hook(models.Model):
    """An address that is told of what happens to incidents. Its secrets are derived from the instance's key and what
    is stored here, so neither alone can sign."""

    id = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=500)
    events = models.JSONField(default=list)
    services = models.JSONField(default=list)  # with `teams`: [] and [] is all
    teams = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    after = models.BigIntegerField(default=0)  # facts up to this number happened before it was switched on
    nonce = models.CharField(max_length=64)
    old_nonce = models.CharField(max_length=64, blank=True, default="")
    old_until = models.DateTimeField(null=True)
    # How its receiver is doing.
    failures = models.PositiveIntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)
    rest_until = models.DateTimeField(null=True)
    off_why = models.CharField(max_length=500, blank=True, default="")  # when it was switched off by itself
    skipped = models.PositiveIntegerField(default=0)  # events that found too many before them

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name or self.pk


class Message(models.Model):
    """One event for one webhook: the document as it is sent each time, and every attempt at it."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4)
    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="messages")
    entry = models.BigIntegerField(null=True)  # the fact's number; null for a test
    chain = models.CharField(max_length=80)
    event = models.CharField(max_length=48)
    body = models.TextField()
    made_at = models.DateTimeField()
    state = models.CharField(max_length=16, default=MessageState.WAITING)
    next_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # since it was last asked for
    tries = models.JSONField(default=list)  # {"at", "took_ms", "outcome"}, the latest last
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hook", "entry"], name="hook_message_once")]
        indexes = [
            models.Index(
                fields=["hook", "next_at"], name="hook_message_waiting", condition=Q(next_at__isnull=False)
            ),
            models.Index(
                fields=["hook", "chain", "id"], name="hook_message_chain", condition=Q(next_at__isnull=False)
            ),
            models.Index(fields=["hook", "-id"], name="hook_message_recent"),
            models.Index(fields=["made_at"], name="hook_message_old", condition=Q(next_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.hook_id}: {self.state}"


class AddressSecret(models.Model):
    """The secret of a contact's or a place's address that was changed; one that never was has no row."""

    address_digest = models.CharField(primary_key=True, max_length=64)
    nonce = models.CharField(max_length=64, blank=True, default="")  # "": derived from the address alone
    old_nonce = models.CharField(max_length=64, blank=True, default="")
    old_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.address_digest[:12]


class Position(models.Model):
    """The number of the last fact that was read for all webhooks. One row."""

    entry = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.entry)
