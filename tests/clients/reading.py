"""What came of what a client sent: the digest is run, then the alerts are looked at."""

from __future__ import annotations

from tocsin.intake.actions import digest
from tocsin.intake.models import Alert
from tocsin.site.clock import now
from tocsin.sources import READERS


def alerts() -> dict[str, Alert]:
    """The latest alert of each key, after everything in the inbox has been digested."""
    while digest(READERS, now()):
        pass
    return {alert.key: alert for alert in Alert.objects.filter(latest=True).select_related("incident")}
