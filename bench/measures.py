"""What is measured: intake, the time from an alert to its page, a storm, memory, start-up."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.load import Driven, drive
from bench.receiver import Receiver
from bench.targets import Target, alert

RUN = f"{os.getpid():x}"  # keeps the keys of one run apart from those of another
STORM_ALERTS = 50_000
STORM_CRITICAL = 20
STORM_BATCH = 100
STORM_CONNECTIONS = 32
SETTLE_S = 60.0  # the longest wait for pages after the last alert was taken
DRAIN_S = 300.0
MEMORY_ALERTS = 100_000

Figures = dict[str, float]


@dataclass(frozen=True)
class Shape:
    """How alerts are sent: so many in a request, over so many connections, all with one key or each with its own."""

    batch: int
    connections: int
    same: bool = False

    @property
    def name(self) -> str:
        return (
            f"{'same key, ' if self.same else ''}{self.batch} an HTTP request, {self.connections} connections"
        )

    @property
    def alerts(self) -> int:
        if self.batch > 1:
            return 40_000
        return 3_000 if self.connections == 1 else 12_000


# Each with its own keys first, then all with one: so repeats come to programs that hold 147 000 open alerts.
SHAPES = tuple(
    Shape(batch, connections, same)
    for same in (False, True)
    for batch in (1, 100)
    for connections in (1, 16, 64)
)


def percentile(values: Iterable[float], part: float) -> float:
    """The value below which `part` of `values` lie, in milliseconds for values in seconds; NaN for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000 if ordered else float("nan")


def answered(driven: Driven) -> list[float]:
    return [seconds for seconds in driven.latency if seconds is not None]


def intake(target: Target, shape: Shape, tag: str, scale: float) -> Figures:
    """Alerts a second that were answered 2xx, and how long the answers took."""
    count = max(1, int(shape.alerts * scale) // shape.batch)
    requests = [
        target.request(
            "intake",
            [
                alert(
                    "intake",
                    "one" if shape.same else f"{RUN}-{tag}-{n * shape.batch + i}",
                    "Intake",
                    "warning",
                )
                for i in range(shape.batch)
            ],
        )
        for n in range(count)
    ]
    driven = drive(target.port, requests, shape.connections)
    taken = driven.accepted * shape.batch
    drained = target.wait_until_idle(DRAIN_S)
    return {
        "alerts/s": taken / driven.wall,
        "p50 ms": percentile(answered(driven), 0.5),
        "p99 ms": percentile(answered(driven), 0.99),
        "refused": driven.refused,
        # Tocsin answers when an alert is on disk and digests it a moment later: the whole road, first to last.
        "digested/s": taken / (driven.wall + drained),
        "generator": driven.cpu,
    }


def page_latency(target: Target, receiver: Receiver, rate: int, seconds: float, tag: str) -> Figures:
    """From the instant an alert is sent to the instant its page is at the receiver."""
    receiver.forget()
    count = max(2, int(rate * seconds))
    markers = [f"pg-{RUN}{tag}-{n}" for n in range(count)]
    requests = [target.request("page", [alert("page", marker, marker, "critical")]) for marker in markers]
    driven = drive(target.port, requests, 64, due=[n / rate for n in range(count)], limit=seconds * 3 + 10)
    seen = receiver.wait_for(set(markers), SETTLE_S)
    late = [
        seen.first[marker] - began
        for marker, began in zip(markers, driven.started, strict=True)
        if marker in seen.first
    ]
    return {
        "p50 ms": percentile(late, 0.5),
        "p99 ms": percentile(late, 0.99),
        "max ms": percentile(late, 1.0),
        "lost": count - len(late),
        "refused": driven.refused,
    }


def storm(target: Target, receiver: Receiver, tag: str, scale: float) -> Figures:
    """Many alerts of one kind as fast as they are taken, and a few unrelated critical ones among them."""
    receiver.forget()
    posts = max(STORM_CRITICAL + 1, int(STORM_ALERTS * scale) // STORM_BATCH)
    places = {posts * (n + 1) // (STORM_CRITICAL + 1) for n in range(STORM_CRITICAL)}
    requests: list[bytes] = []
    critical: dict[str, int] = {}  # marker -> its place among the requests
    for n in range(posts):
        if n in places:
            marker = f"pg-{RUN}{tag}-{len(critical)}"
            critical[marker] = len(requests)
            requests.append(target.request("page", [alert("page", marker, marker, "critical")]))
        many = [
            alert("storm", f"{RUN}-{tag}-{n * STORM_BATCH + i}", f"Storm{tag}", "warning")
            for i in range(STORM_BATCH)
        ]
        requests.append(target.request("storm", many))
    driven = drive(target.port, requests, STORM_CONNECTIONS, limit=300)
    receiver.wait_for(set(critical), SETTLE_S)
    target.wait_until_idle(DRAIN_S)
    time.sleep(3)  # what is grouped and sent later counts too
    seen = receiver.seen()
    late = [
        seen.first[marker] - driven.started[place]
        for marker, place in critical.items()
        if marker in seen.first
    ]
    return {
        "alerts/s": (driven.accepted - len(critical)) * STORM_BATCH / driven.wall,
        "p50 ms": percentile(late, 0.5),
        "max ms": percentile(late, 1.0),
        "messages": seen.posts,
        "lost": len(critical) - len(late),
        "refused": driven.refused,
    }


def memory(target: Target, scale: float) -> Figures:
    """Megabytes of the program and its children, empty and with many open alerts."""
    idle = megabytes(target.pid)
    shape = Shape(100, 16)
    intake(target, shape, "memory", MEMORY_ALERTS * scale / shape.alerts)
    time.sleep(2)
    return {"idle MB": idle, "after MB": megabytes(target.pid)}


def megabytes(pid: int) -> float:
    """Resident memory of a process and all its descendants; pages they share are counted once."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:  # it has just ended
                continue
            children[parent].append(int(entry.name))
    waiting, total = [pid], 0
    while waiting:
        one = waiting.pop()
        waiting += children[one]
        try:
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)
        except OSError:
            continue
        total += int(found[1]) if found else 0
    return total / 1024
