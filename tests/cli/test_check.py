"""tocsin check and backtest, while the program runs and while it is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.programs import ORGANISATION, Program, declare, prepared, running, tocsin

pytestmark = pytest.mark.sqlite  # each has its own embedded database

MET = "expect: {at: 2026-12-25T03:00Z, service: shop, people: 1, within: 1m}\n"
UNMET = (
    "timezone: Europe/Madrid\nexpect:\n  - {at: 2026-12-25T03:00, service: shop, people: 2, within: 10m}\n"
)
EVE = """
users:
  - {id: eve, name: "=Eve Moss", email: eve@example.com, contacts: {console: "console:eve"}}
policies:
  - {id: web, name: Web, levels: [{notify: ["user:eve"], timeout: 1h}]}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("check") / "data") as shared:
        declare(shared)
        yield shared


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the small organisation, whose program does not run."""
    data = prepared(tmp_path_factory.mktemp("unchecked") / "data")
    file = data.parent / "organisation.yaml"
    file.write_text(ORGANISATION)
    assert tocsin(data, "apply", str(file)).returncode == 0
    return data


@pytest.fixture
def data(program: Program) -> Path:
    return program.data


@pytest.mark.parametrize("state", ["program", "stopped"])
def test_an_organisation_that_reaches_somebody_passes_with_its_expectations(
    state: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    there: Program | Path = request.getfixturevalue(state)
    data = there if isinstance(there, Path) else there.data
    file = tmp_path / "tests.yaml"
    file.write_text(MET)
    done = tocsin(data, "check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Covered: 0 gaps, 1 of 1 expectation met.\n"


def test_an_address_that_is_only_vouched_for_is_named_and_counts_as_missing_when_it_has_to_be_verified(
    data: Path, tmp_path: Path
) -> None:
    """Somewhere outside, to which nothing was ever sent; the message console is this program's own."""
    assert tocsin(data, "check", "--verified").returncode == 0
    file = tmp_path / "organisation.yaml"
    file.write_text(ORGANISATION.replace("console:bo", "mailto:bo@example.com"))
    done = tocsin(data, "check", "--as-if", str(file))
    assert done.returncode == 0
    assert "No message has ever been sent to bo" in done.stdout
    assert tocsin(data, "check", "--as-if", str(file), "--verified").returncode == 1


def test_what_does_not_pass_fails_and_the_past_is_replayed_on_the_folder_of_a_stopped_program(
    stopped: Path, tmp_path: Path
) -> None:
    file, change = tmp_path / "tests.yaml", tmp_path / "change.yaml"
    file.write_text(UNMET)
    change.write_text(EVE)
    done = tocsin(stopped, "check", str(file))
    assert done.returncode == 1
    assert done.stdout.endswith("Not covered: 0 gaps, 0 of 1 expectation met.\n")
    replayed = tocsin(stopped, "backtest", str(change), "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["incidents"] == 0


def test_an_expectation_that_is_not_met_fails_with_its_place_and_reason(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text(UNMET)
    done = tocsin(data, "check", str(file))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"{file}:3: not met: shop, high urgency, 2026-12-25T03:00: 2 people within 10m\n" in done.stdout
    assert "  Only 1 of 2 people is reached: Bo Lind.\n" in done.stdout
    assert done.stdout.endswith("Not covered: 0 gaps, 0 of 1 expectation met.\n")
    found = json.loads(tocsin(data, "check", str(file), "--json").stdout)
    assert (found["passed"], found["expectations"][0]["met"]) == (False, False)


def test_more_can_be_demanded_of_every_service(data: Path) -> None:
    assert tocsin(data, "check", "--within", "0s", "--weeks", "1").returncode == 0
    done = tocsin(data, "check", "--people", "2", "--weeks", "1")
    assert done.returncode == 1
    assert "service shop at high urgency: at worst never\n" in done.stdout
    assert "2 proofs not holding" in done.stdout


def test_a_file_that_cannot_be_read_is_refused_with_its_lines(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text("expect:\n  - {at: noon, service: shop}\n  - {at: 2026-12-25, service: shpo}\n")
    done = tocsin(data, "check", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}:2: 'noon' is not a point in time." in done.stderr
    assert f"{file}:3: No service 'shpo'." in done.stderr
    assert "Nothing was checked: 2 mistakes. Mend them all, then check again." in done.stderr
    assert tocsin(data, "check", str(tmp_path / "absent.yaml")).returncode == 1
    assert tocsin(data, "check", "--weeks", "99").returncode == 1
    assert tocsin(data, "check", "--weeks", "soon").returncode == 2


def test_a_change_is_checked_before_it_is_applied(data: Path, tmp_path: Path) -> None:
    tests, change = tmp_path / "tests.yaml", tmp_path / "change.yaml"
    tests.write_text(MET)
    change.write_text(
        """
schedules:
  - id: web-primary
    timezone: Europe/Madrid
    layers:
      - {rotation: daily, start: 2026-01-05T09:00, users: [bo], restrict: [{from: "09:00", to: "17:00"}]}
policies:
  - {id: web, name: Web, levels: [{notify: ["schedule:web-primary"], timeout: 1h}]}
"""
    )
    done = tocsin(data, "check", str(tests), "--as-if", str(change))
    assert done.returncode == 1
    assert "Nobody is reached (level 1: nobody is on call in schedule web-primary)." in done.stdout
    assert "schedule web-primary: " in done.stdout
    assert "more times" in done.stdout
    assert tocsin(data, "check", str(tests)).returncode == 0  # nothing was applied


def test_the_past_is_replayed_with_a_changed_file(data: Path, tmp_path: Path) -> None:
    change = tmp_path / "change.yaml"
    change.write_text(EVE)
    opened = json.loads(tocsin(data, "incident", "open", "shop", "It is slow", "--json").stdout)
    assert tocsin(data, "incident", "ack", str(opened["number"])).returncode == 0
    found = json.loads(tocsin(data, "backtest", str(change), "--json").stdout)
    eve = next(row for row in found["tallies"] if row["user"] == "eve")
    assert (eve["pages_before"], eve["pages_after"]) == (0, found["incidents"])
    assert str(opened["number"]) in {str(row["number"]) for row in found["different"]}
    table = tocsin(data, "backtest", str(change), "--from", f"{datetime.now(UTC) - timedelta(days=30):%F}")
    assert table.returncode == 0, table.stderr
    assert "PAGES THEN" in table.stdout
    rows = tocsin(data, "backtest", str(change), "--csv").stdout.splitlines()
    assert rows[0] == "person,name,pages before,night pages before,pages after,night pages after"
    assert any(row.startswith("eve,'=Eve Moss,0,0,") for row in rows)
    assert tocsin(data, "backtest").returncode == 1
    assert "'soon' is not a point in time" in tocsin(data, "backtest", str(change), "--to", "soon").stderr
    assert tocsin(data, "backtest", str(change), "--from", "2020-01-01").returncode == 1
