"""Schedules as the organisation file has them: read strictly, written shortly, refused with words and a place."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import pytest
import yaml

from tests.oncall_rules.world import at, daily, schedule, weekly
from tocsin.kernel.errors import Refused
from tocsin.kernel.hours import Window
from tocsin.kernel.zones import zone
from tocsin.oncall.rules import (
    CalendarHours,
    Layer,
    Mode,
    Override,
    Rotation,
    Seat,
    Shadow,
    Temporary,
    Unit,
    layer_from,
    override_from,
    references,
    schedule_as_data,
    schedule_from,
)

WRITTEN = """
id: web-primary
name: Web, first line
timezone: Europe/Madrid
layers:
- rotation: weekly
  start: 2026-01-05T09:00
  users: [ada, [bo, cy], null, {user: dan, from: '2026-03-01', until: '2026-06-01'}]
  restrict:
  - {days: [mon-fri], from: '09:00', to: '17:00'}
  - {days: [fri], from: '17:00', to: mon 09:00}
- name: Nights
  rotation: hourly
  every: 12
  start: 2026-01-05T21:00
  end: 2027-01-05T21:00
  timezone: Asia/Kolkata
  users: [eve]
  restrict: [{outside: office}]
- {rotation: fixed, start: '2026-01-05', users: [ada, {user: bo, from: '2026-02-01'}]}
overrides:
- {start: 2026-10-25T02:30, end: '2026-10-25T01:30:00Z', users: [bo], replaces: [ada]}
- {id: party, start: 2026-12-24T18:00, end: 2026-12-25T09:00, users: [cy], mode: add}
- id: conference
  name: Conference
  start: 2026-05-04T00:00
  end: 2026-05-08T00:00
  layers: [{rotation: daily, start: '2026-05-04', users: [fay, gil]}]
