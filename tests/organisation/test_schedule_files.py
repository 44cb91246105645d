"""Schedules and calendars declared in files: planned in words, applied beside what people changed on the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.organisation.files import BY, mistakes
from tests.organisation.test_apply import NOW, applied, planned
from tests.world import T0
from tocsin.journal.models import Entry
from tocsin.oncall.actions import add_override, on_call_at, schedules, served
from tocsin.oncall.models import Override, Schedule
from tocsin.oncall.rules import OVERRIDES_MAX
from tocsin.oncall.rules import Override as OverrideValue
from tocsin.organisation.exporting import export

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("outbox")]
WEEK = timedelta(weeks=1)
PEOPLE = """
users:
  - {id: ada, name: Ada, email: ada@example.com, role: admin}
  - {id: bo, name: Bo, email: bo@example.com}
  - {id: cy, name: Cy, email: cy@example.com}
"""
LAYERS = """
calendars:
  - {id: office, timezone: UTC, hours: [{days: [mon-fri], from: "09:00", to: "17:00"}]}
schedules:
  - id: web
    timezone: UTC
    layers:
      - {rotation: weekly, start: 2026-03-02T09:00, users: [ada, [bo, cy], null]}
      - {rotation: daily, every: 2, start: 2026-03-02T09:00, users: [cy], restrict: [{outside: office}]}
"""
POLICY = """
policies:
  - id: web
    levels: [{notify: ["schedule:web", "schedule:web/next"], timeout: 5m, when: {calendar: office, zone: person}}]
"""
ONE = """
    overrides: [{start: 2026-03-02T09:00, end: 2026-03-03T09:00, users: [bo]}]
"""


def test_schedules_are_planned_in_words_and_applied() -> None:
    assert planned(PEOPLE + LAYERS + POLICY)[3:] == [
        "add calendar office",
        "add schedule web",
        "add policy web",
        "6 to add, 0 to change, 0 to remove.",
    ]
    applied(PEOPLE + LAYERS + POLICY)
    assert [on_call_at("web", T0 + each * WEEK) for each in range(3)] == [("ada",), ("bo", "cy"), ()]
    assert on_call_at("web", T0 + timedelta(hours=8)) == ("cy",)
    assert planned(LAYERS + POLICY) == ["Nothing changes."]


def test_the_form_of_the_manual_is_taken_as_it_stands() -> None:
    """Every key that there is, some of them empty."""
    applied(
        PEOPLE
        + """
schedules:
  - id: web
    timezone: Europe/Madrid
    layers:
      - rotation: weekly
        every: 1
        start: 2026-01-05T09:00
        end:
        timezone:
        users: [ada, [bo, cy], null]
        restrict: [{days: [mon-fri], from: "09:00", to: "17:00"}, {days: [fri], from: "17:00", to: "mon 09:00"}]
    overrides:
      - {start: 2026-03-09T10:00, end: 2026-03-09T11:00:00+01:00, users: [bo], replaces: [ada], mode: replace}
"""
    )
    hours = [on_call_at("web", T0 + WEEK + timedelta(hours=hour)) for hour in (-2, -1, 0, 1, 8)]
    assert hours == [(), ("ada",), ("bo",), ("ada",), ()]


QUOTED = """
calendars:
  - {id: office, timezone: UTC, hours: [{from: "09:00", to: "17:30"}], holidays: [{day: "2026-12-25"}]}
schedules:
  - id: web
    timezone: UTC
    layers:
      - rotation: daily
        start: "2026-03-02T09:00"
        end: "2027-03-02"
        users: [{user: ada, from: "2026-03-05T08:00"}, bo]
        restrict:
          - {days: [mon-fri], from: "17:00", to: "24:00"}
          - {days: [fri], from: "18:00", to: "mon 09:00"}
    overrides:
      - {start: "2026-03-02T09:00Z", end: "2026-03-02T10:00Z", users: [bo]}
      - {start: "2026-03-03T09:00", end: "2026-03-04", users: [cy]}
      - {start: "2026-03-05T08:00+02:00", end: "2026-03-05T09:30+01:00", users: [cy]}
