"""Everything that is wrong with a file is told at once, with its place, and nothing is applied."""

from __future__ import annotations

import pytest

from tests.world import Outbox
from tocsin.organisation.plan import plan
from tocsin.organisation.reading import (
    DEPTH_MAX,
    FILE_BYTES_MAX,
    PROBLEMS_MAX,
    File,
    FilesRefused,
    read_files,
)
from tocsin.people.models import User

pytestmark = pytest.mark.django_db
ADA = "{id: ada, name: Ada, email: ada@example.com}"


@pytest.fixture(autouse=True)
def _channel(outbox: Outbox) -> Outbox:
    return outbox


def problems(*texts: str | bytes) -> list[str]:
    files = [File(f"{chr(97 + number)}.yaml", text) for number, text in enumerate(texts)]
    with pytest.raises(FilesRefused) as refusal:
        plan(files)
    assert not User.objects.exists()
    return [str(problem) for problem in refusal.value.problems]


def test_every_mistake_is_told_with_its_line_what_was_expected_and_a_hint() -> None:
    text = """\
users:
  - id: ada
    name: Ada Ortiz
    emial: ada@example.com
    role: respnder
    timezone: Europe/Madird
    contacts: {mail: "fake:ada", "Not a slug": "fake:x"}
    rules: {high: [mail, {mial: 2m}]}
  - {id: Bo, name: 2024, email: not-an-address}
teams:
  - {id: web, members: [ada, boo, ada], lead: bo}
policy: []
policies:
  - id: web
    levels:
      - {notify: ["user:adda", "web"], timeout: 5}
      - {notify: [], timeout: 30d}
    repeat: -1
services:
  - {id: shop, name: Shop, tier: 9, policy: wbe, team: web, ack_timeout: soon, grouping: {by: alertname}}
  - {id: shop, name: Again}
"""
    assert problems(text) == [
        "a.yaml:2: Here a user has no email. Expected the key email. Where sign-in mail goes.",
        "a.yaml:4: Unknown key 'emial' in a user. Expected one of id, name, email, timezone, language, role, "
        "active, contacts, rules, quiet. Did you mean 'email'?",
        "a.yaml:5: 'respnder' cannot stand here. Expected one of admin, manager, responder, stakeholder. "
        "Did you mean 'responder'?",
        "a.yaml:6: 'Europe/Madird' is not a time zone. Expected an IANA name such as Europe/Madrid or UTC.",
        "a.yaml:7: 'Not a slug' cannot be an id. Expected lower-case letters, digits and dashes, at most 64. "
        "Use something like web-primary.",
        "a.yaml:9: 'Bo' cannot be an id. Expected lower-case letters, digits and dashes, at most 64. "
        "Use something like web-primary.",
        "a.yaml:9: '2024' stands where text belongs. Expected text. Write it in quotes: \"2024\".",
        "a.yaml:9: 'not-an-address' is not an e-mail address. Expected something like ada@example.com.",
        "a.yaml:11: 'ada' stands in the list twice. Expected each once.",
        "a.yaml:12: Unknown section 'policy'. Expected one of organisation, users, teams, calendars, schedules, "
        "providers, places, policies, services, webhooks, templates, expect. Did you mean 'policies'?",
        "a.yaml:16: 'web' is not somebody to notify. "
        'Expected a text like "schedule:web-primary", "team:web", "user:bo" or "place:ops".',
        "a.yaml:16: 5 has no unit. Expected a length from 1s to 7d. Write 5s or 5m.",
        "a.yaml:17: The list has 0 items. Expected at least 1 and at most 20.",
        "a.yaml:17: 30d cannot stand here. Expected a length from 1s to 7d.",
        "a.yaml:18: '-1' cannot stand here. Expected a whole number from 0 to 100.",
        "a.yaml:20: '9' cannot stand here. Expected a whole number from 1 to 5.",
        "a.yaml:20: 'alertname' stands where a list belongs. Expected a list such as [a, b].",
        "a.yaml:20: 'soon' is not a duration. Expected a length such as 90s, 5m, 1h30m or 2d. "
        "Write units from large to small, without spaces.",
        "a.yaml:21: Service shop is declared twice. Expected every id once (first at a.yaml:20).",
    ]


def test_references_that_lead_nowhere_are_told_where_they_stand() -> None:
    text = f"""\
organisation: {{fallback: zoe}}
users:
  - {ADA}
  - id: bo
    name: Bo
    email: bo@example.com
    contacts: {{mail: "fake:bo"}}
    rules:
      low:
        - mial
teams:
  - id: web
    members:
      - ada
      - boo
    lead: bo
policies:
  - id: web
    team: wbe
    levels:
      - notify: ["user:ada"]
        timeout: 1m
      - notify:
          - "team:web"
          - "user:adda"
        timeout: 1m
services:
  - {{id: shop, name: Shop, team: none-such, policy: webb}}
"""
    assert problems(text) == [
        "a.yaml:1: No user 'zoe'. Expected one of ada, bo.",
        "a.yaml:10: bo has no contact 'mial'. Expected one of mail. Did you mean 'mail'?",
        "a.yaml:15: No user 'boo'. Expected one of ada, bo. Did you mean 'bo'?",
        "a.yaml:16: The lead bo is not a member. Expected one of the members.",
        "a.yaml:19: No team 'wbe'. Expected one of web. Did you mean 'web'?",
        "a.yaml:25: No user 'adda'. Expected one of ada, bo. Did you mean 'ada'?",
        "a.yaml:28: No team 'none-such'. Expected one of web.",
        "a.yaml:28: No policy 'webb'. Expected one of web. Did you mean 'web'?",
    ]


