"""The command line: the same commands while the program runs, while it is stopped, and from elsewhere."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.patience import eventually
from tests.programs import (
    KEY,
    ORGANISATION,
    Program,
    declare,
    incidents,
    prepared,
    running,
    tocsin,
    trigger,
)

pytestmark = pytest.mark.sqlite  # each has its own embedded database

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("cli") / "data") as shared:
        declare(shared)
        yield shared


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the small organisation, whose program does not run."""
    data = prepared(tmp_path_factory.mktemp("stopped") / "data")
    applied = apply(data, ORGANISATION)
    assert applied.returncode == 0, applied.stderr
    return data


def apply(data: Path, text: str, *words: str) -> Any:
    file = data.parent / "organisation.yaml"
    file.write_text(text)
    return tocsin(data, "apply", str(file), *words)


def said(data: Path, *words: str) -> Any:
    """What a command prints as JSON."""
    done = tocsin(data, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- on incidents ---


def test_the_road_of_an_incident_from_the_command_line(program: Program) -> None:
    opened = said(program.data, "incident", "open", "shop", "Checkout is slow", "--urgency", "high")
    number = str(opened["number"])
    assert number in tocsin(program.data, "incident", "list").stdout
    assert tocsin(program.data, "incident", "ack", number).stdout == f"#{number} is acknowledged.\n"
    assert tocsin(program.data, "incident", "ack", f"#{number}").stdout.startswith("Nothing changed: ")
    assert tocsin(program.data, "incident", "note", number, stdin="line one\nline two").returncode == 0
    assert tocsin(program.data, "incident", "assign", number, "bo").stdout == f"#{number} is bo's.\n"
    assert tocsin(program.data, "incident", "escalate", number, "--tried", "restarted it").returncode == 0
    assert tocsin(program.data, "incident", "resolve", number, "--note", "the disk").returncode == 0
    assert tocsin(program.data, "incident", "close", number).returncode == 0
    assert tocsin(program.data, "incident", "reopen", number).returncode == 0
    shown = said(program.data, "incident", "show", number)
    kinds = [entry["kind"] for entry in shown["timeline"]]
    assert [kind for kind in kinds if kind.startswith("incident.")] == [
        "incident.opened",
        "incident.acknowledged",
        "incident.noted",
        "incident.assigned",
        "incident.resolved",
        "incident.closed",
        "incident.reopened",
    ]
    assert "restarted it" in tocsin(program.data, "incident", "show", number).stdout


def test_the_same_works_on_the_folder_of_a_stopped_program(stopped: Path) -> None:
    number = str(said(stopped, "incident", "open", "shop", "Opened at night")["number"])
    assert tocsin(stopped, "incident", "ack", number).returncode == 0
    assert said(stopped, "incident", "show", number)["state"] == "acknowledged"
    assert not (stopped / "address").exists()


def test_what_an_alert_says_cannot_write_to_the_terminal(program: Program) -> None:
    event = {"summary": "\u001b[2J\u001b[31mowned\u202e", "severity": "critical", "source": "x"}
    body = {"routing_key": KEY, "event_action": "trigger", "dedup_key": "evil", "payload": event}
    assert program.ask("POST", "/v2/enqueue", body)[0] == 202
    found = eventually(lambda: [row for row in incidents(program) if "owned" in row["title"]])
    for words in (["incident", "list"], ["incident", "show", str(found[0]["number"])]):
        shown = tocsin(program.data, *words).stdout
        assert "owned" in shown
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)


def test_a_test_event_goes_the_whole_way(program: Program) -> None:
    sent = tocsin(program.data, "send", "Disk almost full", "--dedup-key", "disk")
    assert (sent.returncode, sent.stdout) == (0, "Accepted and stored; dedup key disk.\n")
    eventually(lambda: any(row["title"] == "Disk almost full" for row in incidents(program)))
    assert tocsin(program.data, "send", "--action", "resolve", "--dedup-key", "disk").returncode == 0
    eventually(lambda: any(row["state"] == "resolved" for row in incidents(program)))


