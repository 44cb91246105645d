from __future__ import annotations

from django.db import models

from tocsin.answering.rules.trying import Tries


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
