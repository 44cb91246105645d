"""How messages go out: fast when all is well, and when a provider is slow, hangs, or everything burns at once.

The program runs as `tocsin run` starts it; what is called are receivers and a made-up provider of telephones, each in
a process of its own. Instants of all of them are CLOCK_MONOTONIC.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.flood import Flood
from bench.load import drive
from bench.measures import RUN, SETTLE_S, Figures, answered, megabytes, percentile
from bench.reaching import Reaching, key_of, person, policy, running, service
from bench.receiver import Receiver
from bench.targets import Alertmanager, Target, Tocsin, alert
from bench.telephones import Rang, Telephones

PROVIDER_TAKES_S = 0.01
HANDING_RATE = 100
HANDING_S = 20.0

QUEUE = 1_000
QUEUE_TAKES_S = 5.0
QUEUE_CRITICAL = 20
QUEUE_SETTLE_S = 40.0

HUNG = 50
BESIDE_RATE = 50
BESIDE_S = 8.0  # less than the ten seconds after which a send is given up

STORM_ALERTS = 5_000
STORM_SERVICES = 300
TIER_ONE = 15  # of them, where alerts are critical: P1
STORM_S = 60.0
STORM_CRITICAL = 20
STORM_MINUTES = 1.5  # from its beginning, in which messages are counted
WINDOW_S = 595.0  # of the ten minutes in which a person gets so many: a message counts when it leaves, and then travels
TEXTS_MAX, CALLS_MAX = 5, 3
ON_CALL = 5

QUIET_S = 8.0  # of the other sender, without and with the noisy one

HANDED = f"handed to a provider of 10 ms, at {HANDING_RATE}/s"
WORST = f"P1 behind {QUEUE} urgent ones, a provider of 5 s"
URGENT = f"urgent behind {QUEUE} others, a provider of 5 s"
APART, TOGETHER = f"{HUNG} sends hang at {HUNG} destinations", f"{HUNG} sends hang at one destination"
BURNS = f"{STORM_ALERTS} alerts of {STORM_SERVICES} services in a minute"
NOISY = "one sender over its quota"
# The most that each figure may be.
GOALS: Sequence[tuple[str, str, float]] = (
    (HANDED, "p99 ms", 50),
    (HANDED, "lost", 0),
    (HANDED, "doubled", 0),
    *((queue, *most) for queue in (WORST, URGENT) for most in (("last s", 10), ("lost", 0), ("at once", 20))),
    *((queue, "grew MB", 10) for queue in (WORST, URGENT)),
    *((hung, *most) for hung in (APART, TOGETHER) for most in (("added p99 ms", 1_000), ("lost", 0))),
    (BURNS, "first critical s", 10),
    (BURNS, "texts a person", TEXTS_MAX),
    (BURNS, "calls a person", CALLS_MAX),
    (NOISY, "answer x", 2),
    (NOISY, "page x", 2),
    (NOISY, "lost", 0),
)
GROUPS = ("handing", "slow", "hanging", "burning", "quota")


def measure(
    group: str, n: int, scale: float, minutes: float, folder: Path
) -> Iterator[tuple[str, str, Figures]]:
    """One group of measurements: what each is called, of which program, and what came out."""
    ours, tag = Tocsin.name, f"d{n}"
    if group == "handing":
        with Receiver(takes=PROVIDER_TAKES_S) as receiver:
            for target in (Tocsin(), *(() if Alertmanager.absent() else (Alertmanager(),))):
                with running(target, folder, receiver.port):
                    yield HANDED, target.name, handed_over(target, receiver, f"{tag}h", scale)
    elif group == "slow":
        yield WORST, ours, queued("error", 1, f"{tag}w", folder, scale)
        yield URGENT, ours, queued("warning", 3, f"{tag}u", folder, scale)
    elif group == "hanging":
        yield APART, ours, hung(HUNG, f"{tag}a", folder, scale)
        yield TOGETHER, ours, hung(1, f"{tag}t", folder, scale)
    elif group == "burning":
        yield BURNS, ours, people_in_a_storm(f"{tag}b", folder, scale, minutes)
    else:
        yield NOISY, ours, beside_a_flood(f"{tag}q", folder, scale)


# -- all is well -----------------------------------------------------------------------------------------------------


def handed_over(target: Target, receiver: Receiver, tag: str, scale: float) -> Figures:
    """From the answer that an alert is accepted to its page at a receiver that takes ten milliseconds for each."""
    return _paged(target, receiver, HANDING_RATE, HANDING_S * min(1, scale), tag)


def _paged(target: Target, receiver: Receiver, rate: int, seconds: float, tag: str) -> Figures:
    """So many alerts a second, each an incident of its own: how soon each is accepted, and then at the receiver."""
    receiver.forget()
    count = max(2, int(rate * seconds))
    markers = [f"pg-{RUN}{tag}-{n}" for n in range(count)]
    requests = [target.request("page", [alert("page", marker, marker, "critical")]) for marker in markers]
    due = [n / rate for n in range(count)]
    driven = drive(target.port, requests, 64, due=due, limit=seconds * 3 + 10)
    seen = receiver.wait_for(set(markers), SETTLE_S)
    came = [
        (seen.first[marker] - began, took)
        for marker, began, took in zip(markers, driven.started, driven.latency, strict=True)
        if marker in seen.first and took is not None
    ]
    late = [whole - took for whole, took in came]
    return {
        "p50 ms": percentile(late, 0.5),
        "p99 ms": percentile(late, 0.99),
        "max ms": percentile(late, 1.0),
        "answer p99 ms": percentile(answered(driven), 0.99),
        "from sending p99 ms": percentile((whole for whole, _ in came), 0.99),
        "lost": count - len(came),
        "doubled": seen.again,
    }


# -- a slow provider -------------------------------------------------------------------------------------------------


def queued(severity: str, tier: int, tag: str, folder: Path, scale: float) -> Figures:
    """How long critical pages wait when many wait for a provider that takes seconds for each.

    `severity` is that of the many; the critical ones are critical alerts of a service of this tier.
    """
    count = max(50, int(QUEUE * scale))
    with Receiver(takes=QUEUE_TAKES_S) as slow:
        ours = Reaching(
            {
                "users": [person("ada", {"hook": f"http://127.0.0.1:{slow.port}/"}, "hook")],
                "policies": [policy("all", "user:ada")],
                "services": [service("bulk", key_of(0), "all"), service("shop", key_of(1), "all", tier)],
            }
        )
        with running(ours, folder):
            idle = megabytes(ours.pid)
            many = [
                ours.request_with(key_of(0), [alert("bulk", f"{tag}{n}", f"Bulk {tag}{n}", severity)])
                for n in range(count)
            ]
            drive(ours.port, many, 16)
            ours.wait_for("tocsin_deliveries_due", count)
            held = megabytes(ours.pid)
            markers = [f"pg-{RUN}{tag}-{n}" for n in range(QUEUE_CRITICAL)]
            critical = [
                ours.request_with(key_of(1), [alert("shop", marker, marker, "critical")])
                for marker in markers
            ]
            driven = drive(ours.port, critical, QUEUE_CRITICAL)
            seen = slow.wait_for(set(markers), QUEUE_SETTLE_S, quiet=QUEUE_SETTLE_S)
            later = megabytes(ours.pid)
    waits = [
        seen.first[marker] - began
        for marker, began in zip(markers, driven.started, strict=True)
        if marker in seen.first
    ]
    return {
        "first s": percentile(waits, 0) / 1000,
        "p50 s": percentile(waits, 0.5) / 1000,
        "last s": percentile(waits, 1.0) / 1000,
        "lost": QUEUE_CRITICAL - len(waits),
        "at once": seen.most_at_once,
        "doubled": seen.again,
        "idle MB": idle,
        "queued MB": held,
        "later MB": later,
        "grew MB": later - held,
    }


# -- a provider that hangs -------------------------------------------------------------------------------------------


def hung(doors: int, tag: str, folder: Path, scale: float) -> Figures:
    """What sends that hang, behind so many destinations, add to the pages that go elsewhere."""
    with Receiver(takes=PROVIDER_TAKES_S) as well, Receiver(takes=math.inf, doors=doors) as silent:
        people = [
            person(f"h{n}", {"hook": f"http://127.0.0.1:{silent.ports[n % doors]}/{n}"}, "hook")
            for n in range(HUNG)
        ]
        ours = Reaching(
            {
                "users": [person("ada", {"hook": f"http://127.0.0.1:{well.port}/"}, "hook"), *people],
                "teams": [{"id": "hung", "members": [each["id"] for each in people]}],
                "policies": [policy("all", "user:ada"), policy("hung", "team:hung")],
                "services": [
                    service("page", Tocsin.KEYS["page"], "all"),
                    service("hung", key_of(0), "hung"),
                ],
            }
        )
        with running(ours, folder):
            seconds = BESIDE_S * min(1, scale)
            _paged(ours, well, BESIDE_RATE, 1.0, f"{tag}w")  # so that the first of all is not measured
            before = _paged(ours, well, BESIDE_RATE, seconds, f"{tag}a")
            drive(
                ours.port, [ours.request_with(key_of(0), [alert("hung", tag, f"Hung {tag}", "critical")])], 1
            )
            time.sleep(0.5)
            beside = _paged(ours, well, BESIDE_RATE, seconds, f"{tag}b")
            hanging = silent.seen().most_at_once
    return {
        "alone p99 ms": before["p99 ms"],
        "beside p99 ms": beside["p99 ms"],
        "added p99 ms": beside["p99 ms"] - before["p99 ms"],
        "added max ms": beside["max ms"] - before["max ms"],
        "x": beside["p99 ms"] / before["p99 ms"],
        "lost": before["lost"] + beside["lost"],
        "hung": hanging,
    }


# -- everything burns ------------------------------------------------------------------------------------------------


def people_in_a_storm(tag: str, folder: Path, scale: float, minutes: float = STORM_MINUTES) -> Figures:
    """What five people on call get by text and by call when thousands of alerts of hundreds of services come in a
    minute, each an incident of its own, and how soon they hear of the critical ones among them.

    All but the critical ones page at high urgency too. Each person is called when a text was not answered for a
    minute; nobody answers anything.
    """
    with Telephones() as telephones:
        ours = Reaching(_three_hundred_services(telephones.settings))
        with running(ours, folder):
            count = max(STORM_CRITICAL + 1, int(STORM_ALERTS * scale))
            critical = {count * (n + 1) // (STORM_CRITICAL + 1) for n in range(STORM_CRITICAL)}
            requests = []
            for n in range(count):
                is_critical = n in critical
                number = n % TIER_ONE if is_critical else TIER_ONE + n % (STORM_SERVICES - TIER_ONE)
                name = f"{'Critical' if is_critical else 'Storm'} {RUN}{tag}{n}"
                severity = "critical" if is_critical else "error"
                requests.append(
                    ours.request_with(key_of(number), [alert("storm", f"{RUN}{tag}{n}", name, severity)])
                )
            began = time.monotonic()
            due = [STORM_S * n / count for n in range(count)]
            driven = drive(ours.port, requests, 32, due=due, limit=STORM_S * 2)
            ours.wait_until_idle(SETTLE_S)
            time.sleep(max(0.0, began + minutes * 60 - time.monotonic()))
            rang = telephones.rang()
            grown = megabytes(ours.pid)
    first_sent = min(driven.started[n] for n in critical)
    told = [one.at - first_sent for one in rang if "Critical" in one.text]
    by_text = [one for one in rang if not one.call]
    return {
        "first critical s": min(told, default=math.nan),
        "texts a person": _most_in_a_window(by_text, WINDOW_S),
        "calls a person": _most_in_a_window([one for one in rang if one.call], WINDOW_S * 1.5),
        "one text more after s": _least_span(by_text, TEXTS_MAX + 1),
        "people": len({one.to for one in rang}),
        "messages": len(rang),
        "minutes": minutes,
        "refused": driven.refused,
        "answer p99 ms": percentile(answered(driven), 0.99),
        "after MB": grown,
    }


def _three_hundred_services(provider: dict[str, str]) -> dict[str, Any]:
    """The first of them are of tier 1; service n pages person n, and after five minutes the next."""
    people = [
        person(
            f"p{n}",
            {"text": f"sms:+4915112345{n:03}", "phone": f"tel:+4915112345{n:03}"},
            "text",
            {"phone": "1m"},
        )
        for n in range(ON_CALL)
    ]
    return {
        "providers": [{"id": "sms-main", "vendor": "twilio", "settings": provider}],
        "users": people,
        "policies": [policy(f"p{n}", f"user:p{n}", f"user:p{(n + 1) % ON_CALL}") for n in range(ON_CALL)],
        "services": [
            service(f"s{n}", key_of(n), f"p{n % ON_CALL}", 1 if n < TIER_ONE else 3)
            for n in range(STORM_SERVICES)
        ],
    }


def _most_in_a_window(rang: list[Rang], seconds: float) -> int:
    """The most that one telephone got within so many seconds."""
    most = 0
    for last, one in enumerate(rang):
        got = Counter(each.to for each in rang[: last + 1] if each.at > one.at - seconds)
        most = max(most, got[one.to])
    return most


def _least_span(rang: list[Rang], count: int) -> float:
    """The shortest time, in seconds, in which one telephone got so many; infinite when none got them."""
    got: dict[str, list[float]] = {}
    for one in rang:
        got.setdefault(one.to, []).append(one.at)
    spans = [at[n + count - 1] - at[n] for at in got.values() for n in range(len(at) - count + 1)]
    return min(spans, default=math.inf)


# -- one who sends far too much --------------------------------------------------------------------------------------


def beside_a_flood(tag: str, folder: Path, scale: float) -> Figures:
    """What one sender far over its quota adds to the answers and the pages of another."""
    with Receiver(takes=PROVIDER_TAKES_S) as well:
        ours = Reaching(
            {
                "users": [person("ada", {"hook": f"http://127.0.0.1:{well.port}/"}, "hook")],
                "policies": [policy("all", "user:ada")],
                "services": [
                    service("page", Tocsin.KEYS["page"], "all"),
                    service("noisy", key_of(0), "all") | {"grouping": {"by": ["alertname"], "window": "10m"}},
                ],
            }
        )
        with running(ours, folder):
            seconds = QUIET_S * min(1, scale)
            _paged(ours, well, BESIDE_RATE, 1.0, f"{tag}w")
            before = _paged(ours, well, BESIDE_RATE, seconds, f"{tag}a")
            with Flood(ours, key_of(0), tag) as flood:
                beside = _paged(ours, well, BESIDE_RATE, seconds, f"{tag}b")
            offered, refused = flood.rates
    return {
        "idle answer p99 ms": before["answer p99 ms"],
        "beside answer p99 ms": beside["answer p99 ms"],
        "answer x": beside["answer p99 ms"] / before["answer p99 ms"],
        "idle page p99 ms": before["p99 ms"],
        "beside page p99 ms": beside["p99 ms"],
        "page x": beside["p99 ms"] / before["p99 ms"],
        "lost": beside["lost"],
        "flood/s": offered,
        "flood refused/s": refused,
    }