def test_who_refers_to_an_object_with_a_mistake_is_not_blamed_for_it() -> None:
    text = f"users: [{{id: ada, name: Ada}}, {ADA.replace('ada', 'bo')}]\nteams: [{{id: web, members: [ada, bo]}}]"
    assert problems(text) == [
        "a.yaml:1: Here a user has no email. Expected the key email. Where sign-in mail goes."
    ]


SCHEDULE = """\
users: [{user}]
calendars:
  - {{id: office, timezone: Europe/Madird}}
  - {{id: lab, timezone: UTC, hours: [{{from: "09:00", to: "25:00"}}, {{days: [mon-fry], from: 09:00, to: 1700}}]}}
schedules:
  - id: web
    timezone: Europe/Madrid
    layers:
      - rotation: weekly
        start: 2026-01-05T09:00
        users: [ada, [zoe, null], null]
        restrict: [{{calendar: offfice}}, {{from: "09:00"}}]
      - {{rotation: wekly, start: noon, users: []}}
  - id: db
    timezone: UTC
    layers:
      - rotation: daily
        start: 2026-01-05
        end: 2026-01-04
        users: [ada, zoe]
        restrict:
          - {{from: "09:00", to: "mon 25:00"}}
    overrides:
      - {{start: 2026-01-05, end: 2026-01-05T01:00, users: [ada], mode: remove, replaces: [ada]}}
      - {{start: 2026-01-05, end: 2020-01-05, users: [ada]}}
      - {{start: 2026-01-05, end: 2026-01-06, layers: []}}
      - {{start: 2026-01-05, end: 2026-01-06}}
  - id: ops
    timezone: UTC
    team: opps
    layers: [{{rotation: fixed, start: 2026-01-05, users: [ada, bob], restrict: [{{outside: labb}}]}}]
    shadows: [{{trainee: zoe, start: 2026-01-05, end: 2026-01-06}}]
policies:
  - id: web
    levels:
      - {{notify: ["schedule:opps/next"], timeout: 5m, when: {{calendar: labb}}}}
      - {{notify: ["user:ada"], timeout: 5m, when: {{calendar: lab, outside: lab}}}}
"""


def test_every_mistake_of_a_schedule_is_told_with_its_line() -> None:
    assert [problem.removeprefix("a.yaml:") for problem in problems(SCHEDULE.format(user=ADA))] == [
        "3: 'Europe/Madird' is not a time zone. Expected a name of the IANA database. "
        "Write a region and a city, such as Europe/Madrid, or UTC.",
        "4: 'mon-fry' is not a weekday. Expected one of mon, tue, wed, thu, fri, sat, sun, or mon-fri.",
        "4: '1700' stands where a time of day such as \"09:00\" belongs. "
        'Expected a time of day such as "09:00". Write it in quotes: "1700".',
        "11: nothing stands where the id of a person belongs. Expected the id of a person.",
        "12: Here a window has no to. Expected the key to. "
        'When it ends: on the next day when that is not after `from`, or on a weekday ("mon 09:00").',
        "13: 'wekly' cannot stand here. Expected one of hourly, daily, weekly, monthly, fixed. Did you mean 'weekly'?",
        "13: 'noon' is not a point in time. Expected one such as 2026-01-05T09:00 or 2026-01-05.",
        "13: The list has 0 items. Expected at least 1 and at most 100.",
        "14: The override names nobody. Expected the users to put on call.",
        "19: The layer ends before it starts. Expected an end after 2026-01-05 00:00:00.",
        "24: An override that says remove replaces nobody. Expected users alone.",
        "25: It ends at 2020-01-05. Expected an end after 2026-01-05.",
        "30: No team 'opps'.",
        "31: No user 'bob'. Expected one of ada.",
        "31: No calendar 'labb'.",
        "32: No user 'zoe'. Expected one of ada.",
        "37: Unknown key 'calendar' in a condition. Expected one of outside, zone.",
    ]


def test_the_same_id_or_setting_in_two_files_is_told_with_both_places() -> None:
    assert problems(
        f"users: [{ADA}]\norganisation: {{name: A}}", f"organisation: {{name: B}}\nusers: [{ADA}]"
    ) == [
        "b.yaml:1: The organisation's name is given twice. Expected once (first at a.yaml:2).",
        "b.yaml:2: User ada is declared twice. Expected every id once (first at a.yaml:1).",
    ]