# --- exit codes ---


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--version"], 0, ""),
        (["incident", "list", "--colour"], 2, "Unknown option"),
        (["incident", "list", "--state", "broken"], 2, "broken"),
        (["run", "--port", "many"], 2, "many"),
        (["wake-everybody"], 2, "wake-everybody"),
        (["incident", "show"], 2, "NUMBER"),
        (["incident", "show", "one"], 1, "'one' is not an incident"),
        (["incident", "show", "999999"], 1, "No incident '999999'"),
        (["incident", "assign", "1"], 1, "It is not said who gets it"),
        (["incident", "open", "nowhere", "x"], 1, "nowhere"),
        (["apply"], 1, "No file is named"),
        (["apply", "/nowhere.yaml"], 1, "/nowhere.yaml: It cannot be read"),
        (["send", "--action", "resolve"], 1, "It is not said what to resolve"),
        (["token", "revoke", "999999"], 1, "No token"),
        (["token", "add", "x", "--expires", "soon"], 1, "'soon' is not a duration"),
        (["user", "add", "Bo", "bo2@example.com", "--id", "bo"], 1, "There is a person 'bo' already"),
    ],
)
def test_wrong_usage_is_2_and_what_is_refused_is_1_in_words(
    program: Program, words: list[str], code: int, why: str
) -> None:
    done = tocsin(program.data, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert why in done.stderr


def test_without_a_data_folder_a_command_says_where_it_looked(tmp_path: Path) -> None:
    lost = tocsin(tmp_path / "nowhere", "incident", "list")
    assert lost.returncode == 1
    assert "There is no data folder here" in lost.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_stopped_program_takes_no_test_event(stopped: Path) -> None:
    refused = tocsin(stopped, "send", "x", "--integration", "shop-events")
    assert refused.returncode == 1
    assert "Start it with: tocsin run" in refused.stderr


# --- from elsewhere ---


def test_from_elsewhere_with_an_address_and_a_token(program: Program, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(program.token)
    for given in ({"TOCSIN_TOKEN": program.token}, {"TOCSIN_TOKEN_FILE": str(secret)}):
        far = tocsin(tmp_path / "nowhere", "user", "list", "--json", TOCSIN_URL=program.address, **given)
        assert far.returncode == 0, far.stderr
        assert {row["id"] for row in json.loads(far.stdout)} >= {"bo"}


def test_a_token_that_opens_nothing_and_an_address_where_nobody_is_are_said(
    program: Program, tmp_path: Path
) -> None:
    wrong = tocsin(tmp_path, "user", "list", TOCSIN_URL=program.address, TOCSIN_TOKEN="tok_wrong")
    assert (wrong.returncode, "Nobody is signed in" in wrong.stderr) == (1, True)
    nobody = tocsin(tmp_path, "user", "list", TOCSIN_URL="http://127.0.0.1:9", TOCSIN_TOKEN="tok_wrong")
    assert (nobody.returncode, "No Tocsin answers at http://127.0.0.1:9" in nobody.stderr) == (1, True)


# --- people, tokens, keys ---


def test_a_person_is_added_with_a_link_that_signs_them_in(program: Program) -> None:
    added = said(program.data, "user", "add", "Cleo Diaz", "cleo@example.com", "--role", "manager")
    assert (added["id"], added["role"]) == ("cleo-diaz", "manager")
    path = added["sign_in_link"]["url"].partition("/sign-in/")[2]
    assert program.raw("GET", f"/sign-in/{path}")[0] == 200
    assert "cleo@example.com" in tocsin(program.data, "user", "list").stdout
    again = said(program.data, "user", "link", "cleo-diaz")
    assert again["url"] != added["sign_in_link"]["url"]


def test_a_test_of_somebodys_contacts_says_what_became_of_each(program: Program) -> None:
    done = said(program.data, "user", "test-rules", "bo")
    assert [(each["contact"], each["state"]) for each in done["contacts"]] == [("console", "delivered")]
    assert done["passed"]
    last = tocsin(program.data, "user", "test-rules", "bo", "--last")
    assert last.returncode == 0
    assert "console  delivered  It arrived, says its provider." in last.stdout
    assert "The only contact was reached." in last.stdout
    nobody = tocsin(program.data, "user", "test-rules", "nobody")
    assert (nobody.returncode, "nobody" in nobody.stderr) == (1, True)


def test_a_token_is_shown_once_works_and_ends(program: Program) -> None:
    made = tocsin(program.data, "token", "add", "for the wall", "--scope", "read", "--expires", "2d")
    plain = made.stdout.strip()
    asked = {"Authorization": f"Bearer {plain}"}
    assert program.ask("GET", "/api/v1/incidents", headers=asked)[0] == 200
    (row,) = [row for row in said(program.data, "token", "list") if row["name"] == "for the wall"]
    assert plain not in json.dumps(row)
    assert tocsin(program.data, "token", "revoke", str(row["id"])).returncode == 0
    assert program.ask("GET", "/api/v1/incidents", headers=asked)[0] == 401


def test_a_key_is_shown_for_a_senders_set_up_and_renewed(program: Program, tmp_path: Path) -> None:
    assert tocsin(program.data, "integration", "key", "shop-events").stdout == KEY + "\n"
    more = ORGANISATION.replace("shop-events", "shop-second").replace(KEY, "f" * 32)
    assert apply(program.data, more).returncode == 0
    fresh = tocsin(program.data, "integration", "key", "shop-second", "--rotate").stdout.strip()
    assert fresh != "f" * 32
    done = tocsin(tmp_path, "send", "by key", TOCSIN_URL=program.address, TOCSIN_KEY=fresh)
    assert done.returncode == 0, done.stderr


# --- the organisation as files ---


def test_a_plan_is_told_and_only_then_done(program: Program) -> None:
    wider = ORGANISATION + "  - {id: search, name: Search, policy: web}\n"
    planned = apply(program.data, wider, "--dry-run")
    assert "1 to add, 0 to change, 0 to remove." in planned.stdout
    assert "What becomes of shifts" not in planned.stdout
    assert "search" not in tocsin(program.data, "export").stdout
    assert apply(program.data, wider).returncode == 0
    assert "search" in tocsin(program.data, "export").stdout
    assert apply(program.data, wider).stdout == "Nothing changes.\n"


def test_a_plan_tells_what_becomes_of_shifts(program: Program) -> None:
    layer = "{rotation: fixed, start: 2026-01-01, users: [bo]}"
    schedule = f"schedules:\n  - {{id: web, timezone: UTC, layers: [{layer}]}}\n"
    answer = apply(program.data, schedule, "--dry-run")
    assert answer.returncode == 0, answer.stderr
    planned = answer.stdout.splitlines()
    assert planned[-2] == "What becomes of shifts within 12 weeks:"
    assert planned[-1].startswith("  schedule web: 1 shift is new; 1 person is told; Bo Lind")


def test_what_is_exported_changes_nothing_when_it_is_applied(program: Program) -> None:
    text = tocsin(program.data, "export").stdout
    assert apply(program.data, text).stdout == "Nothing changes.\n"
    assert KEY not in text
    assert KEY in tocsin(program.data, "export", "--keys").stdout


def test_every_mistake_of_a_file_is_named_with_its_line(stopped: Path) -> None:
    wrong = apply(stopped, "users:\n  - {id: bo, nam: Bo}\ncolour: red\n")
    assert wrong.returncode == 1
    assert "organisation.yaml:2: Unknown key 'nam'" in wrong.stderr
    assert "organisation.yaml:3: Unknown section 'colour'" in wrong.stderr


# --- the journal ---


def test_a_changed_entry_is_found_and_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as program:
        declare(program)
        trigger(program, "disk")
        eventually(lambda: incidents(program))
        program.end()
    assert tocsin(data, "audit", "verify").stdout == "The journal is whole.\n"
    with closing(sqlite3.connect(data / "tocsin.db")) as database:
        database.execute("UPDATE journal_entry SET data = '{}' WHERE chain = 'incident:1' AND seq = 1")
        database.commit()
    found = tocsin(data, "audit", "verify")
    assert found.returncode == 1
    assert "incident:1" in found.stdout


# --- backup and restore ---


def test_a_backup_beside_the_running_program_comes_back_whole(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "monday.backup"
    made = said(program.data, "backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restored = said(
        tmp_path / "unused", "restore", str(file), "--data", str(tmp_path / "new"), "--hold-pending"
    )
    assert restored["journal"] == "whole"
    assert said(tmp_path / "new", "audit", "verify")["whole"]
    with closing(sqlite3.connect(tmp_path / "new" / "tocsin.db")) as database:
        rows = database.execute("SELECT count(*) FROM incident_incident").fetchone()[0]
    assert rows == made["rows"]["incident_incident"]
    # The keys that were sealed with the secret of the old instance open in the new one.
    assert tocsin(tmp_path / "new", "integration", "key", "shop-events").stdout == KEY + "\n"


def test_after_a_restore_nothing_is_sent_before_somebody_has_said_so(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "x.backup"
    soon = ORGANISATION.replace("timeout: 1h}]", "timeout: 1s}], repeat: 50")
    with running(data) as program:
        declare(program, soon)
        trigger(program, "disk")
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["sent"])
        assert tocsin(data, "backup", str(file)).returncode == 0
        program.end()
    unsaid = tocsin(tmp_path / "unused", "restore", str(file), "--data", str(tmp_path / "asks"))
    assert unsaid.returncode == 1
    assert "1 open incidents would page somebody" in unsaid.stderr
    assert list((tmp_path / "asks").iterdir()) == []
    held = said(tmp_path / "unused", "restore", str(file), "--data", str(tmp_path / "held"), "--hold-pending")
    assert held["held_incidents"] == [1]
    with running(tmp_path / "held") as program:
        before = program.ask("GET", "/api/v1/numbers")[1]["sent"]
        escalated = tocsin(program.data, "incident", "escalate", "1")
        assert escalated.returncode == 0, escalated.stderr
        eventually(lambda: program.ask("GET", "/api/v1/numbers")[1]["sent"] > before)
    sent = said(
        tmp_path / "unused", "restore", str(file), "--data", str(tmp_path / "sends"), "--send-pending"
    )
    assert sent["held_incidents"] == []


def test_a_backup_that_is_not_whole_leaves_nothing_behind(stopped: Path, tmp_path: Path) -> None:
    file = tmp_path / "good.backup"
    assert tocsin(stopped, "backup", str(file)).returncode == 0
    half = tmp_path / "half.backup"
    half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    other = tmp_path / "other.backup"
    other.write_text("not an archive")
    for bad in (half, other, tmp_path / "absent"):
        refused = tocsin(tmp_path, "restore", str(bad), "--data", str(tmp_path / "new"))
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_holds_something_is_not_restored_into(stopped: Path, tmp_path: Path) -> None:
    file = tmp_path / "good.backup"
    assert tocsin(stopped, "backup", str(file)).returncode == 0
    copy = tmp_path / "copy"
    shutil.copytree(stopped, copy)
    refused = tocsin(tmp_path, "restore", str(file), "--data", str(copy))
    assert (refused.returncode, "The data folder is not empty" in refused.stderr) == (1, True)
    assert tocsin(stopped, "backup", str(file)).returncode == 1  # nor is a backup written over another


# --- doctor ---


def test_doctor_sees_a_running_program_and_changes_nothing(program: Program) -> None:
    found = {one["about"]: one for one in said_whatever(program.data, "doctor")["findings"]}
    assert found["program"]["state"] == "ok"
    assert found["database"]["said"] == "whole, with a synced write-ahead log"
    assert found["tables"]["state"] == "ok"
    assert found["policies"]["state"] == "ok"


def test_doctor_names_whom_nobody_can_reach_and_exits_with_1(stopped: Path) -> None:
    wrong = ORGANISATION.replace('contacts: {console: "console:bo"}', "contacts: {}").replace(
        "rules: {high: [console], low: [console]}", "rules: {}"
    )
    lonely = stopped.parent / "lonely" / "data"
    lonely.mkdir(parents=True)
    done = apply(lonely, wrong)
    assert done.returncode == 0, done.stderr
    found = tocsin(lonely, "doctor")
    assert found.returncode == 1
    assert re.search(r"fail\s+people\s+without a contact: bo", found.stdout)
    assert re.search(r"warn\s+program\s+it is not running", found.stdout)


def said_whatever(data: Path, *words: str) -> Any:
    return json.loads(tocsin(data, *words, "--json").stdout)


# --- the reference ---


def test_the_reference_has_every_command_and_every_option() -> None:
    from tests.cli.reference import reference

    assert (ROOT / "docs" / "reference" / "cli.md").read_text() == reference(), (
        "run: python -m tests.cli.reference"
    )
