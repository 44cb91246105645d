"""Many running climbs: how long one look at what is due takes, and how late the pages of those that fall due are."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measures import Figures, percentile
from bench.receiver import Receiver
from bench.targets import ROOT, Tocsin

CLIMBS = 100_000
DUE = 600  # of them fall due while the program runs
HEAD_START_S = 20.0  # for filling to end and the program to start
WINDOW_S = 30.0
LOOKS = 50
BATCH = 2_000


def measure(receiver: Receiver, folder: Path, scale: float) -> Figures:
    """Fill an instance with climbs, time the look, run the program over the window, read what it did."""
    ours, place = Tocsin(), folder / "climbs"
    place.mkdir()
    ours.prepare(place, receiver.port)
    looked = _ask(ours, "fill", str(max(2, int(CLIMBS * scale))), str(max(2, int(DUE * min(1, scale)))))
    ours.start()
    try:
        remaining = looked["ends_at"] - time.time()
        time.sleep(max(0.0, remaining) + 5)
    finally:
        ours.stop()
    return {"look ms": looked["look ms"]} | _ask(ours, "read")


def _ask(ours: Tocsin, *arguments: str) -> Figures:
    """Do one step inside the instance, in a process of its own while the program is stopped."""
    command = [sys.executable, "-m", "bench.climbs", str(ours.folder / "due.json"), *arguments]
    environ = ours.environ | {"DJANGO_SETTINGS_MODULE": "tocsin.site.settings"}
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"bench.climbs failed:\n{done.stdout}{done.stderr}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _fill(notes: Path, count: int, due: int) -> Figures:
    """Store `count` open incidents with running climbs; `due` of them fall due in the window, evenly."""
    from django.db import transaction

    from tocsin.escalation.actions import climb_due
    from tocsin.escalation.models import Climb, Policy
    from tocsin.escalation.rules import policy_as_data
    from tocsin.incident.models import Incident

    policy = policy_as_data(Policy.objects.get(pk="web").as_value())
    now = datetime.now(UTC)
    # Filling takes time too: about 10 000 rows a second.
    begins = now + timedelta(seconds=HEAD_START_S + count / 4_000)
    every = count // due
    due_at: dict[int, float] = {}
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        with transaction.atomic():
            incidents = Incident.objects.bulk_create(
                Incident(
                    service_id="page",
                    title=f"Running climb {number}",
                    urgency="high",
                    impact="minor",
                    priority="P3",
                    opened_at=now,
                    needs_climb=False,
                )
                for number in numbers
            )
            climbs = []
            for number, incident in zip(numbers, incidents, strict=True):
                if number % every == 0 and number // every < due:
                    at = begins + timedelta(seconds=WINDOW_S * (number // every) / due)
                    due_at[incident.pk] = at.timestamp()
                else:
                    at = now + timedelta(hours=1, seconds=number % 86_400)
                climbs.append(Climb(incident=incident, policy=policy, priority="P3", due_at=at))
            Climb.objects.bulk_create(climbs)
    notes.write_text(json.dumps(due_at))
    looks = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        climb_due(now)  # nothing is due yet: this is the look itself
        looks.append(time.perf_counter() - began)
    if datetime.now(UTC) > begins - timedelta(seconds=5):
        raise RuntimeError("filling took longer than the head start; try a smaller --scale")
    ends_at = begins.timestamp() + WINDOW_S
    return {"look ms": statistics.median(looks) * 1000, "ends_at": ends_at}


def _read(notes: Path) -> Figures:
    """How late the message of each climb that fell due was with its receiver, as Tocsin wrote it down."""
    from tocsin.notification.models import Delivery

    due_at = {int(pk): at for pk, at in json.loads(notes.read_text()).items()}
    paged: dict[int, float] = {}
    sent = Delivery.objects.filter(sent_at__isnull=False).order_by("sent_at")
    for pk, at in sent.values_list("incident_id", "sent_at"):
        if pk is not None and at is not None:
            paged.setdefault(pk, at.timestamp())
    late = [paged[pk] - at for pk, at in due_at.items() if pk in paged]
    return {
        "late p50 ms": percentile(late, 0.5),
        "late p99 ms": percentile(late, 0.99),
        "earliest ms": percentile(late, 0.0),
        "lost": len(due_at) - len(late),
    }


def main() -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.site.settings")
    django.setup()
    notes, step, *numbers = Path(sys.argv[1]), *sys.argv[2:]
    figures = _fill(notes, *map(int, numbers)) if step == "fill" else _read(notes)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
