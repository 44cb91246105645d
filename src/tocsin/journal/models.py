from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tocsin.journal.rules import Link


class Entry(models.Model):
    """One fact, never changed and never deleted."""

    chain = models.CharField(max_length=80)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=48)
    happened_at = models.DateTimeField()
    written_at = models.DateTimeField()
    who = models.CharField(max_length=100)
    through = models.CharField(max_length=16)
    data = models.JSONField(default=dict)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "seq"], name="entry_once")]
        indexes = [models.Index(fields=["written_at"], name="entry_written")]

    def __str__(self) -> str:
        return f"{self.chain}#{self.seq} {self.kind}"

    def as_link(self) -> Link:
        """The entry as the chain's rules see it."""
        return Link(
            self.chain,
            self.seq,
            self.kind,
            self.happened_at,
            self.written_at,
            self.who,
            self.through,
            self.data,
            self.hash,
        )


class Head(models.Model):
    """The last entry of a chain; its row is what writers of one chain wait for, and of no other."""

    chain = models.CharField(max_length=80, primary_key=True)
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    sealed_seq = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["chain"], name="head_unsealed", condition=Q(seq__gt=F("sealed_seq"))),
        ]

    def __str__(self) -> str:
        return f"{self.chain}#{self.seq}"


class Seal(models.Model):
    """A signed statement of the heads that moved since the seal before it."""

    made_at = models.DateTimeField()
    heads = models.JSONField()  # chain -> [seq, hash]
    signature = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"seal {self.pk}"


class Lease(models.Model):
    """Work of which only one node does a share at a time (sealing, checkpoints, sweeps)."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64)
    until = models.DateTimeField()
    fence = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.name} by {self.holder}"