def test_two_people_with_one_address_and_two_integrations_with_one_key() -> None:
    other = ADA.replace("id: ada", "id: bo").replace("ada@", "ADA@")
    service = """
services:
  - id: shop
    name: Shop
    integrations:
      - {id: a, type: events, key: abcdefghijklmnop}
      - {id: b, type: events, key: abcdefghijklmnop}
      - {id: c, type: events, key: short}
      - {id: d, type: events, key: 12345678901234567890}
"""
    found = problems(f"users:\n  - {ADA}\n  - {other}\n{service}")
    assert found[0] == "a.yaml:3: The same e-mail address as ada. Expected each user its own."
    assert "short" not in "".join(found) and "1234567890" not in "".join(found), "a key is never repeated"
    # The service has mistakes of its own, so its integrations are compared once these are mended:
    mended = service.replace("key: short", "key: zyxwvutsrqponmlk").replace(", key: 12345678901234567890", "")
    assert problems(f"users:\n  - {ADA}\n{mended}") == [
        "a.yaml:9: The same key as a. Expected each integration its own."
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("users: [", "a.yaml:1: This is not YAML"),
        ("users:\n  - id: ada\n   name: x", "a.yaml:3: This is not YAML"),
        ("a: \x00b", "a.yaml:1: A character that YAML does not allow"),
        ("- users", "a.yaml:1: a list stands where key: value pairs belong"),
        ("just words", "a.yaml:1: 'just words' stands where key: value pairs belong"),
        ("users: {}", "a.yaml:1: a mapping stands where the list of users belongs"),
        ("users:", "a.yaml:1: nothing stands where the list of users belongs"),
        ("users: [ada]", "a.yaml:1: 'ada' stands where key: value pairs belong"),
        ("users: []\nusers: []", "a.yaml:2: The key 'users' stands here twice"),
        ("users: [*ada]", "a.yaml:1: *ada refers to nothing"),
        ("users: &all [*all]", "a.yaml:1: *all would contain itself"),
        ("users: !!python/object/apply:os.system [ls]", "a.yaml:1: "),
        ("users: [{id: !!python/name:os.system x}]", "a.yaml:1: "),
        ("users: " + "[" * 30 + "]" * 30, "a.yaml:1: The nesting is too deep"),
        ("1: 2", "a.yaml:1: '1' stands where a key belongs"),
        ("? [a]\n: b", "a.yaml:1: a list stands where a key belongs"),
        (b"users: \xff\xfe", "a.yaml:1: The file is not UTF-8"),
        ("#" + "x" * FILE_BYTES_MAX, "a.yaml:1: The file has 2000001 bytes"),
    ],
)
def test_what_is_not_an_organisation_file_is_refused_with_its_line(text: str | bytes, expected: str) -> None:
    assert problems(text)[0].startswith(expected)


def test_an_alias_bomb_is_refused_before_it_explodes() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    [problem] = problems("\n".join(lines))
    assert "The files say too much" in problem


def test_deep_nesting_costs_nothing() -> None:
    [problem] = problems("{a: " * 100_000)
    assert problem == f"a.yaml:1: The nesting is too deep. Expected at most {DEPTH_MAX} levels."


def test_anchors_may_be_used_for_what_repeats() -> None:
    text = f"""\
users: [{ADA}]
policies:
  - {{id: day, levels: &levels [{{notify: ["user:ada"], timeout: 5m}}]}}
  - {{id: night, levels: *levels}}
"""
    assert len(plan([File("a.yaml", text)]).added) == 3


def test_an_empty_file_declares_nothing() -> None:
    assert plan([File("a.yaml", ""), File("b.yaml", "# nothing yet\n")]).empty


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    text = f"\ufeffusers:\r\n  - {ADA}\r\n"
    assert len(plan([File("a.yaml", text.encode())]).added) == 1


def test_a_file_full_of_mistakes_is_not_listed_without_end() -> None:
    text = "users:\n" + "  - {id: X}\n" * 500
    with pytest.raises(FilesRefused) as refusal:
        plan([File("a.yaml", text)])
    assert len(refusal.value.problems) == PROBLEMS_MAX
    assert "mistakes" in refusal.value.what and "… and" in str(refusal.value)


def test_a_number_like_id_or_a_norwegian_needs_quotes() -> None:
    [first, *_] = problems("users: [{id: no, name: Norway, email: no@example.com}]")
    assert first == ("a.yaml:1: 'no' stands where an id belongs. Expected an id. Write it in quotes: \"no\".")


def test_the_account_of_the_command_line_is_not_for_files() -> None:
    [problem] = problems("users: [{id: command-line, name: X, email: x@example.com}]")
    assert "is the account of the command line" in problem


def test_every_node_knows_its_line() -> None:
    [root] = read_files([File("x.yaml", "a:\n  - b\n  - {c: d}\n")])
    ((_, items),) = root.entries
    assert [item.where for item in items.items] == ["x.yaml:2", "x.yaml:3"]
    assert root.size == 7
