"""Of the machine's time zone data and the package's, the newer count."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tzdata

from tocsin.kernel import zonedata
from tocsin.kernel.zonedata import use_newest, version_at


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = zoneinfo.TZPATH
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine whose clocks in Casablanca go by those of Tokyo, and whose data say nothing of their age."""
    package = Path(tzdata.__file__).parent / "zoneinfo"
    for name, like in (("Europe/London", "Europe/London"), ("Africa/Casablanca", "Asia/Tokyo")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((package / like).read_bytes())
    return tmp_path


def hour_in_casablanca() -> int:
    return datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(zoneinfo.ZoneInfo("Africa/Casablanca")).hour


def test_a_machine_that_nobody_has_updated_is_not_believed(machine: Path) -> None:
    """In September 2026 Morocco gave up its summer time; data of 2025 do not know it, and hands change an hour late."""
    (machine / "tzdata.zi").write_text("# version 2025b\n# comment\n")
    assert use_newest([str(machine)]) == tzdata.IANA_VERSION
    assert hour_in_casablanca() in (12, 13)


def test_a_machine_with_newer_data_is(machine: Path) -> None:
    (machine / "+VERSION").write_text("2199a\n")
    assert use_newest(["/nowhere", str(machine)]) == "2199a"
    assert hour_in_casablanca() == 21


def test_a_machine_that_does_not_say_how_old_its_data_are_is_not_and_neither_is_one_without(
    machine: Path,
) -> None:
    assert version_at([str(machine)]) == version_at([]) == ""
    assert use_newest([str(machine)]) == use_newest([]) == tzdata.IANA_VERSION
    assert hour_in_casablanca() in (12, 13)


def test_whoever_says_which_data_to_use_has_the_last_word(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONTZPATH", str(machine))
    assert use_newest([str(machine)]) == ""
    assert hour_in_casablanca() == 21


def test_what_counts_here_is_not_older_than_the_package() -> None:
    assert zonedata.VERSION >= tzdata.IANA_VERSION