shadows:
- {trainee: hal, of: ada, start: 2026-02-01T00:00, end: 2026-03-01T00:00}
"""


def test_every_word_of_the_form_is_read_and_written_again() -> None:
    data = yaml.safe_load(WRITTEN)
    web = schedule_from(data, "schedules.0")
    assert schedule_as_data(web) == data
    first, nights, both = web.layers
    assert first == Layer(
        Rotation(Unit.WEEKLY),
        datetime(2026, 1, 5, 9),
        (
            (Seat("ada"),),
            (Seat("bo"), Seat("cy")),
            (),
            (Seat("dan", datetime(2026, 3, 1), datetime(2026, 6, 1)),),
        ),
        restrict=(
            Window(time(9), time(17), (0, 1, 2, 3, 4)),
            Window(time(17), time(9), (4,), closes_on=0),
        ),
    )
    assert (nights.rotation, nights.timezone, nights.name) == (
        Rotation(Unit.HOURLY, 12),
        "Asia/Kolkata",
        "Nights",
    )
    assert nights.restrict == (CalendarHours("office", outside=True),)
    assert both.slots == ((Seat("ada"), Seat("bo", start=datetime(2026, 2, 1))),)
    swap, party, conference = web.overrides
    # 02:30 is shown twice that night: the first is local, the second written in UTC.
    assert swap == Override("", at("2026-10-25T00:30Z"), at("2026-10-25T01:30Z"), ("bo",), ("ada",))
    assert isinstance(party, Override) and party.mode is Mode.ADD
    assert isinstance(conference, Temporary) and conference.name == "Conference"
    assert web.shadows == (Shadow("hal", at("2026-02-01"), at("2026-03-01"), "ada"),)


def test_the_example_of_the_design_is_read() -> None:
    written = """
    id: web-primary
    timezone: Europe/Madrid
    layers:
      - {rotation: weekly, start: 2026-01-05T09:00, users: [ada, bo]}
    """
    assert schedule_from(yaml.safe_load(written)).layers == schedule(weekly("ada", "bo")).layers


def test_who_and_what_it_names_is_listed_with_its_place() -> None:
    assert list(references(schedule_from(yaml.safe_load(WRITTEN)))) == [
        ("layers.0.users.0", "user", "ada"),
        ("layers.0.users.1.0", "user", "bo"),
        ("layers.0.users.1.1", "user", "cy"),
        ("layers.0.users.3", "user", "dan"),
        ("layers.1.users.0", "user", "eve"),
        ("layers.1.restrict.0", "calendar", "office"),
        ("layers.2.users.0", "user", "ada"),
        ("layers.2.users.1", "user", "bo"),
        ("overrides.0.users.0", "user", "bo"),
        ("overrides.0.replaces.0", "user", "ada"),
        ("overrides.1.users.0", "user", "cy"),
        ("overrides.2.layers.0.users.0", "user", "fay"),
        ("overrides.2.layers.0.users.1", "user", "gil"),
        ("shadows.0.trainee", "user", "hal"),
        ("shadows.0.of", "user", "ada"),
    ]


GOOD = daily("ada", "bo")


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        # a year of one-second rotations
        ({"rotation": "secondly"}, "rotation", "The shortest turn is an hour"),
        ({"rotation": "minutely"}, "rotation", "one of hourly, daily, weekly, monthly, fixed"),
        ({"rotation": ["daily"]}, "rotation", "cannot stand here"),
        ({"every": 0}, "every", "a whole number from 1 to 1000"),
        ({"every": True}, "every", "every is True"),
        ({"every": 0.5}, "every", "every is 0.5"),
        ({"every": 1_001}, "every", "every is 1001"),
        ({"start": "2026-01-05T09:00Z"}, "start", "name the zone as timezone"),
        ({"start": "2026-02-29T09:00"}, "start", "not a point in time"),
        ({"start": "1900-01-01"}, "start", "a year from 1970 to 2199"),
        ({"end": "2026-01-05T09:00"}, "end", "ends before it starts"),
        ({"timezone": "Mars/Base"}, "timezone", "not a time zone"),
        ({"users": []}, "users", "nobody in it"),
        ({"users": "ada"}, "users", "a list belongs"),
        ({"users": ["Ada"]}, "users.0", "cannot be an id"),
        ({"users": ["ada", ["bo", "bo"]]}, "users.1", "bo is in it twice"),
        ({"users": [["bo", None]]}, "users.0.1", "cannot be an id"),
        ({"users": ["ada"] * 101}, "users", "at most 100"),
        ({"users": [[f"p{n}" for n in range(21)]]}, "users.0", "at most 20"),
        (
            {"users": [{"user": "bo", "from": "2026-06-01", "until": "2026-03-01"}]},
            "users.0.until",
            "leaves before",
        ),
        ({"users": [{"user": "bo", "since": "2026-06-01"}]}, "users.0", "Unknown key 'since'"),
        ({"users": [{"from": "2026-06-01"}]}, "users.0", "has no user"),
        ({"users": [["bo", {"user": "bo", "from": "2026-06-01"}]]}, "users.0", "bo is in it twice"),
        ({"restrict": [{"from": "09:00", "to": "25:00"}]}, "restrict.0.to", "not a time of day"),
        ({"restrict": [{"calendar": "a", "outside": "b"}]}, "restrict.0", "Write two of them"),
        ({"restrict": [{"calendar": 5}]}, "restrict.0.calendar", "cannot be an id"),
        ({"restrict": [{"from": "09:00", "to": "17:00"}] * 51}, "restrict", "at most 50"),
        ({"name": "two\nlines"}, "name", "cannot be a name"),
        ({"rotation": "fixed", "every": 2}, "every", "Leave every out"),
        ({"rotation": "fixed", "users": ["ada", None]}, "users.1", "cannot be an id"),
        ({"rotation": "fixed", "users": []}, "users", "nobody in it"),
        ({"color": "red"}, "", "Unknown key 'color'"),
    ],
)
def test_a_layer_that_makes_no_sense_is_refused_at_its_place(
    change: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        layer_from({**GOOD, **change}, "layers.3")
    assert refused.value.where == f"layers.3.{where}".rstrip(".")
    assert words in str(refused.value)


def test_an_optional_key_without_a_value_is_left_out() -> None:
    empty = dict.fromkeys(["end", "timezone", "restrict", "every", "name"])
    assert layer_from({**GOOD, **empty}) == layer_from(GOOD)


OWN_SHADOW = {"trainee": "ada", "of": "ada", "start": "2026-01-01", "end": "2026-02-01"}
OVERRIDE = {"start": "2026-01-06T09:00", "end": "2026-01-06T10:00", "users": ["bo"]}


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"end": "2026-01-06T09:00"}, "end", "an end after 2026-01-06T09:00"),
        ({"end": "2029-01-06T09:00"}, "end", "at most 732 days"),
        ({"start": "2026-03-29T02:10", "end": "2026-03-29T02:50"}, "end", "an end after"),  # neither exists
        ({"start": "tomorrow"}, "start", "not a point in time"),
        ({"users": []}, "users", "names nobody"),
        ({"users": [], "mode": "remove"}, "users", "the users to take off"),
        ({"users": ["bo", "bo"]}, "users", "named twice"),
        ({"mode": "swap"}, "mode", "one of replace, add, remove"),
        ({"mode": "add", "replaces": ["ada"]}, "replaces", "users alone"),
        ({"replaces": "ada"}, "replaces", "a list belongs"),
        ({"layers": []}, "", "Unknown key 'users' in a temporary schedule"),
        ({"note": "party"}, "", "Unknown key 'note' in an override"),
        ({"id": "Party"}, "id", "cannot be an id"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_at_its_place(
    change: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        override_from({**OVERRIDE, **change}, zone("Europe/Madrid"), "overrides.0")
    assert refused.value.where == f"overrides.0.{where}".rstrip(".")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"id": "Web"}, "id", "cannot be an id"),
        ({"timezone": "CEST"}, "timezone", "not a time zone"),
        ({"layers": [GOOD] * 21}, "layers", "at most 20"),
        ({"layers": [None]}, "layers.0", "is not a layer"),
        ({"overrides": [OVERRIDE] * 10_001}, "overrides", "at most 10000"),
        (
            {"shadows": [{"trainee": "ada", "of": "ada", "start": "2026-01-01", "end": "2026-02-01"}]},
            "shadows.0.of",
            "own",
        ),
        ({"rotations": []}, "", "Unknown key 'rotations'"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_at_its_place(
    change: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        schedule_from({"id": "web", "timezone": "UTC", **change})
    assert refused.value.where == where
    assert words in str(refused.value)


@pytest.mark.parametrize("data", [None, [], "web", 5, {}, {"id": "web"}, {"timezone": "UTC"}])
def test_what_is_no_schedule_at_all_is_refused(data: object) -> None:
    with pytest.raises(Refused):
        schedule_from(data)


def test_a_refusal_shows_only_a_little_of_what_was_written() -> None:
    with pytest.raises(Refused) as refused:
        layer_from({**GOOD, "start": "x" * 100_000})
    assert len(str(refused.value)) < 300
