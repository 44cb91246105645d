"""What every test may ask for, and what the suite says about the parts it could not run."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres
from tests.world import Clock, Outbox, World, make_world

# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# In CI every part has to run: a skip is a failure there.
IN_CI = bool(os.environ.get("TOCSIN_CI"))
ON_POSTGRES = bool(os.environ.get("TOCSIN_DATABASE_URL"))
# Inputs that are no part of the repository; a clone of its own does without them, in CI too.
BESIDE = "shared/data"
CHROMIUM = ("chromium", "chromium-browser")
PEERS = ("prometheus", "prometheus-alertmanager", "amtool")
# Each file goes to one of the suite's processes. Those that take longest begin, so that none is left for the end.
LONGEST = (
    "tests/test_simulator.py",
    "tests/test_simulator_too.py",
    "tests/stories/test_killed.py",
    "tests/site/test_nodes.py",
    "tests/browser/test_the_road.py",
    "tests/readiness/test_backtest_as_it_happens.py",
    "tests/cli/test_commands.py",
    "tests/site/test_program.py",
    "tests/api/test_fuzz.py",
    "tests/stories/test_alarm.py",
    "tests/web/test_scanners.py",
    "tests/site/test_schema.py",
    "tests/browser/test_on_call.py",
    "tests/browser/test_hostile_words.py",
    "tests/stories/test_cards.py",
    "tests/organisation/test_schedule_files.py",
    "tests/api/test_permissions.py",
    "tests/stories/test_killed_after_the_end.py",
    "tests/oncall_ical/test_imports.py",
    "tests/web_config/test_doors.py",
    "tests/clients/test_command_line.py",
    "tests/clients/test_alertmanager_road.py",
    "tests/channels/test_email.py",
    "tests/organisation/test_round_trip.py",
)


def _missing() -> dict[str, str]:
    """For each marker whose program is absent, what is missing, in words."""
    absent: dict[str, str] = {}
    if not any(shutil.which(name) for name in CHROMIUM):
        absent["browser"] = "Chromium is not installed (apt-get install chromium)"
    if gone := [name for name in PEERS if not shutil.which(name)]:
        absent["peers"] = (
            f"{', '.join(gone)} not installed (apt-get install prometheus prometheus-alertmanager)"
        )
    return absent


def _differs_on_postgres(item: pytest.Item) -> bool:
    """Whether the run on PostgreSQL can say something that the one on SQLite did not. Rules, pages without data, and
    programs on a data folder of their own are the same in both."""
    if item.get_closest_marker("sqlite"):
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(
        item.get_closest_marker("django_db")
        or item.get_closest_marker("postgres")
        or fixtures & {"db", "transactional_db", "postgres_server"}
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = _missing()
    kept, left_out = [], []
    for item in items:
        if ON_POSTGRES and not _differs_on_postgres(item):
            left_out.append(item)
            continue
        for marker, why in absent.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=why))
        kept.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    order = {file: number for number, file in enumerate(LONGEST)}
    items[:] = sorted(kept, key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Where TOCSIN_CI is set, a skipped test has failed: CI's machine can have every program."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if BESIDE in why:
            return report
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and in CI nothing may be: {why}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each part that did not run, and why."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[why] = reasons.get(why, 0) + 1
    for why, count in sorted(reasons.items()):
        terminalreporter.write_line(f"Skipped {count}: {why.removeprefix('Skipped: ')}")


@pytest.fixture
def clock() -> Clock:
    """Monday, 2 March 2026, 9:00 UTC, until the test moves it."""
    return Clock()


@pytest.fixture
def world(db: None, clock: Clock) -> World:
    """The fixed small organisation. Ask for `transactional_db` too when threads or programs must see it."""
    from tocsin.catalog.actions import refresh

    organisation = make_world(clock.now)
    refresh()
    return organisation


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """Serves addresses such as "fake:bo" and keeps what was sent there."""
    from tocsin.notification import channels

    kept = Outbox()
    for scheme in kept.schemes:
        monkeypatch.setitem(channels._by_scheme, scheme, kept)
    return kept


@pytest.fixture(autouse=True)
def _forget_configuration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test configured is unknown to the next: the database forgets it, so must the shared copy. Before the
    test once more, because a thread of the last one may have looked again until its tables were emptied.

    Whether another node has changed it is not asked meanwhile: that goes by real time, and tests count queries.
    """
    _forget()
    if snapshot := sys.modules.get("tocsin.catalog.snapshot"):
        monkeypatch.setattr(snapshot, "LOOK_EVERY", math.inf)
    yield
    _forget()


def _forget() -> None:
    if snapshot := sys.modules.get("tocsin.catalog.snapshot"):  # a test of pure rules need not load it
        snapshot.forget()
    if judging := sys.modules.get("tocsin.notification.judging"):
        judging.forget()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server where databases may be made; skips in words when there is none."""
    try:
        running = postgres.server()
        url = running.__enter__()
    except postgres.Absent as why:
        pytest.skip(str(why))
    try:
        yield url
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
def postgres_database(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database of this test's own, for programs started beside the suite."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with postgres.database(postgres_server, f"tocsin_{worker}_{os.getpid()}") as url:
        yield url
