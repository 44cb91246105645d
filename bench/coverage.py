"""How long the coverage proof takes: 100 services, 12 weeks, both urgencies, two people within a quarter of an hour.

`python -m bench.coverage` needs nothing running. Every service has a policy of its own, and every two of them a
schedule of their own: three layers with office hours and weekends, twenty overrides, somebody who joins later. Nothing
is kept from one round to the next. Before measuring, what it says of some instants is compared with a proof of these
alone. Exit code 0 when the goal was met, 1 when it was missed.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

from tocsin.catalog.rules import ServiceValue
from tocsin.escalation.rules import policy_from
from tocsin.kernel.urgency import Urgency
from tocsin.notification.rules import Step
from tocsin.oncall.rules import Override, Schedule, schedule_from
from tocsin.readiness.rules import Arrangement, Person, Proof, prove

SERVICES, SCHEDULES, PEOPLE, OVERRIDES = 100, 50, 200, 20
START = datetime(2026, 3, 2, 9, 17, tzinfo=UTC)
WEEKS = 12
WANTED, WITHIN = 2, timedelta(minutes=15)
SEED = 20_260_302
SECONDS_MAX = 5.0
COMPARED = 200  # instants
ZONES = ("Europe/Madrid", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def arrangement() -> Arrangement:
    """An organisation in which hardly anything is shared."""
    chance = random.Random(SEED)
    users = [f"person-{number}" for number in range(PEOPLE)]
    schedules = {each.id: each for each in (_schedule(n, users, chance) for n in range(SCHEDULES))}
    policies = {}
    for number in range(SERVICES):
        ours, others = number % SCHEDULES, (number + 7) % SCHEDULES
        policies[f"policy-{number}"] = policy_from(
            {
                "id": f"policy-{number}",
                "name": f"Policy {number}",
                "levels": [
                    {"notify": [f"schedule:schedule-{ours}"], "timeout": "5m"},
                    {"notify": [f"schedule:schedule-{others}"], "timeout": "10m"},
                    {
                        "notify": [f"schedule:schedule-{ours}/next", f"team:team-{number % 20}"],
                        "timeout": "10m",
                    },
                ],
                "repeat": 2,
            }
        )
    return Arrangement(
        services={
            f"service-{n}": ServiceValue(f"service-{n}", f"Service {n}", policy=f"policy-{n}")
            for n in range(SERVICES)
        },
        policies=policies,
        people={user: _person(user, number) for number, user in enumerate(users)},
        teams={f"team-{n}": tuple(users[n * 3 : n * 3 + 4]) for n in range(20)},
        schedules=schedules,
    )


def _person(user: str, number: int) -> Person:
    """Reached at once, or after some minutes; one in twenty has no contact at all."""
    high = (Step("call", timedelta(minutes=number % 4)), Step("mail"))[number % 3 == 0 :]
    low = (Step("mail", timedelta(minutes=number % 7)),)
    contacts = {"call": f"tel:{number}", "mail": f"mailto:{user}@example.com"} if number % 20 else {}
    return Person(
        user, user.title(), contacts=contacts, steps={Urgency.HIGH: high, Urgency.LOW: low}, broken={}
    )


def _schedule(number: int, users: list[str], chance: random.Random) -> Schedule:
    few = chance.sample(users, 8)
    joins = {"user": few[7], "from": "2026-04-15"}
    bare = schedule_from(
        {
            "id": f"schedule-{number}",
            "timezone": ZONES[number % len(ZONES)],
            "layers": [
                {"rotation": "weekly", "start": "2026-01-05T09:00", "users": [*few[:5], joins]},
                {
                    "rotation": "daily",
                    "start": "2026-01-05T09:00",
                    "users": few[2:6],
                    "restrict": [{"days": ["mon-fri"], "from": "09:00", "to": "17:00"}],
                },
                {
                    "rotation": "weekly",
                    "start": "2026-01-05T09:00",
                    "users": [few[5], few[6], None],
                    "restrict": [{"days": ["fri"], "from": "17:00", "to": "mon 09:00"}],
                },
            ],
        }
    )
    overrides = []
    for n in range(OVERRIDES):
        start = START + timedelta(minutes=30 * chance.randrange(WEEKS * 7 * 48))
        end = start + timedelta(hours=chance.randrange(1, 30))
        overrides.append(Override(f"o{n}", start, end, (chance.choice(few),)))
    return Schedule(bare.id, bare.timezone, bare.layers, tuple(overrides))


def run(there: Arrangement, weeks: int) -> tuple[Proof, ...]:
    return prove(there, START, START + timedelta(weeks=weeks), WANTED, WITHIN)


def compare(there: Arrangement, proofs: tuple[Proof, ...], weeks: int) -> None:
    """Raises when a proof of everything says another thing about an instant than a proof of that instant alone."""
    chance = random.Random(SEED)
    for _ in range(COMPARED):
        proof = chance.choice(proofs)
        at = START + timedelta(seconds=chance.randrange(weeks * 7 * 86_400))
        (alone,) = prove(
            there, at, at + timedelta(seconds=1), WANTED, WITHIN, [proof.service], [proof.urgency]
        )
        whole = any(weak.start <= at < weak.end for weak in proof.weak)
        if whole is alone.holds:
            raise RuntimeError(f"{proof.service} at {at}: {whole} and {alone}")


def main() -> int:
    """Measure as the command line asks, and print; returns 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    given = parser.parse_args()
    there = arrangement()
    proofs = run(there, given.weeks)
    compare(there, proofs, given.weeks)
    if given.profile:
        with cProfile.Profile() as profile:
            run(there, given.weeks)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    took = []
    for _ in range(given.rounds):
        began = time.perf_counter()
        run(there, given.weeks)
        took.append(time.perf_counter() - began)
    seconds = statistics.median(took)
    weak = sum(len(proof.weak) for proof in proofs)
    met = seconds <= SECONDS_MAX
    print(
        f"coverage of {SERVICES} services over {given.weeks} weeks, {WANTED} people, both urgencies:"
        f" {len(proofs)} proofs, {weak} counter-examples"
    )
    print(f"  seconds{seconds:>29.2f}   goal ≤ {SECONDS_MAX:g}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