"""


def test_times_and_days_may_be_written_without_quotes_whatever_yaml_takes_them_for() -> None:
    """In YAML 1.1 a bare 17:00 is the number 1020, and 2026-12-25 a date; what was written is known all the same."""
    applied(PEOPLE + QUOTED)
    bare = QUOTED.replace('"', "")
    assert planned(bare) == ["Nothing changes."]
    other = (
        bare.replace("09:00", "9:00")
        .replace("08:00+02:00", "8:00+0200")
        .replace("-02T", "-02 ")
        .replace("-03T", "-03 ")
    )
    assert planned(other.replace("9:30+01:00", "9:30+01").replace("0Z", "0 Z")) == ["Nothing changes."]
    assert planned(bare.replace("02T09:00", "02T09:00:00")) == ["Nothing changes."]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("from: 1020, to: 18:00", "'1020' stands where a time of day"),
        ("from: 17:00:00, to: 18:00", "'17:00:00' stands where a time of day"),
        ("from: 17.30, to: 18:00", "'17.30' stands where a time of day"),
        ("from: 17:60, to: 18:00", "is not a time of day"),
        ("from: 25:00, to: 18:00", "is not a time of day"),
        ("from: 17:00, to: mon", "is not a time of day"),
    ],
)
def test_what_is_no_time_of_day_is_refused_at_its_line(words: str, why: str) -> None:
    (problem,) = mistakes(PEOPLE + LAYERS.replace('from: "09:00", to: "17:00"', words))
    assert why in problem and problem.startswith("org.yaml:8:"), problem


def test_everybody_of_a_fixed_set_may_stand_in_a_list_of_their_own() -> None:
    """A slot may hold a list, so people write one; where nobody takes turns it means the same."""
    fixed = "schedules: [{id: web, timezone: UTC, layers: [{rotation: fixed, start: 2026-03-01, users: %s}]}]"
    applied(PEOPLE + fixed % "[[ada, bo], cy]")
    assert on_call_at("web", T0) == ("ada", "bo", "cy")
    assert planned(fixed % "[ada, bo, cy]") == ["Nothing changes."]
    assert "twice at the same time" in mistakes(fixed % "[[ada, bo], ada]")[0]
    assert "cannot be an id" in mistakes(fixed % "[ada, null]")[0]


def test_what_changes_in_a_schedule_is_said_layer_by_layer() -> None:
    applied(PEOPLE + LAYERS)
    changed = (
        LAYERS.replace("[ada, [bo, cy], null]", "[bo, ada]")
        .replace("every: 2, ", "")
        .replace("17:00", "18:00")
    )
    changed += "      - {rotation: fixed, start: 2026-03-02T09:00, users: [ada]}\n" + ONE
    assert planned(changed) == [
        "change calendar office: hours days mon-fri; from 09:00; to 17:00 → days mon-fri; from 09:00; to 18:00",
        "change schedule web: layer 1 users ada + bo + cy + none → bo + ada, layer 2 every 2 → none, layer 3 added, "
        "overrides 1 added",
        "0 to add, 2 to change, 0 to remove.",
    ]


def test_a_file_without_overrides_leaves_those_that_people_made() -> None:
    applied(PEOPLE + LAYERS)
    override = OverrideValue("", T0, T0 + WEEK, ("bo",), ("ada",))
    add_override("web", override, BY, NOW)
    assert planned(LAYERS) == ["Nothing changes."]
    applied(LAYERS.replace("weekly, start: 2026-03-02", "weekly, start: 2026-03-03"))
    (moved,) = Override.objects.standing()
    assert moved.starts_at == T0 + timedelta(days=1), "it went along with the shift that it covers"


def test_a_file_with_overrides_says_all_there_are() -> None:
    applied(PEOPLE + LAYERS + ONE)
    (kept,) = Override.objects.standing()
    add_override("web", OverrideValue("", T0, T0 + WEEK, ("cy",)), BY, NOW)
    assert planned(LAYERS + ONE) == [
        "change schedule web: overrides 1 removed",
        "0 to add, 1 to change, 0 to remove.",
    ]
    applied(LAYERS + ONE)
    assert list(Override.objects.standing()) == [kept], "what stays is the same override as before"
    assert on_call_at("web", T0) == ("bo",)


def test_what_the_files_list_no_longer_goes_when_pruned_and_only_what_nothing_names() -> None:
    applied(PEOPLE + LAYERS + POLICY)
    gone = "calendars: []\nschedules: []\n"
    assert mistakes(gone, prune=True) == [
        "Schedule web would be removed, and policy web names it. Declare schedule web, or change policy web.",
        "Schedule web would be removed, and policy web names it. Declare schedule web, or change policy web.",
        "Calendar office would be removed, and policy web names it. Declare calendar office, or change policy web.",
    ]
    assert planned(gone + "policies: []\n", prune=True)[:-1] == [
        "remove policy web",
        "remove schedule web",
        "remove calendar office",
    ]
    applied(gone + "policies: []\n", prune=True)
    assert schedules() == {} and Schedule.objects.live().count() == 0
    assert served("web", T0, T0 + WEEK).stretches, "what was served stays known"


def overrides(count: int) -> str:
    hours = (T0 + timedelta(hours=n) for n in range(count))
    lines = (
        f"      - {{start: {at:%Y-%m-%dT%H:%M:%SZ}, end: {at:%Y-%m-%dT%H}:30Z, users: [bo]}}\n"
        for at in hours
    )
    return "    overrides:\n" + "".join(lines)


def test_ten_thousand_overrides_are_applied_and_one_more_is_refused_in_words() -> None:
    most = overrides(OVERRIDES_MAX)
    applied(PEOPLE + LAYERS + most)
    assert Override.objects.standing().count() == OVERRIDES_MAX
    assert on_call_at("web", T0) == ("bo",)
    (entry,) = Entry.objects.filter(kind="overrides.replaced")
    assert entry.data["added_count"] == OVERRIDES_MAX and len(entry.data["added"]) < 100
    (problem,) = mistakes(LAYERS + overrides(OVERRIDES_MAX + 1))
    assert f"The list has {OVERRIDES_MAX + 1} items. Expected at most {OVERRIDES_MAX}." in problem
    exported = export()
    assert planned(exported) == ["Nothing changes."]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("{rotation: secondly, start: 2026-01-05, users: [ada]}", "Expected one of hourly"),
        ("{rotation: hourly, every: 0, start: 2026-01-05, users: [ada]}", "whole number from 1 to 1000"),
        ("{rotation: daily, start: 9999-01-05, users: [ada]}", "out of reach"),
        ("{rotation: daily, start: 2026-01-05, timezone: ../etc/passwd, users: [ada]}", "is not a time zone"),
        ("{rotation: daily, start: 2026-01-05, users: [" + "ada, " * 101 + "]}", "at most 100"),
        ("{rotation: daily, start: 2026-01-05, users: [[ada, ada]]}", "twice at the same time"),
        ("{rotation: daily, start: 2026-01-05, users: [ada], restrict: [{}]}", "has no from"),
        ("{rotation: daily, start: 2026-01-05, users: [ada], name: !!python/name:os.system x}", "belongs"),
        ("{rotation: daily, start: 2026-01-05, users: [ada], name: " + "x" * 101 + "}", "at most 100"),
    ],
)
def test_hostile_layers_are_refused_in_words(words: str, why: str) -> None:
    text = PEOPLE + f"schedules:\n  - id: web\n    timezone: UTC\n    layers:\n      - {words}\n"
    assert any(why in problem and "org.yaml:10" in problem for problem in mistakes(text)), mistakes(text)
